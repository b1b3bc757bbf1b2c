//! Finds and reads the files of a workspace: the only place that walks the file system.

pub(crate) mod selection;

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use miette::Diagnostic;
use pai_compiler::Sources;

/// What manifests and policies are called.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "cedar"];

/// A workspace cannot be read.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum WorkspaceError {
    /// No such file or folder.
    #[error("`{}` does not exist", path.display())]
    #[diagnostic(help("give a folder of manifests, or a single .yaml, .yml or .cedar file"))]
    Missing {
        /// What was given.
        path: PathBuf,
    },
    /// Nothing in it.
    #[error("there are no .yaml, .yml or .cedar files in `{}`", path.display())]
    #[diagnostic(help("a workspace is a folder of manifests; examples/quickstart is one to copy"))]
    Empty {
        /// What was given.
        path: PathBuf,
    },
    /// Files, and none of ours among them.
    #[error("there are no manifests of pai here")]
    #[diagnostic(help("give the folder that they are in; `--if-any` makes this no error"))]
    NotOurs,
    /// A file or folder cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// Some other encoding.
    #[error("`{}` is not UTF-8: line {line} has the byte 0x{byte:02x}", path.display())]
    #[diagnostic(help("save the file as UTF-8"))]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Where the first wrong byte is, from 1.
        line: usize,
        /// That byte.
        byte: u8,
    },
}

/// A workspace's files, under the names that the compiler knows them by and under those that the caller typed.
pub(crate) struct Workspace {
    /// Paths relative to the workspace, so that equal workspaces give equal bundles wherever they lie.
    pub(crate) sources: Sources,
    /// The same files in the same order, with paths that lead there from the current folder.
    pub(crate) shown: Sources,
}

impl Workspace {
    /// What is being done with its files, for people who wait: `checking 100 files`.
    pub(crate) fn doing(&self, verb: &str) -> String {
        let files = self.sources.files().count();
        format!("{verb} {files} {}", if files == 1 { "file" } else { "files" })
    }
}

/// Reads folders and files as one workspace.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Workspace, WorkspaceError> {
    let mut relative = Vec::new();
    let mut typed = Vec::new();
    for path in paths {
        for file in files(path)? {
            let text = text(&file)?;
            let base = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(Path::new("")) };
            let inside = file.strip_prefix(base).unwrap_or(&file);
            // With several roots a file's name within its own is not enough to tell it from others.
            let name = if paths.len() == 1 { slashes(inside) } else { slashes(&file) };
            relative.push((name, text.clone()));
            typed.push((slashes(&file), text));
        }
    }
    Ok(Workspace { sources: Sources::new(relative), shown: Sources::new(typed) })
}

/// As [`read`], from bytes that were read elsewhere, by their paths within the workspace.
pub(crate) fn from_texts<'a>(
    name: &str,
    files: impl Iterator<Item = (&'a str, Vec<u8>)>,
) -> Result<Workspace, WorkspaceError> {
    let mut relative = Vec::new();
    for (path, bytes) in files {
        relative.push((path.to_owned(), decoded(Path::new(path), bytes)?));
    }
    if relative.is_empty() {
        return Err(WorkspaceError::Empty { path: PathBuf::from(name) });
    }
    let shown = relative.iter().map(|(path, text)| (format!("{name}:{path}"), text.clone()));
    Ok(Workspace { shown: Sources::new(shown), sources: Sources::new(relative) })
}

/// Whether a file below a workspace's folder belongs to it: by its name, and not hidden.
pub(crate) fn is_read(path: &str) -> bool {
    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
    !is_hidden && has_our_extension(Path::new(path))
}

fn has_our_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The workspace's own folder, where its state goes.
pub(crate) fn folder(path: &Path) -> &Path {
    if path.is_dir() {
        path
    } else {
        path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
    }
}

/// Where a workspace's gateway keeps its ledger, its records and its local secrets.
pub(crate) fn state(path: &Path) -> PathBuf {
    folder(path).join(".pai")
}

/// A file itself, or everything below a folder that is not hidden. What version control ignores counts all the same:
/// a bundle must not depend on a `.gitignore`.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>, WorkspaceError> {
    if !path.exists() {
        return Err(WorkspaceError::Missing { path: path.to_owned() });
    }
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in WalkBuilder::new(path).standard_filters(false).hidden(true).follow_links(true).build() {
        let entry = entry.map_err(|cause| WorkspaceError::Unreadable {
            path: path.to_owned(),
            cause: cause.to_string(),
        })?;
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if is_file && has_our_extension(entry.path()) {
            found.push(entry.into_path());
        }
    }
    if found.is_empty() {
        return Err(WorkspaceError::Empty { path: path.to_owned() });
    }
    found.sort();
    Ok(found)
}

fn text(file: &Path) -> Result<String, WorkspaceError> {
    let bytes = std::fs::read(file)
        .map_err(|cause| WorkspaceError::Unreadable { path: file.to_owned(), cause: cause.to_string() })?;
    decoded(file, bytes)
}

fn decoded(file: &Path, bytes: Vec<u8>) -> Result<String, WorkspaceError> {
    String::from_utf8(bytes).map_err(|error| {
        let (good, wrong) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        WorkspaceError::NotUtf8 {
            path: file.to_owned(),
            line: good.split(|byte| *byte == b'\n').count(),
            byte: wrong.first().copied().unwrap_or_default(),
        }
    })
}

fn slashes(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/").replacen("//", "/", 1)
}
