//! Values as YAML: on lines of their own as `pai fmt` lays them out, or in brackets.

use serde_json::Value;

use crate::source::scalar::{Plain, plain};
use crate::source::tree::Spelling;

/// The fields that are for a day or a time.
const MOMENT: &str = "expires";

/// A whole manifest, with its line end.
pub fn manifest(value: &Value) -> String {
    format!("{}\n", block(value, 0))
}

/// A list or mapping on lines of its own, each behind `column` spaces, without a line end at its end.
pub(super) fn block(value: &Value, column: usize) -> String {
    let lines: Vec<String> = match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().map(|(key, value)| entry(key, value, column)).collect()
        }
        Value::Array(items) if !items.is_empty() => items.iter().map(|value| item(value, column)).collect(),
        small => vec![format!("{}{}", " ".repeat(column), flow(small))],
    };
    lines.join("\n")
}

/// A key with its value.
pub(super) fn entry(name: &str, value: &Value, column: usize) -> String {
    let indent = " ".repeat(column);
    let name = key(name, false);
    if is_large(value) {
        format!("{indent}{name}:\n{}", block(value, column + 2))
    } else {
        format!("{indent}{name}: {}", valued(&name, value))
    }
}

/// A small value behind its key. Days and times stand in quotes where a field is not for them: YAML 1.1 readers would
/// take text for a point in time.
fn valued(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) if name == MOMENT && matches!(plain(text), Plain::Means(_, Spelling::Date)) => {
            text.clone()
        }
        _ => flow(value),
    }
}

/// A dash with its value.
pub(super) fn item(value: &Value, column: usize) -> String {
    let indent = " ".repeat(column);
    if is_large(value) {
        format!("{indent}- {}", block(value, column + 2).trim_start())
    } else {
        format!("{indent}- {}", flow(value))
    }
}

fn is_large(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// Any value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => string(text, true),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", key(name, true), valued(name, value)))
                .collect();
            if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
        }
    }
}

/// A key.
pub(super) fn key(name: &str, in_brackets: bool) -> String {
    string(name, in_brackets)
}

/// Text in double quotes, as JSON writes it, which YAML reads.
pub(super) fn quoted(text: &str) -> String {
    let text = Value::from(text).to_string();
    // What JSON leaves as it is, and YAML does not.
    let is_printable = |c: char| !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars()
        .map(|c| if is_printable(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
        .collect()
}

/// Text without quotes where every reader takes it for the same text.
fn string(text: &str, in_brackets: bool) -> String {
    let is_text = match plain(text) {
        Plain::Means(Value::String(_), Spelling::Usual) => true,
        Plain::Means(..) | Plain::Ambiguous(_) => false,
    };
    let starts = text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '~'));
    let calm = text.chars().all(|c| {
        c.is_alphanumeric() || " /._-+@*=()~:#%".contains(c) || (!in_brackets && ",[]{}".contains(c))
    });
    let marks = [": ", " #"].iter().any(|mark| text.contains(mark)) || text.ends_with([':', ' ']);
    if is_text && starts && calm && !marks { text.to_owned() } else { quoted(text) }
}
