//! A document's text beside what was read from it: where things end, which lines they stand in, where comments are.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::EditError;
use crate::source::agree::{compare, second_reading};
use crate::source::chunk::Chunk;
use crate::source::tree::{Content, Document, Node};
use crate::source::{Sources, yaml};

/// A piece of text that another takes the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: String,
}

impl Splice {
    pub(super) fn new(start: usize, end: usize, text: impl Into<String>) -> Self {
        Self { start, end, text: text.into() }
    }

    pub(super) fn insert(at: usize, text: impl Into<String>) -> Self {
        Self::new(at, at, text)
    }

    pub(super) fn cut(start: usize, end: usize) -> Self {
        Self::new(start, end, "")
    }
}

/// A scalar as it stands in the text, where it begins for the reader and where it really ends.
#[derive(Debug, Clone, Copy)]
struct Scalar {
    start: usize,
    end: usize,
    /// Where the `|` or `>` of a block is.
    header: Option<usize>,
}

/// A comment in the text, without the line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comment {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One document.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) text: &'a str,
    pub(super) document: Document,
    scalars: Vec<Scalar>,
    comments: Vec<Comment>,
    ending: &'static str,
}

impl<'a> Page<'a> {
    /// Reads a text that holds one document, without anything in it that stands for something else.
    pub(super) fn read(text: &'a str) -> Result<Self, EditError> {
        let scalars = scalars(text)?;
        let sources = Sources::new([("", text)]);
        let id = sources.files().next().map(|(id, _)| id).ok_or(EditError::Form { line: 1 })?;
        let chunk = Chunk { file: id, text, start: 0 };
        let mut read = yaml::read(chunk);
        let wrong = read.documents.iter().flat_map(|(_, findings)| findings).chain(&read.stopped).next();
        if let Some(finding) = wrong {
            let line = line_of(text, finding.primary.span.start);
            return Err(EditError::Unreadable { line, message: finding.message.clone() });
        }
        if read.documents.len() > 1 {
            return Err(EditError::Form { line: 1 });
        }
        let (document, _) = read.documents.pop().ok_or(EditError::Form { line: 1 })?;
        if let Some(finding) = compare(&document.root, second_reading(chunk).first()) {
            let line = line_of(text, finding.primary.span.start);
            return Err(EditError::Unreadable { line, message: finding.message });
        }
        let comments = comments(text, &scalars);
        Ok(Self { text, document, scalars, comments, ending: ending(text) })
    }

    /// The text with splices made, and every comment that none of them covers still there.
    pub(super) fn with(&self, splices: &[Splice]) -> Result<String, EditError> {
        let mut sorted: Vec<&Splice> = splices.iter().collect();
        sorted.sort_by_key(|splice| (splice.start, splice.end));
        let mut new = String::with_capacity(self.text.len());
        let mut at = 0;
        for splice in &sorted {
            let kept = self.text.get(at..splice.start).ok_or_else(|| self.form(splice.start))?;
            new.push_str(kept);
            new.push_str(&if self.ending == "\n" {
                splice.text.clone()
            } else {
                splice.text.replace('\n', self.ending)
            });
            at = splice.end;
        }
        new.push_str(self.text.get(at..).ok_or_else(|| self.form(at))?);
        let is_covered =
            |comment: &&Comment| sorted.iter().any(|s| s.start <= comment.start && comment.end <= s.end);
        let kept = self.comments.iter().filter(|comment| !is_covered(comment));
        let others = scalars(&new).map(|scalars| comments(&new, &scalars))?;
        let mut others = others.iter();
        for comment in kept {
            if others.next().map(|other| slice(&new, *other)) != Some(slice(self.text, *comment)) {
                return Err(EditError::Comment { line: line_of(self.text, comment.start) });
            }
        }
        match others.next() {
            None => Ok(new),
            // What was text has become a comment.
            Some(_) => Err(self.form(sorted.first().map_or(0, |splice| splice.start))),
        }
    }

    /// This place cannot be changed.
    pub(super) fn form(&self, at: usize) -> EditError {
        EditError::Form { line: line_of(self.text, at) }
    }

