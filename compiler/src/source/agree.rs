//! The second opinion: the same text read by `serde_yaml`, and the first place where the two differ.

use serde::Deserialize;
use serde_json::Value;

use super::Span;
use super::chunk::Chunk;
use super::rules::SECOND_READER;
use super::tree::{Content, Node};
use crate::diagnostic::Diagnostic;

/// What the second reader makes of a document, or what it says and where.
pub(crate) type Reading = Result<serde_yaml::Value, (String, Span)>;

/// What `serde_yaml` makes of the documents of a chunk; shorter than they are where it gives up.
pub(crate) fn second_reading(chunk: Chunk<'_>) -> Vec<Reading> {
    let mut values = Vec::new();
    for document in serde_yaml::Deserializer::from_str(chunk.text) {
        let value = serde_yaml::Value::deserialize(document).map_err(|error| refused(chunk, &error));
        let failed = value.is_err();
        values.push(value);
        // After an error its iterator repeats the error for ever.
        if failed {
            break;
        }
    }
    values
}

/// All documents of a text as `serde_yaml` reads them; `None` where it gives up.
pub(crate) fn values(text: &str) -> Option<Vec<serde_yaml::Value>> {
    let mut values = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        values.push(serde_yaml::Value::deserialize(document).ok()?);
    }
    Some(values)
}

/// Its words, and the line that it stopped in.
fn refused(chunk: Chunk<'_>, error: &serde_yaml::Error) -> (String, Span) {
    let number = error.location().map_or(0, |location| location.line().saturating_sub(1));
    let before: usize = chunk.text.split_inclusive('\n').take(number).map(str::len).sum();
    let line = chunk.text.get(before..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    (error.to_string(), chunk.span(before + indent, before + line.trim_end().len()))
}

/// A finding where the two readings of a document differ.
pub(crate) fn compare(root: &Node, second: Option<&Reading>) -> Option<Diagnostic> {
    let finding = |span| {
        Diagnostic::new(&SECOND_READER, span, "two YAML readers read this differently")
            .label("read in two ways")
            .help("quote it, or write it more plainly")
    };
    match second? {
        Ok(value) => differing(root, value).map(finding),
        Err((error, line)) => Some(finding(*line).help(format!("the second reader says: {error}"))),
    }
}

/// A byte order mark that is not at the start of its file, as when files were put together: one reader skips it, the
/// other reads it as text.
pub(crate) fn stray_mark(chunk: Chunk<'_>) -> Option<Diagnostic> {
    let at = chunk.text.find('\u{feff}')?;
    let place = chunk.span(at, at + '\u{feff}'.len_utf8());
    let message = "a byte order mark stands within the file";
    Some(
        Diagnostic::new(&SECOND_READER, place, message)
            .label("an invisible character (U+FEFF)")
            .help("remove it; it often comes in when files are put together"),
    )
}

fn differing(node: &Node, second: &serde_yaml::Value) -> Option<Span> {
    match (&node.content, second) {
        (Content::Scalar { value, .. }, second) => (!same_scalar(value, second)).then_some(node.span),
        (Content::Sequence(items), serde_yaml::Value::Sequence(others)) if items.len() == others.len() => {
            items.iter().zip(others).find_map(|(item, other)| differing(item, other))
        }
        (Content::Mapping(entries), serde_yaml::Value::Mapping(others)) if entries.len() == others.len() => {
            entries.iter().find_map(|entry| match others.get(entry.key.as_str()) {
                Some(other) => differing(&entry.value, other),
                None => Some(entry.key_span),
            })
        }
        _ => Some(node.span),
    }
}

fn same_scalar(value: &Value, second: &serde_yaml::Value) -> bool {
    match (value, second) {
        (Value::Null, serde_yaml::Value::Null) => true,
        (Value::Bool(a), serde_yaml::Value::Bool(b)) => a == b,
        (Value::String(a), serde_yaml::Value::String(b)) => a == b,
        (Value::Number(a), serde_yaml::Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a.total_cmp(&b).is_eq()),
            _ => false,
        },
        _ => false,
    }
}
