//! A finding as machines read it, in plain types: what the JSON form writes and the other forms are made from.

use pai_bundle::origin::Position;
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Label, Safety, mask};
use crate::source::{Sources, Span};

/// One finding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) severity: &'static str,
    pub(super) message: String,
    pub(super) file: &'a str,
    pub(super) range: Range,
    /// The words at the place.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) label: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) related: Vec<Related<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<Fix<'a>>,
}

/// Another place.
#[derive(Debug, Serialize)]
pub(super) struct Related<'a> {
    pub(super) file: &'a str,
    pub(super) range: Range,
    pub(super) message: String,
}

/// A correction.
#[derive(Debug, Serialize)]
pub(super) struct Fix<'a> {
    pub(super) applicability: &'static str,
    pub(super) file: &'a str,
    pub(super) range: Range,
    pub(super) replacement: String,
}

/// From the first character to behind the last.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Range {
    pub(super) start: Place,
    pub(super) end: Place,
}

/// A place in a file: line and column from 1, the column in characters (Unicode scalar values), the byte from 0.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) byte: usize,
}

pub(super) fn entry<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Entry<'a> {
    let related = |label: &Label| Related {
        file: sources.path(label.span.file),
        range: range(label.span, sources),
        message: mask::text(&label.text).into_owned(),
    };
    Entry {
        code: diagnostic.code(),
        name: diagnostic.rule.name,
        severity: diagnostic.severity().as_str(),
        message: mask::text(&diagnostic.message).into_owned(),
        file: sources.path(diagnostic.primary.span.file),
        range: range(diagnostic.primary.span, sources),
        label: mask::text(&diagnostic.primary.text).into_owned(),
        related: diagnostic.secondary.iter().map(related).collect(),
        help: diagnostic.help.as_deref().map(|help| mask::text(help).into_owned()),
        fix: diagnostic.edit.as_ref().map(|edit| Fix {
            applicability: match edit.safety {
                Safety::Safe => "safe",
                Safety::Unsafe => "unsafe",
            },
            file: sources.path(edit.span.file),
            range: range(edit.span, sources),
            replacement: edit.text(sources),
        }),
    }
}

fn range(span: Span, sources: &Sources) -> Range {
    let place = |byte| {
        let Position(line, column) = sources.position(Span::new(span.file, byte, byte));
        Place { line, column, byte }
    };
    Range { start: place(span.start), end: place(span.end) }
}
