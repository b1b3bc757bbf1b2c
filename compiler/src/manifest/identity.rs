//! Whether a document is ours, and of which kind. Others (Kubernetes' own, charts, CI files) are left in peace.

use super::{API_VERSION, Kind, legacy};
use crate::diagnostic::Diagnostic;
use crate::diagnostic::Safety;
use crate::diagnostic::mask::shown;
use crate::diagnostic::nearest::{list, nearest};
use crate::schema::rules;
use crate::source::tree::{Content, Document, Node};

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
    if let Some(listed) = listed(document) {
        return Identity::Wrong(Box::new(in_a_list(listed)));
    }
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

/// A manifest of ours in a list: under `kind: List`, as `kubectl get -o yaml` prints them, or in a document that is a
/// list itself.
fn listed(document: &Document) -> Option<&Node> {
    let list = if let Content::Mapping(_) = document.root.content {
        let kind = document.root.entry("kind").and_then(|entry| entry.value.text())?;
        &document.root.entry("items").filter(|_| kind.ends_with("List"))?.value
    } else {
        &document.root
    };
    let Content::Sequence(items) = &list.content else { return None };
    let is_one = |item: &&Node| {
        let version = item.entry("apiVersion").and_then(|entry| entry.value.text());
        version.is_some_and(|version| version.split('/').next() == API_VERSION.split('/').next())
    };
    items.iter().find(is_one)
}

fn in_a_list(item: &Node) -> Diagnostic {
    let version = item.entry("apiVersion").map_or(item.span, |entry| entry.value.span);
    Diagnostic::new(&rules::UNKNOWN_KIND, version, "manifests in a list are not read")
        .label("this one would be ignored")
        .help("write each as a document of its own, with a line `---` between them")
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
            .suggest(kind, names, "the kinds are", Safety::Safe),
    ))
}
