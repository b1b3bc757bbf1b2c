//! One layout for manifests and policies: text in, text with the same meaning and the same comments out, or none.
//!
//! What lays text out is not ours (`pretty_yaml`, `cedar-policy-formatter`), so nothing is taken on trust: the new text
//! is read again, and where it does not say the same as the old one, the old one stays.

use std::borrow::Cow;

mod manifest;
mod cedar;
mod comments;

use crate::diagnostic::Diagnostics;
use crate::source::chunk::chunks;
use crate::source::{File, FileId, Sources};

/// What formatting makes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formatted {
    /// It is as it should be, or has nothing of ours in it.
    Same,
    /// This is how it should be.
    Changed(String),
    /// It cannot be read; the findings say why.
    Unreadable,
    /// It can be read, but not be laid out anew with the same meaning.
    Refused(LayoutError),
}

/// Why a file keeps its layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The new text would be read as something else.
    #[error("line {line} would not say the same in another layout")]
    Meaning {
        /// Where in the file, from 1.
        line: usize,
    },
    /// A comment would be lost, or stand at something else.
    #[error("the comment in line {line} would not stay where it is")]
    Comment {
        /// Where in the file, from 1.
        line: usize,
    },
    /// What lays text out cannot read this.
    #[error("line {line} has a form that cannot be laid out")]
    Form {
        /// Where in the file, from 1.
        line: usize,
    },
}

impl LayoutError {
    /// The same, counted from the start of a file that has `lines` lines before the text in question.
    fn below(self, lines: usize) -> Self {
        match self {
            Self::Meaning { line } => Self::Meaning { line: line + lines },
            Self::Comment { line } => Self::Comment { line: line + lines },
            Self::Form { line } => Self::Form { line: line + lines },
        }
    }
}

/// Lays out every file. Findings are only about files that cannot be read; those and whatever is not ours stay as they are.
pub fn format(sources: &Sources) -> (Vec<(FileId, Formatted)>, Diagnostics) {
    let mut found = Diagnostics::default();
    let formatted = sources.files().map(|(id, file)| (id, one(id, file, &mut found))).collect();
    (formatted, found.sorted())
}

fn one(id: FileId, file: &File, found: &mut Diagnostics) -> Formatted {
    let text = if file.is_cedar() { policies(id, file, found) } else { manifests(id, file, found) };
    match text {
        Ok(Some(text)) if text == file.text() => Formatted::Same,
        Ok(Some(text)) => Formatted::Changed(text),
        Ok(None) => Formatted::Unreadable,
        Err(refused) => Formatted::Refused(refused),
    }
}

fn policies(id: FileId, file: &File, found: &mut Diagnostics) -> Result<Option<String>, LayoutError> {
    let Some(set) = crate::author::parse(id, file, found) else { return Ok(None) };
    let new = cedar::format(&set, &with_newlines(file.text()))?;
    Ok(Some(Ending::of(file.text()).put(new)))
}

/// Document by document, so that those of other tools in the same file keep their layout, byte by byte.
fn manifests(id: FileId, file: &File, found: &mut Diagnostics) -> Result<Option<String>, LayoutError> {
    let ending = Ending::of(file.text());
    let (mut text, mut lines) = (String::with_capacity(file.text().len()), 0);
    let (mut readable, mut refused) = (true, None);
    for chunk in chunks(id, file) {
        if text.is_empty() {
            // The byte order mark, if there is one.
            text.push_str(file.text().get(..chunk.start).unwrap_or_default());
        }
        match manifest::read(file, chunk) {
            manifest::Read::Foreign => text.push_str(chunk.text),
            manifest::Read::Ours => match manifest::format(&with_newlines(chunk.text)) {
                Ok(new) => text.push_str(&ending.put(new)),
                Err(error) => refused = refused.or_else(|| Some(error.below(lines))),
            },
            manifest::Read::Unreadable(findings) => {
                found.extend(findings);
                readable = false;
            }
        }
        lines += chunk.text.matches('\n').count();
    }
    match refused {
        Some(error) if readable => Err(error),
        _ => Ok(readable.then_some(text)),
    }
}

/// How the lines of a file end: as its first one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Newline,
    CarriageReturnNewline,
}

impl Ending {
    fn of(text: &str) -> Self {
        let first = text.split_inclusive('\n').next().unwrap_or_default();
        if first.ends_with("\r\n") { Self::CarriageReturnNewline } else { Self::Newline }
    }

    fn put(self, text: String) -> String {
        match self {
            Self::Newline => text,
            Self::CarriageReturnNewline => text.replace('\n', "\r\n"),
        }
    }
}

fn with_newlines(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
pub(crate) mod tests;
