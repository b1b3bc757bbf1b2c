//! SARIF 2.1.0, for code scanning: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::entry::{Entry, Fix, Range, entry};
use crate::check;
use crate::diagnostic::{Diagnostics, Rule, Severity};
use crate::source::Sources;

/// Every finding, under the catalogue of all rules.
pub fn sarif(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let rules: Vec<&Rule> = check::rules().collect();
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|diagnostic| {
            let index = rules.iter().position(|rule| *rule == diagnostic.rule);
            result(&entry(diagnostic, sources), index)
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "pai",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| catalogued(rule)).collect::<Vec<_>>(),
            } },
            // GitHub takes any; ours count characters, not UTF-16 units, which is SARIF's default.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&log).unwrap_or_default()
}

fn catalogued(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.explanation },
        "help": { "text": format!("{}\n\nFound in:\n\n{}\nNot found in:\n\n{}", rule.explanation, rule.fails, rule.passes) },
        "defaultConfiguration": { "level": level(rule.severity.as_str()) },
    })
}

fn result(entry: &Entry<'_>, index: Option<usize>) -> Value {
    let mut text = entry.message.clone();
    for more in std::iter::once(&entry.label).filter(|label| !label.is_empty()).chain(&entry.help) {
        text.push('\n');
        text.push_str(more);
    }
    let mut result = json!({
        "ruleId": entry.code,
        "level": level(entry.severity),
        "message": { "text": text },
        "locations": [{ "physicalLocation": location(entry.file, entry.range) }],
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if !entry.related.is_empty() {
        let related = entry.related.iter().enumerate().map(|(id, other)| {
            json!({ "id": id, "message": { "text": other.message },
                    "physicalLocation": location(other.file, other.range) })
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(fix) = &entry.fix {
        result["fixes"] = json!([fixed(fix)]);
    }
    result
}

fn fixed(fix: &Fix<'_>) -> Value {
    json!({
        "description": { "text": format!("write `{}`", fix.replacement) },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(fix.file) },
            "replacements": [{ "deletedRegion": region(fix.range), "insertedContent": { "text": fix.replacement } }],
        }],
    })
}

fn level(severity: &str) -> &str {
    if severity == Severity::Error.as_str() { "error" } else { "warning" }
}

fn location(file: &str, range: Range) -> Value {
    json!({ "artifactLocation": { "uri": uri(file) }, "region": region(range) })
}

/// Columns from 1; an end column is behind the last character. A region without extent is the place itself.
fn region(range: Range) -> Value {
    json!({
        "startLine": range.start.line, "startColumn": range.start.column,
        "endLine": range.end.line, "endColumn": range.end.column,
    })
}

/// What a path has beside letters and digits that a URI takes as it is (RFC 3986, 2.3).
const IN_PATHS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A path as a relative URI.
fn uri(path: &str) -> String {
    utf8_percent_encode(path, IN_PATHS).to_string()
}
