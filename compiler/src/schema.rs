//! JSON Schemas from the manifest types, and documents checked against them.

use std::collections::BTreeSet;

use serde_json::Value;

pub(crate) mod generate;
pub(crate) mod rules;
mod formats;
mod validator;
mod wording;

pub use generate::{SchemaFile, files};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::{Manifest, Spec};
use crate::source::Span;
use crate::source::scalar::without_underscores;
use crate::source::tree::{Content, Document, Spelling};

/// What was complained about already: what the schema says of it is a consequence.
#[derive(Debug, Default)]
pub(crate) struct Spoilt {
    /// Places.
    pub(crate) spans: Vec<Span>,
    /// Whether entries were left out, so that fields may be missing which are written there.
    pub(crate) incomplete: bool,
}

impl Spoilt {
    fn explains(&self, finding: &Diagnostic) -> bool {
        let span = finding.primary.span;
        let touched = self.spans.iter().any(|spoilt| spoilt.start <= span.end && span.start <= spoilt.end);
        touched || (self.incomplete && finding.rule == &rules::MISSING_FIELD)
    }
}

/// Checks a document and reads it.
pub(crate) fn read<S: Spec>(
    document: &Document,
    spoilt: &Spoilt,
    found: &mut Diagnostics,
) -> Option<Manifest<S>> {
    let Some(checker) = validator::of(S::KIND) else {
        found.push(rules::internal(document.root.span, "its schema cannot be used"));
        return None;
    };
    let mut value = document.root.to_value();
    integers_with_underscores(document, &checker.validator, &mut value);
    let mut invalid = false;
    for error in checker.validator.iter_errors(&value) {
        invalid = true;
        let findings = wording::diagnostics(&error, document, &checker.schema);
        found.extend(findings.into_iter().filter(|finding| !spoilt.explains(finding)));
    }
    if invalid {
        return None;
    }
    match serde_path_to_error::deserialize::<_, Manifest<S>>(value) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            found.push(wording::unreadable(&error.path().to_string(), &error.inner().to_string(), document));
            None
        }
    }
}

/// Makes integers of digits with underscores where the schema wants integers. In YAML 1.2 they are text, and stay
/// text in text fields.
fn integers_with_underscores(document: &Document, validator: &jsonschema::Validator, value: &mut Value) {
    let mut written = BTreeSet::new();
    document.root.walk(&mut |pointer, _, node| {
        if matches!(node.content, Content::Scalar { spelling: Spelling::Underscores, .. }) {
            written.insert(pointer.to_owned());
        }
    });
    if written.is_empty() {
        return;
    }
    let wanted: Vec<String> = validator
        .iter_errors(value)
        .filter(|error| matches!(error.kind(), jsonschema::error::ValidationErrorKind::Type { .. }))
        .map(|error| error.instance_path().to_string())
        .filter(|pointer| written.contains(pointer))
        .collect();
    for pointer in wanted {
        if let Some(place) = value.pointer_mut(&pointer)
            && let Some(number) = place.as_str().and_then(without_underscores)
        {
            *place = number;
        }
    }
}
