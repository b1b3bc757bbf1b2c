//! The lines around labels, cut out of a file for miette to draw: secrets masked, long lines shortened.
//!
//! miette counts lines from the start of the text that it is given and shows each line whole. A finding in a file of
//! ten megabytes, or in JSON on one line, needs neither.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use pai_bundle::origin::Position;

use crate::diagnostic::mask;
use crate::source::{Sources, Span};

/// Lines longer than this, in bytes, are shortened: four times what a wide terminal shows.
const LONG_LINE_BYTES: usize = 800;
/// What is kept of a long line on both sides of a label, and of a long label itself, in bytes.
const KEPT_BYTES: usize = 80;
/// Labels with no more than so many other lines between theirs are drawn in one piece.
const BETWEEN_LINES: usize = 5;
/// Where something was left out.
const CUT: char = '…';

/// Lines of one file.
#[derive(Debug)]
pub(super) struct Excerpt {
    name: String,
    text: String,
    /// Lines of the file before the first one here.
    lines_before: usize,
    pieces: Vec<Piece>,
    /// Where labels start here, and in which column of the file, from 0.
    columns: Vec<(usize, usize)>,
}

/// A part of the file that is kept as it is.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// First byte in the file.
    from: usize,
    /// First byte here.
    to: usize,
    length: usize,
}

impl Excerpt {
    /// The lines of these labels, all in one file, and one more on either side.
    pub(super) fn new(sources: &Sources, labels: &[Span]) -> Self {
        let file = labels.first().and_then(|label| sources.file(label.file));
        let (name, whole) = file.map_or(("", ""), |file| (file.path(), file.text()));
        let first = labels.iter().map(|span| span.start).min().unwrap_or(0);
        let last = labels.iter().map(|span| span.end).max().unwrap_or(first);
        let start = line_start(whole, line_start(whole, first).saturating_sub(1));
        let end = line_end(whole, line_end(whole, last));
        let line = labels.first().map(|label| sources.position(Span { start, end: start, ..*label }));
        let mut excerpt = Self {
            name: name.to_owned(),
            text: String::new(),
            lines_before: line
                .map_or(0, |Position(line, _)| usize::try_from(line).unwrap_or(1).saturating_sub(1)),
            pieces: Vec::new(),
            columns: Vec::new(),
        };
        let mut at = start;
        for line in whole.get(start..end).unwrap_or_default().split_inclusive('\n') {
            excerpt.line(line, at, labels);
            at += line.len();
        }
        for label in labels {
            let Position(_, column) = sources.position(*label);
            let column = usize::try_from(column).unwrap_or(1).saturating_sub(1);
            excerpt.columns.push((excerpt.place(*label).0, column));
        }
        excerpt.text = mask::text(&excerpt.text).into_owned();
        excerpt
    }

    /// First byte and length of a label in this text.
    pub(super) fn place(&self, label: Span) -> (usize, usize) {
        let start = self.here(label.start);
        (start, self.here(label.end).saturating_sub(start))
    }

    fn here(&self, offset: usize) -> usize {
        let behind = self.pieces.partition_point(|piece| piece.from <= offset);
        let piece = behind.checked_sub(1).and_then(|at| self.pieces.get(at));
        piece.map_or(0, |piece| piece.to + (offset - piece.from).min(piece.length))
    }

    /// Takes a line that starts at byte `at` of the file.
    fn line(&mut self, line: &str, at: usize, labels: &[Span]) {
        if line.len() <= LONG_LINE_BYTES {
            return self.keep(line, 0, line.len(), at);
        }
        let mut windows: Vec<(usize, usize)> = vec![(0, KEPT_BYTES)];
        for label in labels.iter().filter(|label| (at..at + line.len()).contains(&label.start)) {
            let (from, to) = (label.start - at, label.end - at);
            windows.push((
                from.saturating_sub(KEPT_BYTES),
                from.saturating_add(KEPT_BYTES).min(to + KEPT_BYTES),
            ));
            windows.push((to.saturating_sub(KEPT_BYTES), to + KEPT_BYTES));
        }
        windows.sort_unstable();
        let content = line.trim_end_matches(['\n', '\r']).len();
        let mut done = 0;
        for (from, to) in windows {
            let (from, to) = (border(line, from.max(done).min(content)), border(line, to.min(content)));
            if to <= from {
                continue;
            }
            if from > done {
                self.text.push(CUT);
            }
            self.keep(line, from, to, at);
            done = to;
        }
        if done < content {
            self.text.push(CUT);
        }
        self.keep(line, content, line.len(), at);
    }

