//! One JSON document, for programs: a stable contract, described in docs/output.md.

use serde::Serialize;

use super::entry::{Entry, entry};
use crate::diagnostic::{Diagnostics, Severity};
use crate::source::Sources;

/// Raised when a program that reads the document would have to change.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    findings: Vec<Entry<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    files: usize,
}

/// Every finding.
pub fn json(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let report = Report {
        version: VERSION,
        findings: diagnostics.iter().map(|diagnostic| entry(diagnostic, sources)).collect(),
        summary: Summary {
            errors: diagnostics.count(Severity::Error),
            warnings: diagnostics.count(Severity::Warning),
            files: sources.files().count(),
        },
    };
    // Strings and numbers under string keys: there is nothing that JSON cannot hold.
    serde_json::to_string_pretty(&report).unwrap_or_default()
}
