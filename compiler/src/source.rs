//! The files of a workspace as the caller read them, and places in them. Nothing here looks at a disk.

use std::collections::BTreeMap;

pub(crate) mod lines;
pub(crate) mod tree;
pub(crate) mod scalar;
pub(crate) mod chunk;
pub(crate) mod yaml;
pub(crate) mod agree;
pub(crate) mod rules;

use lines::Lines;
use pai_bundle::origin::{Origin, Position};

/// A file of [`Sources`]; ordered as the paths are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start, end: end.max(start) }
    }
}

/// One file.
#[derive(Debug, Clone)]
pub struct File {
    path: String,
    text: String,
    lines: Lines,
}

impl File {
    /// Path relative to the workspace, with forward slashes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds Cedar policies rather than manifests.
    pub fn is_cedar(&self) -> bool {
        let extension = self.path.rsplit('.').next().unwrap_or_default();
        extension.eq_ignore_ascii_case("cedar")
    }
}

/// The files of a workspace, sorted by path, so that the order in which they were found changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<File>,
}

impl Sources {
    /// Takes files as (path relative to the workspace, text). Backslashes become slashes; of two files with one
    /// path the later stays.
    pub fn new<P: Into<String>, T: Into<String>>(files: impl IntoIterator<Item = (P, T)>) -> Self {
        let sorted: BTreeMap<String, String> =
            files.into_iter().map(|(path, text)| (normal(&path.into()), text.into())).collect();
        let files = sorted.into_iter().map(|(path, text)| File { lines: Lines::of(&text), path, text });
        Self { files: files.collect() }
    }

    /// Every file with its id, by path.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &File)> {
        self.files.iter().zip(0..).map(|(file, id)| (FileId(id), file))
    }

    /// A file by its id; an id of other sources gives `None`.
    pub fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(usize::try_from(id.0).ok()?)
    }

    /// A file's path, for messages.
    pub fn path(&self, id: FileId) -> &str {
        self.file(id).map_or("", File::path)
    }

    /// Line and column (in characters) of a span's start, both from 1.
    pub fn position(&self, span: Span) -> Position {
        let position = self.file(span.file).map(|file| file.lines.position(&file.text, span.start));
        position.unwrap_or(Position(1, 1))
    }

    /// The text of a span.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).and_then(|file| file.text.get(span.start..span.end)).unwrap_or_default()
    }

    /// The span, cut at the end of its first line: how much of it a label underlines.
    pub fn first_line(&self, span: Span) -> Span {
        let length = self.text(span).find(['\n', '\r']).unwrap_or(span.end - span.start);
        Span { end: span.start + length, ..span }
    }

    pub(crate) fn origin(&self, span: Span, field: &str) -> Origin {
        let Position(line, column) = self.position(span);
        Origin { file: self.path(span.file).to_owned(), line, column, field: field.to_owned() }
    }
}

fn normal(path: &str) -> String {
    let slashes = path.replace('\\', "/");
    slashes.trim_start_matches("./").to_owned()
}
