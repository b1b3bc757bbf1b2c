//! Where a rule was written: file, line, column and field. Every refusal leads back to one of these.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Path relative to the workspace, with forward slashes on every system.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON pointer to the field within its document (`/spec/maxTokensPerDay`); empty for a whole document
    /// and for Cedar files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub u32, pub u32);

/// The places of one manifest's fields, so that a base rule can name the line of the manifest it read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// Path relative to the workspace, with forward slashes.
    pub file: String,
    /// The document's own place.
    pub document: Position,
    /// JSON pointer to the place of its value, for every field that a rule may name.
    pub fields: BTreeMap<String, Position>,
}

impl Places {
    /// The place of `field`, or of its nearest parent that is written down, or of the document: a rule may
    /// refuse because a field is absent.
    pub fn of(&self, field: &str) -> Origin {
        let mut pointer = field;
        loop {
            if let Some(position) = self.fields.get(pointer) {
                return self.at(*position, pointer);
            }
            match pointer.rfind('/') {
                Some(cut) if cut > 0 => pointer = &pointer[..cut],
                _ => return self.at(self.document, ""),
            }
        }
    }

    fn at(&self, position: Position, field: &str) -> Origin {
        Origin { file: self.file.clone(), line: position.0, column: position.1, field: field.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_field_is_placed_at_its_nearest_parent() {
        let places = Places {
            file: "a.yaml".into(),
            document: Position(1, 1),
            fields: [("/spec".to_owned(), Position(5, 3))].into(),
        };
        assert_eq!(places.of("/spec/externalAccess/enabled").to_string(), "a.yaml:5:3");
        assert_eq!(places.of("/metadata/name").to_string(), "a.yaml:1:1");
    }
}