    fn keep(&mut self, line: &str, from: usize, to: usize, at: usize) {
        let kept = line.get(from..to).unwrap_or_default();
        self.pieces.push(Piece { from: at + from, to: self.text.len(), length: kept.len() });
        self.text.push_str(kept);
    }
}

fn line_start(text: &str, offset: usize) -> usize {
    text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Behind the line break at or after `offset`.
fn line_end(text: &str, offset: usize) -> usize {
    text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| offset + newline + 1)
}

/// The start of the character that byte `at` belongs to.
fn border(line: &str, at: usize) -> usize {
    (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, before, after)?;
        let line = found.line() + self.lines_before;
        // Asked without context, miette wants the place to print.
        let known = self.columns.iter().find(|(at, _)| before == 0 && *at == span.offset());
        let column = known.map_or(found.column(), |(_, column)| *column);
        // By this count miette decides whether two labels are drawn in one piece. Its own counts from the start of the
        // file, and in a long file would draw thousands of lines between two labels.
        let lines = found.data().split(|byte| *byte == b'\n').count() + BETWEEN_LINES;
        let (data, place) = (found.data(), *found.span());
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, place, line, column, lines)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(text: &str, sources: &Sources, needle: &str) -> Span {
        let (file, _) = sources.files().next().unwrap();
        let start = text.find(needle).unwrap();
        Span { file, start, end: start + needle.len() }
    }

    #[test]
    fn a_long_line_is_shortened_around_its_labels() {
        let filler = "é, ".repeat(1_000);
        let text = format!("one\ntwo\n[{filler}first, {filler}second, {filler}]\nfour\nfive\n");
        let sources = Sources::new([("a.yaml", text.as_str())]);
        let labels = [span(&text, &sources, "first"), span(&text, &sources, "second")];
        let excerpt = Excerpt::new(&sources, &labels);
        assert!(excerpt.text.len() < 1_000, "{}", excerpt.text.len());
        assert!(
            excerpt.text.starts_with("two\n[é, ") && excerpt.text.ends_with("…\nfour\n"),
            "{}",
            excerpt.text
        );
        for (label, word) in labels.iter().zip(["first", "second"]) {
            let (start, length) = excerpt.place(*label);
            assert_eq!(&excerpt.text[start..start + length], word);
            let (line, column) = {
                let place = excerpt.read_span(&(start, length).into(), 0, 0).unwrap();
                (place.line(), place.column())
            };
            let Position(file_line, file_column) = sources.position(*label);
            assert_eq!((line + 1, column + 1), (file_line as usize, file_column as usize));
        }
    }

    proptest! {
        #[test]
        fn labels_keep_their_text(text in "([a-zé]{0,40}\n|[a-zé ]{800,900}){0,6}", at in any::<prop::sample::Index>(), length in 0..30_usize) {
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let start = starts[at.index(starts.len())];
            let line = text[start..].split('\n').next().unwrap();
            let end = start + line.char_indices().map(|(at, _)| at).nth(length).unwrap_or(line.len());
            let sources = Sources::new([("a.yaml", text.as_str())]);
            let (file, _) = sources.files().next().unwrap();
            let label = Span { file, start, end };
            let excerpt = Excerpt::new(&sources, &[label]);
            let (place, kept) = excerpt.place(label);
            prop_assert_eq!(&excerpt.text[place..place + kept], &text[start..end]);
            prop_assert!(excerpt.read_span(&(place, kept).into(), 1, 1).is_ok());
        }
    }
}
