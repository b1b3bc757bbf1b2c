//! Annotations of authors' policies: refusals are made from them, so that a word that nothing reads leaves a caller without
//! the reason, and one that is ours would name a line of somebody's manifest in the place of the rule.

use pai_policies::vocabulary::{annotation, kind};

use super::rules;
use super::snippet::Snippet;
use crate::diagnostic::mask::shown;
use crate::diagnostic::nearest::suggest;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// What authors may write.
const OPEN: [&str; 5] =
    [annotation::ID, annotation::REASON, annotation::HELP, annotation::CODE, annotation::KIND];

/// What only rules that pai makes have: it names the place that a refusal points to.
const OURS: [&str; 3] = [annotation::SOURCE, annotation::FIELD, annotation::SUBJECT];

/// Every annotation that is not for authors, or says nothing.
pub(super) fn find(policy: &cedar_policy::Policy, id: FileId, snippet: Snippet<'_>, found: &mut Diagnostics) {
    let mut all: Vec<(&str, &str)> = policy.annotations().collect();
    all.sort_unstable();
    for (name, value) in all {
        let (start, end) =
            snippet.word(&format!("@{name}")).unwrap_or((snippet.start, snippet.start + snippet.text.len()));
        let finding =
            |message: String| Diagnostic::new(&rules::ANNOTATION, Span::new(id, start, end), message);
        if OURS.contains(&name) {
            found.push(
                finding(format!("`@{name}` belongs to rules that pai makes"))
                    .label("would name another place than this rule")
                    .help("remove it; refusals name this rule and its line by themselves"),
            );
        } else if !OPEN.contains(&name) {
            found.push(
                finding(format!("there is no annotation `@{name}`"))
                    .label("nothing reads it")
                    .maybe_help(suggest(name, OPEN, "the annotations are")),
            );
        } else if name == annotation::KIND && !kind::ALL.contains(&value) {
            found.push(
                finding(format!("there is no kind of refusal {}", shown(value)))
                    .label("no such kind")
                    .maybe_help(suggest(value, kind::ALL, "the kinds are")),
            );
        } else if value.trim().is_empty() {
            found.push(
                finding(format!("`@{name}` is empty"))
                    .label("says nothing")
                    .help("write it out, or remove it"),
            );
        } else if name == annotation::ID && value.chars().any(char::is_control) {
            found.push(
                finding("an `@id` is one line of text".to_owned())
                    .label("has control characters")
                    .help("records and reports have one line for each rule"),
            );
        }
    }
}
