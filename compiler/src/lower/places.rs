//! Where each field of a manifest stands, so that base rules can name its line.

use std::collections::BTreeMap;

use pai_bundle::origin::{Origin, Places};

use crate::manifest::{Resource, Spec};
use crate::source::Sources;
use crate::source::tree::Content;

/// The places of a manifest: its name and everything in its spec. A mapping or a list stands where its key does.
pub(super) fn places<S: Spec>(resource: &Resource<S>, sources: &Sources) -> Places {
    let root = &resource.document.root;
    let mut fields = BTreeMap::new();
    root.walk(&mut |pointer, key, node| {
        if pointer != "/metadata/name" && pointer != "/spec" && !pointer.starts_with("/spec/") {
            return;
        }
        let span = match (&node.content, key) {
            (Content::Scalar { .. }, _) | (_, None) => node.span,
            (_, Some(key)) => key,
        };
        fields.insert(pointer.to_owned(), sources.position(span));
    });
    Places { file: sources.path(root.span.file).to_owned(), document: sources.position(root.span), fields }
}

/// The place of one field.
pub(super) fn origin<S: Spec>(resource: &Resource<S>, field: &str, sources: &Sources) -> Origin {
    sources.origin(resource.at(field), field)
}
