//! The file of labelled texts: one JSON object a line.

use serde::Deserialize;
use thiserror::Error;

use crate::verdict::Place;

/// A text and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Names the row in reports.
    pub id: String,
    /// What is scanned.
    pub text: String,
    /// Whether it is an attack.
    pub attack: bool,
    /// Where it stood.
    pub place: Place,
    /// The collection it is from.
    pub source: String,
    /// A finer kind within the source.
    pub category: String,
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DataError {
    /// A line that is no row.
    #[error(
        "line {line}: {reason}; a row is an object with `id`, `text`, `label` (1: attack, 0: harmless), \
         `place` (`user` or `tool`), `source`, and if wanted `category`"
    )]
    Row {
        /// From 1.
        line: usize,
        /// From the reader.
        reason: String,
    },
    /// Nothing to measure with.
    #[error("no rows: expected one JSON object a line")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    text: String,
    label: u8,
    place: Place,
    source: String,
    #[serde(default)]
    category: String,
}

/// Reads all rows. Empty lines are left out.
pub fn read_rows(file: &str) -> Result<Vec<Row>, DataError> {
    let mut rows = Vec::new();
    for (index, text) in file.lines().enumerate() {
        if text.trim().is_empty() {
            continue;
        }
        let refuse = |reason: String| DataError::Row { line: index + 1, reason };
        let row: Written = serde_json::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let attack = match row.label {
            0 => false,
            1 => true,
            other => return Err(refuse(format!("label {other}"))),
        };
        let Written { id, text, place, source, category, .. } = row;
        rows.push(Row { id, text, attack, place, source, category });
    }
    if rows.is_empty() { Err(DataError::Empty) } else { Ok(rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_with_what_was_expected() {
        let good = r#"{"id":"a","text":"t","label":1,"place":"tool","source":"s"}"#;
        assert!(read_rows(good).expect("a row")[0].attack);
        for (bad, part) in [
            (good.replace(":1,", ":2,"), "line 2: label 2; a row is"),
            (good.replace("tool", "mail"), "line 2: unknown variant `mail`"),
            (good.replace("\"text\"", "\"txt\""), "line 2: unknown field `txt`"),
            ("nothing".to_owned(), "line 2: expected"),
        ] {
            let error = read_rows(&format!("{good}\n{bad}")).expect_err("a bad line").to_string();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(read_rows("\n"), Err(DataError::Empty));
    }
}
