//! "Did you mean": the known name that is nearest to what was written.

use std::cell::Cell;
use std::collections::BTreeMap;

use pai_bundle::name::{Name, QualifiedName};

/// How many names a list in a help text has at most.
const LISTED: usize = 8;

/// The nearest of `known`, if it is near enough for a slip of the fingers.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<Candidate<'a>> = known.into_iter().map(Candidate::new).collect();
    nearest_of(written, &known)
}

fn nearest_of<'a>(written: &str, known: &[Candidate<'a>]) -> Option<&'a str> {
    let written = Candidate::new(written);
    let allowed = 1 + written.chars / 4;
    let scored = known.iter().filter_map(|candidate| {
        let distance = written.distance(candidate, allowed)?;
        Some((distance, candidate.name))
    });
    scored.min().map(|(_, name)| name)
}

/// A name, prepared for comparisons.
#[derive(Debug)]
struct Candidate<'a> {
    name: &'a str,
    lower: String,
    chars: usize,
    /// Which characters it has, by their numbers modulo 64.
    letters: u64,
}

impl<'a> Candidate<'a> {
    fn new(name: &'a str) -> Self {
        let lower = name.to_lowercase();
        let letters = lower.chars().fold(0, |letters, c| letters | (1 << (u32::from(c) % u64::BITS)));
        Self { chars: lower.chars().count(), letters, lower, name }
    }

    /// How many slips there are from one to the other; `None` where there are more than `allowed`.
    fn distance(&self, other: &Self, allowed: usize) -> Option<usize> {
        if self.chars >= 4 && (other.lower.starts_with(&self.lower) || self.lower.starts_with(&other.lower)) {
            return Some(usize::from(self.lower != other.lower));
        }
        // Each character too many, and each that the other does not have at all, takes a slip of its own.
        let missing = (self.letters & !other.letters).count_ones();
        let missing = missing.max((other.letters & !self.letters).count_ones());
        let at_least = self.chars.abs_diff(other.chars).max(usize::try_from(missing).unwrap_or_default());
        if at_least > allowed {
            return None;
        }
        let distance = strsim::damerau_levenshtein(&self.lower, &other.lower);
        (distance <= allowed).then_some(distance)
    }
}

/// How many names are looked at in all for [`Known::nearest`]: half a second at the most. Whoever has more wrong names than
/// that looks for another cause than slips, and the time must not grow with the square of a workspace.
const COMPARISONS_MAX: usize = 1_000_000;

/// The names of each namespace, for many questions.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    names: BTreeMap<&'a Name, Vec<Candidate<'a>>>,
    comparisons_left: Cell<usize>,
}

impl<'a> Known<'a> {
    pub(crate) fn new(all: impl IntoIterator<Item = &'a QualifiedName>) -> Self {
        let mut names = BTreeMap::<_, Vec<_>>::new();
        for name in all {
            names.entry(&name.namespace).or_default().push(Candidate::new(name.name.as_str()));
        }
        Self { names, comparisons_left: Cell::new(COMPARISONS_MAX) }
    }

    /// As [`nearest()`], among the names of a namespace; none once too many have been looked for.
    pub(crate) fn nearest(&self, namespace: &Name, written: &str) -> Option<&'a str> {
        let names = self.names.get(namespace)?;
        self.comparisons_left.set(self.comparisons_left.get().checked_sub(names.len())?);
        nearest_of(written, names)
    }

    /// As [`list`], of a namespace; `None` where it has no names.
    pub(crate) fn list(&self, namespace: &Name) -> Option<String> {
        let names = self.names.get(namespace)?;
        let first: Vec<&str> = names.iter().take(LISTED).map(|candidate| candidate.name).collect();
        Some(listed(&first, names.len()))
    }
}

/// `did you mean X?`, or else what there is: `NOUN are: a, b`.
pub fn suggest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>, noun: &str) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(written, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    if known.is_empty() {
        return None;
    }
    Some(format!("{noun}: {}", list(&known)))
}

/// Names in backticks, with "and N more" where there are many.
pub(crate) fn list(names: &[&str]) -> String {
    listed(names, names.len())
}

fn listed(first: &[&str], all: usize) -> String {
    let shown: Vec<String> = first.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match all.checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["maxTokensPerDay", "maxTokensPerRequest", "models", "retry"];
        for (written, expected) in [
            ("maxTokenPerDay", Some("maxTokensPerDay")),
            ("maxtokensperday", Some("maxTokensPerDay")),
            ("modles", Some("models")),
            ("model", Some("models")),
            ("budget", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
    }

    /// Without any shortcut.
    fn slowly<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
        let lower = written.to_lowercase();
        let scored = known.iter().map(|name| {
            let candidate = name.to_lowercase();
            let same_start =
                lower.len() >= 4 && (candidate.starts_with(&lower) || lower.starts_with(&candidate));
            let distance = strsim::damerau_levenshtein(&lower, &candidate);
            (if same_start { distance.min(1) } else { distance }, *name)
        });
        let allowed = 1 + written.chars().count() / 4;
        scored.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
    }

    proptest! {
        #[test]
        fn shortcuts_change_nothing(written in "[a-d1-3.A-]{1,9}", known in prop::collection::vec("[a-d1-3.A-]{1,9}", 0..12)) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            prop_assert_eq!(nearest(&written, known.iter().copied()), slowly(&written, &known));
        }
    }

    fn qualified(name: &str) -> QualifiedName {
        name.parse().unwrap()
    }

    #[test]
    fn names_are_known_by_namespace() {
        let names = [qualified("blue/anthropic"), qualified("blue/openai"), qualified("red/local")];
        let known = Known::new(&names);
        let (blue, green) = (qualified("blue/x").namespace, qualified("green/x").namespace);
        assert_eq!(known.nearest(&blue, "antropic"), Some("anthropic"));
        assert_eq!(known.nearest(&blue, "locl"), None);
        assert_eq!(known.list(&blue).as_deref(), Some("`anthropic`, `openai`"));
        assert_eq!((known.nearest(&green, "local"), known.list(&green)), (None, None));
    }

    #[test]
    fn looking_for_names_ends() {
        // Most are passed over by their length, so that this is quick.
        let names = (0..999).map(|n| format!("blue/p{n}")).chain(["blue/needlework".to_owned()]);
        let names: Vec<QualifiedName> = names.map(|name| qualified(&name)).collect();
        let (known, blue) = (Known::new(&names), &names[0].namespace);
        let lookups = COMPARISONS_MAX / names.len();
        let found = (0..lookups + 5).filter(|_| known.nearest(blue, "nedlework").is_some()).count();
        assert_eq!(found, lookups);
        assert!(known.list(blue).unwrap().ends_with("and 992 more"));
    }
}
