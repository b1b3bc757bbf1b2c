//! Model patterns of `allowedModels` and `deniedModels`: literal text in which `*` stands for any run of characters.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

pub mod language;
pub mod list;

/// A pattern such as `claude-*` or `gpt-4o`. Case counts; there is no escape, since model ids have no `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Takes the text as it is; every text is a pattern.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern is plain text, matching itself alone.
    pub fn is_literal(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether the whole of `text` matches. Linear in practice: only the last `*` is ever tried again.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text) = (self.0.as_bytes(), text.as_bytes());
        let (mut p, mut t) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (pattern.get(p), text.get(t)) {
                (Some(b'*'), _) => {
                    retry = Some((p + 1, t));
                    p += 1;
                }
                (Some(a), Some(b)) if a == b => {
                    p += 1;
                    t += 1;
                }
                (None, None) => return true,
                _ => match retry {
                    Some((after_star, from)) if from < text.len() => {
                        retry = Some((after_star, from + 1));
                        p = after_star;
                        t = from + 1;
                    }
                    _ => return false,
                },
            }
        }
    }
}

impl Pattern {
    /// Whether everything that `other` matches is matched by this one.
    ///
    /// Exact, also for lists: a pattern lies within a list only if it lies within one pattern of it. Put a character
    /// that no pattern has in the place of each star of `other`. That text is matched by `other`, and whoever else
    /// matches it does so with a star where that character stands, and so matches whatever else may stand there. A
    /// star is such a character, because no pattern wants one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }

    /// What the pattern wants behind `prefix`: texts that one of these matches, put behind `prefix`, are matched.
    #[must_use]
    pub fn behind(&self, prefix: &str) -> Vec<Self> {
        let mut places = vec![self.0.as_str()];
        for c in prefix.chars() {
            let mut next = BTreeSet::new();
            for mut rest in places {
                while let Some(behind) = rest.strip_prefix('*') {
                    next.insert(rest);
                    rest = behind;
                }
                next.extend(rest.strip_prefix(c));
            }
            places = next.into_iter().collect();
        }
        places.into_iter().map(Self::new).collect()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("claude-*", "claude-sonnet-4-6", true),
            ("claude-*", "claude-", true),
            ("claude-*", "gpt-4o", false),
            ("*", "", true),
            ("*-mini", "gpt-4o-mini", true),
            ("*-mini", "gpt-4o-mini-x", false),
            ("a*b*c", "aXbYbZc", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    /// The definition, slow and plain.
    fn definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|n| definition(rest, &text[n..])),
            (Some((a, pattern)), Some((b, text))) => a == b && definition(pattern, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(
                Pattern::new(pattern.clone()).matches(&text),
                definition(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
