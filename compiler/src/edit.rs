//! Changes of manifests in their own text, as a careful person makes them: what a change does not concern stays as it
//! was, comments, blank lines, order and quotes among it.
//!
//! A change is said as the value that a manifest shall have. Text is brought there by one small step after the other,
//! and each result is read again: where it does not say what was meant, or a comment is gone that the change does not
//! concern, there is no result.

mod find;
mod page;
mod step;
mod block;
mod flow;
mod replace;
mod render;

use serde_json::Value;

pub use find::Target;
pub use render::manifest as render;

use crate::schema;
use find::Place;
use page::Page;

/// More steps than this for one change are a mistake in the steps.
const STEPS_MAX: usize = 1_000;

/// Why a text stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No such manifest in the text.
    #[error("there is no {kind} `{name}` in it")]
    Missing {
        /// The kind's name in commands.
        kind: &'static str,
        /// Namespace and name.
        name: String,
    },
    /// There is more than one of that name.
    #[error("line {line} has another {kind} `{name}`: which of the two is meant?")]
    Twice {
        /// Where the second one begins, from 1.
        line: usize,
        /// The kind's name in commands.
        kind: &'static str,
        /// Namespace and name.
        name: String,
    },
    /// Something that stands for something else, so that a change here could be one elsewhere.
    #[error(
        "line {line} has {what}, which cannot be changed in place: write the value out, or edit the file by hand"
    )]
    Indirect {
        /// Where, from 1.
        line: usize,
        /// An anchor, an alias, a tag.
        what: &'static str,
    },
    /// It has mistakes already.
    #[error("line {line}: {message}")]
    Unreadable {
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The form in which it is written is not understood well enough.
    #[error(
        "what stands in line {line} is written in a form that cannot be changed in place: edit the file by hand"
    )]
    Form {
        /// Where, from 1.
        line: usize,
    },
    /// A comment would go that the change does not concern.
    #[error("the comment in line {line} would be lost: edit the file by hand")]
    Comment {
        /// Where, from 1.
        line: usize,
    },
}

impl EditError {
    /// The same, counted from the start of a file that has `lines` lines before the text in question.
    fn below(mut self, lines: usize) -> Self {
        match &mut self {
            Self::Missing { .. } => {}
            Self::Twice { line, .. }
            | Self::Indirect { line, .. }
            | Self::Unreadable { line, .. }
            | Self::Form { line }
            | Self::Comment { line } => *line += lines,
        }
        self
    }
}

/// The text with one manifest brought to this value. Numbers count as equal however they are written.
pub fn set(text: &str, target: &Target, want: &Value) -> Result<String, EditError> {
    let place = find::one(text, target)?;
    let new =
        brought(place.text(text), target, want).map_err(|error| error.below(place.lines_before(text)))?;
    Ok(place.put(text, &new))
}

/// The text without one manifest; `None` where nothing else would be left in it but blank lines and comments.
pub fn remove(text: &str, target: &Target) -> Result<Option<String>, EditError> {
    let place = find::one(text, target)?;
    Ok(without(text, &place))
}

/// One manifest as it is written, comments and all.
pub fn document<'a>(text: &'a str, target: &Target) -> Result<&'a str, EditError> {
    Ok(find::one(text, target)?.text(text))
}

/// The text with the document of one manifest replaced by another text.
pub fn put_document(text: &str, target: &Target, new: &str) -> Result<String, EditError> {
    let place = find::one(text, target)?;
    let ends = new.is_empty() || new.ends_with('\n') || place.is_last(text);
    Ok(place.put(text, &if ends { new.to_owned() } else { format!("{new}\n") }))
}

/// The text with another document at its end.
pub fn append(text: &str, document: &str) -> String {
    let document = document.strip_prefix("---\n").unwrap_or(document);
    if find::is_blank(text) {
        return format!("{text}{document}");
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let ending = page::ending(text);
    format!("{text}{end}---{ending}{document}")
}

/// The text of one document, brought to a value.
fn brought(text: &str, target: &Target, want: &Value) -> Result<String, EditError> {
    let mut text = text.to_owned();
    for _ in 0..STEPS_MAX {
        let page = Page::read(&text)?;
        let have = schema::settled(target.kind, &page.document);
        let Some(splices) = step::next(&page, &have, want)? else { return Ok(text) };
        let new = page.with(&splices)?;
        if new == text {
            // It would go on like this for ever.
            return Err(page.form(splices.first().map_or(0, |splice| splice.start)));
        }
        text = new;
    }
    Err(EditError::Form { line: 1 })
}

fn without(text: &str, place: &Place) -> Option<String> {
    let head = if place.is_first() { head(place.text(text)) } else { "" };
    let (before, after) = place.around(text);
    let mut left = format!("{before}{head}");
    // What follows begins with its own marker, and needs none at the start of a file.
    left.push_str(if left.is_empty() { after.strip_prefix("---\n").unwrap_or(after) } else { after });
    (!find::is_blank(&left)).then_some(left)
}

/// What stands at the start of a file and is about all of it: a modeline, and comments up to a blank line or a marker.
fn head(document: &str) -> &str {
    let mut end = 0;
    let mut comments = 0;
    for line in document.split_inclusive('\n') {
        let bare = line.trim();
        let is_comment = bare.starts_with('#');
        if !is_comment {
            if comments > 0 && (bare.is_empty() || bare == "---") {
                end = comments;
            }
            break;
        }
        comments += line.len();
        if bare.contains("yaml-language-server:") {
            end = comments;
        }
    }
    document.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
