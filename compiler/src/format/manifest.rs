//! The layout of a manifest: two spaces, dashes under their key, double quotes, one blank line at most. The order of
//! keys stays: comments stand at them, and people order fields for a reason.

use std::panic::catch_unwind;

use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions, LineBreak, ProseWrap, Quotes};
use saphyr_parser::{Event, Parser, ScalarStyle};
use yaml_parser::{SyntaxElement, SyntaxError, SyntaxKind};

use super::LayoutError;
use super::comments::{self, Comment, Part};
use crate::diagnostic::Diagnostic;
use crate::inspect::suite::cases::{self, is_case_file};
use crate::manifest::identity::{Identity, identify};
use crate::source::chunk::Chunk;
use crate::source::tree::Document;
use crate::source::{File, agree, rules, yaml};
use crate::workspace::mentions_us;

/// Lists and mappings in brackets are broken beyond this column; so wide is the page where findings are shown, too.
const COLUMNS: usize = 100;

/// Comments between a dash and its value can take two rounds to come to rest. More than a few are a mistake in the layout.
const ROUNDS_MAX: usize = 4;

/// What a part of a file is to us.
#[derive(Debug)]
pub(super) enum Read {
    Ours,
    Foreign,
    Unreadable(Vec<Diagnostic>),
}

/// Reads a part of a file as the compiler does.
pub(super) fn read(file: &File, chunk: Chunk<'_>) -> Read {
    let holds_cases = is_case_file(file);
    if !holds_cases && !mentions_us(chunk.text) {
        return Read::Foreign;
    }
    let read = yaml::read(chunk);
    if let Some(stopped) = read.stopped {
        return Read::Unreadable(vec![stopped]);
    }
    let ours = |(document, _): &(Document, _)| {
        if holds_cases { cases::is_ours(document) } else { !matches!(identify(document), Identity::Foreign) }
    };
    if read.documents.is_empty() || !read.documents.iter().all(ours) {
        return Read::Foreign;
    }
    // What is nested without end would be followed without end.
    let deep = read.documents.into_iter().flat_map(|(_, findings)| findings);
    let deep: Vec<_> = deep.filter(|finding| *finding.rule == rules::DEPTH).collect();
    if deep.is_empty() { Read::Ours } else { Read::Unreadable(deep) }
}

/// The same documents, laid out. Lines are counted from the start of `text`.
///
/// The parser behind the layout panics on some texts, found by fuzzing (`attempt to subtract with overflow` on a list that
/// is indented at the start): that is a form like others that it cannot read.
pub(super) fn format(text: &str) -> Result<String, LayoutError> {
    catch_unwind(|| settled(text)).unwrap_or(Err(LayoutError::Form { line: 1 }))
}

/// The layout of the layout, until nothing changes.
fn settled(text: &str) -> Result<String, LayoutError> {
    let mut old = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        let new =
            layout(&old).map_err(|error| if old == text { error } else { LayoutError::Form { line: 1 } })?;
        if new == old {
            return Ok(new);
        }
        same(&old, &new)?;
        old = new;
    }
    Err(LayoutError::Form { line: 1 })
}

/// The text, laid out once.
fn layout(text: &str) -> Result<String, LayoutError> {
    let mut new = pretty_yaml::format_text(text, &options()).map_err(|error| form(text, &error))?;
    new.truncate(new.trim_end_matches('\n').len());
    new.push('\n');
    if let Some(rest) = new.strip_prefix("---\n\n") {
        new = format!("---\n{rest}");
    }
    if new == text {
        return Ok(new);
    }
    Ok(comments::beside_what_follows(&comments_of(text)?, text, &comments_of(&new)?, &new))
}

/// Whether both texts mean the same to both readers, with the same comments.
pub(super) fn same(old: &str, new: &str) -> Result<(), LayoutError> {
    same_events(old, new)?;
    // What the second reader cannot read is reported by whoever checks, not by who lays it out.
    let values = agree::values(old);
    if values.is_some() && agree::values(new) != values {
        return Err(LayoutError::Meaning { line: 1 });
    }
    comments::same(&comments_of(old)?, &comments_of(new)?)
}

fn form(text: &str, error: &SyntaxError) -> LayoutError {
    LayoutError::Form { line: 1 + text.get(..error.offset()).unwrap_or(text).matches('\n').count() }
}

fn options() -> FormatOptions {
    FormatOptions {
        layout: LayoutOptions { print_width: COLUMNS, indent_width: 2, line_break: LineBreak::Lf },
        language: LanguageOptions {
            quotes: Quotes::PreferDouble,
            indent_block_sequence_in_map: true,
            brace_spacing: true,
            bracket_spacing: false,
            prose_wrap: ProseWrap::Preserve,
            // Spaces at the end of a line of a block are part of its text; others go all the same.
            trim_trailing_whitespaces: false,
            ..LanguageOptions::default()
        },
    }
}

/// Whether both texts are the same documents to the reader: values, keys in order, anchors, aliases, tags.
///
/// Trees are made of these events and nothing else, and an alias that was written out would not show in a tree.
fn same_events(old: &str, new: &str) -> Result<(), LayoutError> {
    let mut others = Parser::new_from_str(new).map(|event| event.map(|(event, _)| meaning(event)));
    for event in Parser::new_from_str(old) {
        let Ok((event, place)) = event else { break };
        if others.next() != Some(Ok(meaning(event))) {
            return Err(LayoutError::Meaning { line: place.start.line() });
        }
    }
    match others.next() {
        None => Ok(()),
        Some(_) => Err(LayoutError::Meaning { line: old.lines().count() }),
    }
}

/// An event without how it was written, as far as that means nothing: any quotes and blocks are text, without them it may
/// be a number.
fn meaning(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Scalar(text, style, anchor, tag) if style != ScalarStyle::Plain => {
            Event::Scalar(text, ScalarStyle::DoubleQuoted, anchor, tag)
        }
        other => other,
    }
}

fn comments_of(text: &str) -> Result<Vec<Comment<'_>>, LayoutError> {
    if !text.contains('#') {
        return Ok(Vec::new());
    }
    let tree = yaml_parser::parse(text).map_err(|error| form(text, &error))?;
    let tokens = tree.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    Ok(comments::of(tokens.map(|token| {
        let range = token.text_range();
        let piece = text.get(range.start().into()..range.end().into()).unwrap_or_default();
        match token.kind() {
            SyntaxKind::COMMENT => (Part::Comment, piece),
            // How deep a block is indented is up to the layout.
            SyntaxKind::INDENT_INDICATOR => (Part::Other, ""),
            _ => (Part::Other, piece),
        }
    })))
}