    /// Where a value begins, the header of a block of text included.
    pub(super) fn start_of(&self, node: &Node) -> usize {
        match node.content {
            Content::Scalar { .. } => {
                self.scalar(node).map_or(node.span.start, |scalar| scalar.header.unwrap_or(scalar.start))
            }
            _ => node.span.start,
        }
    }

    /// Behind the last byte of a value; for one that takes no room, behind the colon or dash that it belongs to.
    pub(super) fn end_of(&self, node: &Node) -> usize {
        if node.is_absent() {
            return self.behind_colon(node.span.end);
        }
        match &node.content {
            Content::Scalar { .. } => self.scalar(node).map_or(node.span.end, |scalar| scalar.end),
            _ if self.is_flow(node) => node.span.end,
            Content::Sequence(items) => items.last().map_or(node.span.end, |last| self.end_of(last)),
            Content::Mapping(entries) => {
                entries.last().map_or(node.span.end, |last| self.end_of(&last.value))
            }
        }
    }

    /// Whether a list or mapping is written in brackets.
    pub(super) fn is_flow(&self, node: &Node) -> bool {
        !matches!(node.content, Content::Scalar { .. }) && self.rest(node.span.start).starts_with(['[', '{'])
    }

    /// Behind the colon that follows a key, if only spaces are between them.
    pub(super) fn behind_colon(&self, key_end: usize) -> usize {
        let rest = self.rest(key_end);
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if self.rest(key_end + spaces).starts_with(':') { key_end + spaces + 1 } else { key_end }
    }

    pub(super) fn rest(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    pub(super) fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Where the line starts that a byte is in.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
    }

    /// Where the line ends, its line end left out.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let rest = self.rest(at);
        let line = rest.split('\n').next().unwrap_or_default();
        at + line.trim_end_matches('\r').len()
    }

    /// Where the next line starts. What ends with its line has the next one begin right there.
    pub(super) fn next_line(&self, at: usize) -> usize {
        if at > 0 && self.text.get(..at).is_some_and(|before| before.ends_with('\n')) {
            return at;
        }
        self.rest(at).find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// The column of a byte, in bytes.
    pub(super) fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// Whether nothing but spaces stands before it in its line.
    pub(super) fn begins_line(&self, at: usize) -> bool {
        self.between(self.line_start(at), at).bytes().all(|byte| byte == b' ')
    }

    /// Whether nothing stands behind it in its line, comments apart.
    pub(super) fn ends_line(&self, at: usize) -> bool {
        let rest = self.between(at, self.line_end(at)).trim();
        rest.is_empty() || rest.starts_with('#')
    }

    /// Whether a comment begins in a range.
    pub(super) fn has_comment(&self, start: usize, end: usize) -> bool {
        self.comments.iter().any(|comment| start <= comment.start && comment.start < end)
    }

    /// Where something new goes behind what ends at `end`: the start of a line, behind comments that are deeper than
    /// `column`, which belong to what is before them. With the line end that may be missing there.
    pub(super) fn below(&self, end: usize, column: usize) -> (usize, &'static str) {
        let mut at = self.next_line(end);
        loop {
            let line = self.between(at, self.line_end(at));
            let bare = line.trim_start_matches(' ');
            if !bare.starts_with('#') || line.len() - bare.len() <= column {
                break;
            }
            at = self.next_line(self.line_end(at));
        }
        let is_open = at == self.text.len() && !self.text.is_empty() && !self.text.ends_with('\n');
        (at, if is_open { "\n" } else { "" })
    }

    /// The last dash between two places that is in no comment.
    pub(super) fn dash(&self, from: usize, to: usize) -> Option<usize> {
        let in_comment =
            |at: usize| self.comments.iter().any(|comment| comment.start <= at && at < comment.end);
        let dashes = self.between(from, to).match_indices('-').map(|(at, _)| from + at);
        dashes.rev().find(|at| !in_comment(*at))
    }

    fn scalar(&self, node: &Node) -> Option<Scalar> {
        let at = self.scalars.binary_search_by_key(&node.span.start, |scalar| scalar.start).ok()?;
        self.scalars.get(at).copied()
    }
}

