//! Better advice than Cedar's own, for the two mistakes that authors make most.

use pai_policies::vocabulary::action;

use super::snippet::Snippet;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::nearest::suggest;

/// Actions that a policy may name.
const ACTIONS: [&str; 6] =
    [action::INVOKE, action::EMBED, action::COUNT_TOKENS, action::LIST, action::SPEND, action::USE];

/// The nearest action: Cedar suggests one by a measure that prefers short names.
pub(super) fn action(diagnostic: Diagnostic) -> Diagnostic {
    let written = diagnostic.message.strip_prefix("unrecognized action `Action::\"");
    let written = written.and_then(|rest| rest.strip_suffix("\"`"));
    let help = written.and_then(|written| suggest(written, ACTIONS, "the actions are"));
    diagnostic.maybe_help(help)
}

/// A forgotten `;` is noticed one word late: behind the `forbid` or `permit` of the next policy, or at the end.
pub(super) fn semicolon(diagnostic: Diagnostic, file: Snippet<'_>) -> Diagnostic {
    let span = diagnostic.primary.span;
    let before = file.text.get(..span.start).unwrap_or_default().trim_end();
    let previous = before.strip_suffix("forbid").or_else(|| before.strip_suffix("permit"));
    let at_end = file.text.get(span.end..).is_none_or(|rest| rest.trim().is_empty());
    let forgotten = match previous.map(str::trim_end) {
        Some(previous) if previous.ends_with(['}', ')']) => Some(previous),
        None if at_end && !file.text.trim_end().ends_with(';') => Some(file.text.trim_end()),
        _ => None,
    };
    let Some(end) = forgotten.map(str::len).filter(|end| *end > 0) else { return diagnostic };
    let mut diagnostic = diagnostic.label("a `;` is missing behind this").help("end each policy with `;`");
    "a policy does not end with `;`".clone_into(&mut diagnostic.message);
    diagnostic.primary.span.start = end - 1;
    diagnostic.primary.span.end = end;
    diagnostic
}
