//! The text of each policy within its file. Cedar keeps no place of a policy, only its text; the places are found again.

use cedar_policy::{Policy, PolicySet};

/// A policy's text and where in the file it starts, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Snippet<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

/// The policies and templates (`None`) of a file in the order in which they stand there.
pub(super) fn snippets<'a>(set: &PolicySet, text: &'a str) -> Vec<(Snippet<'a>, Option<Policy>)> {
    // The parser names them policy0, policy1 and so on.
    let number = |id: &str| id.trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX);
    let policies =
        set.policies().map(|policy| (number(policy.id().as_ref()), policy.to_string(), Some(policy.clone())));
    let templates =
        set.templates().map(|template| (number(template.id().as_ref()), template.to_string(), None));
    let mut all: Vec<(usize, String, Option<Policy>)> = policies.chain(templates).collect();
    all.sort_by_key(|(number, ..)| *number);
    let mut from = 0;
    let mut found = Vec::new();
    for (_, written, policy) in all {
        let rest = text.get(from..).unwrap_or_default();
        let start = from + rest.find(&written).unwrap_or(0);
        let end = (start + written.len()).min(text.len());
        found.push((Snippet { text: text.get(start..end).unwrap_or_default(), start }, policy));
        from = end;
    }
    found
}

impl Snippet<'_> {
    /// Where a word or operator stands outside of strings and comments.
    pub(super) fn word(&self, word: &str) -> Option<(usize, usize)> {
        let mut rest = self.text;
        while let Some(first) = rest.chars().next() {
            let at = self.text.len() - rest.len();
            if rest.starts_with(word) {
                return Some((self.start + at, self.start + at + word.len()));
            }
            let skip = match first {
                '"' => string_length(rest),
                '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
                other => other.len_utf8(),
            };
            rest = rest.get(skip.max(1)..).unwrap_or_default();
        }
        None
    }

    /// The last character that is no space: where an unexpected end is shown.
    pub(super) fn last_word(&self) -> Option<(usize, usize)> {
        let written = self.text.trim_end();
        let (at, last) = written.char_indices().next_back()?;
        Some((self.start + at, self.start + at + last.len_utf8()))
    }
}

/// The length of the string literal that `text` starts with, quotes included.
pub(crate) fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_strings_and_comments_are_not_found() {
        let text = "@reason(\"a \\\" + b\") // +\nforbid (principal, action, resource) when { 1 + 2 > 3 };";
        let snippet = Snippet { text, start: 100 };
        assert_eq!(snippet.word("+"), text.rfind('+').map(|at| (100 + at, 101 + at)));
    }

    #[test]
    fn policies_are_found_again_in_their_file() {
        let text = "// first\n@id(\"a\")\nforbid (principal, action, resource);\n\n// second\nforbid (principal, action, resource);\n";
        let set: PolicySet = text.parse().unwrap();
        let starts: Vec<usize> = snippets(&set, text).iter().map(|(snippet, _)| snippet.start).collect();
        assert_eq!(starts, [text.find('@').unwrap(), text.rfind("forbid").unwrap()]);
    }
}
