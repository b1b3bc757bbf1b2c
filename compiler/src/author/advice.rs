//! Better advice than Cedar's own, for the mistakes that authors make most.

use pai_policies::vocabulary::{action, entity};

use super::snippet::Snippet;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::nearest::{nearest, suggest};

/// Entity types that a policy may name.
const TYPES: [&str; 5] =
    [entity::AGENT, entity::ACCESS_KEY, entity::MODEL, entity::MODEL_PROVIDER, entity::NAMESPACE];

/// Actions that a policy may name.
const ACTIONS: [&str; 6] =
    [action::INVOKE, action::EMBED, action::COUNT_TOKENS, action::LIST, action::SPEND, action::USE];

/// Our advice in place of Cedar's, where we have any.
pub(super) fn own(diagnostic: Diagnostic, policy: Snippet<'_>) -> Diagnostic {
    let help = words(&diagnostic, policy);
    action(diagnostic).maybe_help(help.map(ToOwned::to_owned))
}

fn words(diagnostic: &Diagnostic, policy: Snippet<'_>) -> Option<&'static str> {
    let message = diagnostic.message.as_str();
    if message.starts_with("unrecognized entity type `") {
        let written = message.split('`').nth(1).unwrap_or_default();
        return nearest(written, TYPES).is_none().then_some(
            "there are `Agent`, `AccessKey`, `Model`, `ModelProvider` and `Namespace`; people and groups are none, so name \
             the keys, or give them a namespace",
        );
    }
    if message.contains("AnyEntity but saw") {
        return Some(
            "`in` is for entities; a text is in a list where `[\"one\", \"two\"].contains(context.model)`",
        );
    }
    if message.contains("is not a valid method") {
        return Some("texts have `==` and `like \"claude-*\"`; addresses `isInRange`, sets `contains`");
    }
    let is_about_provider = ["resource == ModelProvider::", "resource is ModelProvider"]
        .iter()
        .any(|scope| policy.text.contains(scope));
    if message.starts_with("policy is impossible") && is_about_provider {
        return Some(
            "a resource is a model: write `resource in ModelProvider::\"…\"` for those of a provider",
        );
    }
    None
}

/// The nearest action: Cedar suggests one by a measure that prefers short names.
fn action(diagnostic: Diagnostic) -> Diagnostic {
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