/// How the lines of a text end: as its first one does.
pub(super) fn ending(text: &str) -> &'static str {
    if text.split_inclusive('\n').next().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" }
}

fn slice(text: &str, comment: Comment) -> &str {
    text.get(comment.start..comment.end).unwrap_or_default().trim_end()
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or(text).matches('\n').count()
}

/// Every scalar that takes room, in order; or what stands for something else, where there is such a thing.
fn scalars(text: &str) -> Result<Vec<Scalar>, EditError> {
    let bytes: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let byte = |character: usize| bytes.get(character).copied().unwrap_or(text.len());
    let mut found: Vec<Scalar> = Vec::new();
    for event in Parser::new_from_str(text) {
        // Who reads the text says what is wrong with it.
        let Ok((event, place)) = event else { break };
        let (start, end) = (byte(place.start.index()), byte(place.end.index()));
        let indirect = |what| EditError::Indirect { line: place.start.line(), what };
        match event {
            Event::Alias(_) => return Err(indirect("an alias")),
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _)
                if anchor > 0 =>
            {
                return Err(indirect("an anchor"));
            }
            Event::Scalar(.., Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return Err(indirect("a tag"));
            }
            Event::Scalar(value, style, ..) if !(value.is_empty() && style == ScalarStyle::Plain) => {
                let before = found.last().map_or(0, |last| last.end);
                found.push(scalar(text, style, before, start, end));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A reader's idea of where a scalar ends reaches to the next thing for some styles.
fn scalar(text: &str, style: ScalarStyle, before: usize, start: usize, end: usize) -> Scalar {
    let written = text.get(start..end).unwrap_or_default();
    match style {
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let gap = text.get(before..start).unwrap_or_default();
            let header = gap.find(['|', '>']).map(|at| before + at);
            let line = header.and_then(|at| text.get(at..start)).and_then(|head| head.lines().next());
            let keeps = line.is_some_and(|line| line.split('#').next().unwrap_or_default().contains('+'));
            let length = if keeps {
                written.rfind('\n').map_or(written.len(), |newline| newline + 1)
            } else {
                written.trim_end().len()
            };
            Scalar { start, end: start + length, header }
        }
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            Scalar { start, end: start + closed(written), header: None }
        }
        ScalarStyle::Plain => Scalar { start, end: start + written.trim_end().len(), header: None },
    }
}

/// How long a text in quotes is, the quotes included.
fn closed(written: &str) -> usize {
    let mut characters = written.char_indices().peekable();
    let Some((_, quote)) = characters.next() else { return 0 };
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            // Two of them are one that is meant.
            if quote == '\'' && characters.next_if(|(_, next)| *next == quote).is_some() {
                continue;
            }
            return at + character.len_utf8();
        }
    }
    written.len()
}

/// What begins with `#` and is in no scalar.
fn comments(text: &str, scalars: &[Scalar]) -> Vec<Comment> {
    let mut found = Vec::new();
    let mut scalars = scalars.iter().peekable();
    let mut at = 0;
    while at < text.len() {
        while scalars.next_if(|scalar| scalar.end <= at).is_some() {}
        let gap_end = scalars.peek().map_or(text.len(), |scalar| scalar.start);
        if gap_end <= at {
            // Within a scalar: behind it.
            at = scalars.next().map_or(text.len(), |scalar| scalar.end.max(at + 1));
            continue;
        }
        let gap = text.get(at..gap_end).unwrap_or_default();
        let is_comment = |hash: &usize| {
            let before = text.get(..at + hash).unwrap_or_default();
            before.is_empty() || before.ends_with([' ', '\t', '\n', '\r', '\u{feff}'])
        };
        match gap.match_indices('#').map(|(hash, _)| hash).find(is_comment) {
            None => at = gap_end,
            Some(hash) => {
                let start = at + hash;
                let line = text.get(start..).unwrap_or_default().split('\n').next().unwrap_or_default();
                let end = start + line.trim_end_matches('\r').len();
                found.push(Comment { start, end });
                at = start + line.len();
            }
        }
    }
    found
}
