//! Whether a document is ours, and of which kind. Others (Kubernetes' own, charts, CI files) are left in peace.

use super::{API_VERSION, Kind, legacy};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::mask::shown;
use crate::diagnostic::nearest::{list, nearest, suggest};
use crate::schema::rules;
use crate::source::tree::{Content, Document};

/// What a document says it is.
#[derive(Debug)]
pub(crate) enum Identity {
    /// Not a manifest of ours.
    Foreign,
    /// A manifest of this kind.
    Ours(Kind),
    /// Meant to be one of ours, and wrong already in its first lines.
    Wrong(Box<Diagnostic>),
}

/// Reads `apiVersion` and `kind`.
pub(crate) fn identify(document: &Document) -> Identity {
    if !matches!(document.root.content, Content::Mapping(_)) {
        return Identity::Foreign;
    }
    let text = |key: &str| document.root.entry(key).and_then(|entry| entry.value.text());
    let (version, kind) = (text("apiVersion"), text("kind"));
    match version {
        Some(API_VERSION) => kind_of(document, kind),
        Some(version) if is_meant(version, kind) => {
            Identity::Wrong(Box::new(wrong_version(document, version)))
        }
        None if kind.is_some_and(is_ours) && document.root.entry("apiVersion").is_none() => {
            let span = document.key_span("/kind");
            Identity::Wrong(Box::new(
                Diagnostic::new(&rules::API_VERSION, span, "the manifest has no `apiVersion`")
                    .label("a kind of ours")
                    .help(format!("add `apiVersion: {API_VERSION}`")),
            ))
        }
        _ => Identity::Foreign,
    }
}

/// Whether a kind is, or was, one of ours.
pub(crate) fn is_ours(kind: &str) -> bool {
    Kind::ALL.iter().any(|known| known.as_str() == kind) || legacy::new_form(kind).is_some()
}

/// Whether a wrong `apiVersion` was meant to be ours: our group, or nearly, or a core version beside a kind of ours.
fn is_meant(version: &str, kind: Option<&str>) -> bool {
    let group = version.split('/').next().unwrap_or_default();
    let ours = group == "pai.io" || group.ends_with(".pai.io");
    let near = strsim::damerau_levenshtein(version, API_VERSION) <= 2 || !version.contains('.');
    ours || (near && kind.is_some_and(is_ours))
}

fn wrong_version(document: &Document, version: &str) -> Diagnostic {
    Diagnostic::new(
        &rules::API_VERSION,
        document.span("/apiVersion"),
        format!("apiVersion {} is not known", shown(version)),
    )
    .label("not a version of ours")
    .help(format!("write `apiVersion: {API_VERSION}`"))
}

fn kind_of(document: &Document, kind: Option<&str>) -> Identity {
    let Some(kind) = kind else {
        let span = document.key_span("/apiVersion");
        let names = Kind::ALL.map(Kind::as_str);
        return Identity::Wrong(Box::new(
            Diagnostic::new(&rules::NO_KIND, span, "the manifest has no `kind`")
                .label("of which kind?")
                .help(format!("add `kind:` with one of {}", list(&names))),
        ));
    };
    if let Some(known) = Kind::ALL.into_iter().find(|known| known.as_str() == kind) {
        return Identity::Ours(known);
    }
    let span = document.span("/kind");
    if let Some(new_form) = legacy::new_form(kind) {
        return Identity::Wrong(Box::new(
            Diagnostic::new(&rules::OLD_KIND, span, format!("kind `{kind}` is no longer read"))
                .label("an older kind")
                .help(new_form),
        ));
    }
    let names = Kind::ALL.map(Kind::as_str);
    let label = if nearest(kind, names).is_some() { "no such kind" } else { "not a kind of pai.io/v1" };
    Identity::Wrong(Box::new(
        Diagnostic::new(&rules::UNKNOWN_KIND, span, format!("kind {} is not known", shown(kind)))
            .label(label)
            .maybe_help(suggest(kind, names, "the kinds are")),
    ))
}
