//! A file cut at its document markers, so that one broken document does not hide the others.

use super::{File, FileId, Span};

/// A part of a file that starts at a document marker or at the file's start.
///
/// INVARIANT: `text` is the file's text from byte `start` on. A line that starts with `---` or `...` is a document
/// marker wherever it stands, also within quotes and blocks (YAML 1.2, 9.1.2), so cutting there is exact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) file: FileId,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

/// The chunks of a file, in order, its byte order mark left out.
pub(crate) fn chunks(id: FileId, file: &File) -> Vec<Chunk<'_>> {
    let text = file.text();
    let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut cuts = vec![first];
    let mut at = first;
    for line in text.get(first..).unwrap_or_default().split_inclusive('\n') {
        // What stands before the first marker may be comments and directives, which belong to what follows.
        let last = cuts.last().copied().unwrap_or(first);
        if is_marker(line, "---") && !is_preamble(text.get(last..at).unwrap_or_default()) {
            cuts.push(at);
        }
        at += line.len();
        // Behind an end marker there may be directives, which belong to what follows as well.
        if is_marker(line, "...") {
            cuts.push(at);
        }
    }
    let ends = cuts.iter().copied().skip(1).chain(std::iter::once(text.len()));
    let parts = cuts.iter().zip(ends);
    parts
        .map(|(start, end)| Chunk {
            file: id,
            text: text.get(*start..end).unwrap_or_default(),
            start: *start,
        })
        .collect()
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

fn is_preamble(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line.starts_with('%')
    })
}

impl Chunk<'_> {
    /// A span of this chunk's bytes.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.start + start, self.start + end)
    }
}
