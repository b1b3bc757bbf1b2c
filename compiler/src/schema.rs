//! JSON Schemas from the manifest types, and documents checked against them.

use serde::de::DeserializeOwned;
use serde_json::Value;

mod titles;
pub(crate) mod generate;
mod combined;
mod portable;
mod subject;
pub mod crd;
mod reference;
pub mod file;
pub(crate) mod rules;
mod formats;
mod place;
mod validator;
mod wording;

pub use file::{SchemaFile, files};
pub use reference::reference;
pub use subject::{Subject, UnknownKind};

pub use crate::manifest::Kind;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inspect::suite::cases::CaseFile;
use crate::manifest::{self, Manifest, Spec};
use crate::source::Span;
use crate::source::scalar::{self, without_underscores};
use crate::source::tree::{Content, Document, Spelling};
use validator::Checker;

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

/// Checks a manifest and reads it.
pub(crate) fn read<S: Spec>(
    document: &Document,
    spoilt: &Spoilt,
    found: &mut Diagnostics,
) -> Option<Manifest<S>> {
    typed(document, validator::of(S::KIND), spoilt, found)
}

/// Checks a file of cases and reads it.
pub(crate) fn read_cases(document: &Document, found: &mut Diagnostics) -> Option<CaseFile> {
    typed(document, validator::of_cases(), &Spoilt::default(), found)
}

fn typed<T: DeserializeOwned>(
    document: &Document,
    checker: Option<&Checker>,
    spoilt: &Spoilt,
    found: &mut Diagnostics,
) -> Option<T> {
    let Some(checker) = checker else {
        found.push(rules::internal(document.root.span, "its schema cannot be used"));
        return None;
    };
    let mut value = document.root.to_value();
    let differing = settle_spellings(document, &checker.schema, &mut value);
    let mut invalid = !differing.is_empty();
    found.extend(differing);
    for error in checker.validator.iter_errors(&value) {
        invalid = true;
        let findings = wording::diagnostics(&error, document, checker);
        found.extend(findings.into_iter().filter(|finding| !spoilt.explains(finding)));
    }
    if invalid {
        return None;
    }
    match serde_path_to_error::deserialize::<_, T>(value) {
        Ok(read) => Some(read),
        Err(error) => {
            let path = error.path().to_string();
            found.push(wording::unreadable(&path, &error.inner().to_string(), document, checker));
            None
        }
    }
}

/// A manifest as data, with the numbers that its author meant; checked or not.
pub(crate) fn settled(kind: Kind, document: &Document) -> Value {
    let mut value = document.root.to_value();
    if let Some(checker) = validator::of(kind) {
        settle_spellings(document, &checker.schema, &mut value);
    }
    value
}

/// Makes integers of digits with underscores where the schema wants numbers, and complains of them where it wants text,
/// since YAML 1.1 readers take them for numbers there; the same with days and times that stand where no time is wanted.
fn settle_spellings(document: &Document, schema: &Value, value: &mut Value) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    document.root.walk(&mut |pointer, _, node| {
        let Content::Scalar { value: Value::String(text), spelling } = &node.content else { return };
        if *spelling == Spelling::Usual {
            return;
        }
        let Some(wanted) = place::at(schema, pointer) else { return };
        let as_text = place::wants(wanted, "string") || wanted.get("type").is_none();
        let why = match spelling {
            Spelling::Underscores if place::wants(wanted, "integer") || place::wants(wanted, "number") => {
                if let (Some(number), Some(place)) = (without_underscores(text), value.pointer_mut(pointer)) {
                    *place = number;
                }
                return;
            }
            Spelling::Underscores => "some YAML readers take it for a number",
            _ if wanted.get("format").is_some_and(|format| format == manifest::text::format::MOMENT) => {
                return;
            }
            _ => "some YAML readers take it for a point in time",
        };
        // Where something else altogether is wanted, the schema says so.
        if as_text {
            findings.push(scalar::ambiguous(text, why, node.span));
        }
    });
    findings
}
