//! Which workspace a command is about: the paths that were given, or the one around the current folder.

use std::path::{Path, PathBuf};

use clap::Args;
use pai_compiler::Sources;

use super::{Workspace, WorkspaceError};

/// The files that a command reads.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Folders or files; together they are one workspace. Without any, the workspace around the current folder.
    #[arg(value_name = "PATH")]
    given: Vec<PathBuf>,
    /// Succeed in silence where there are no manifests, as a hook for many repositories should.
    #[arg(long)]
    pub(crate) if_any: bool,
}

impl Selection {
    /// The paths as they were given; those that are none of a file system, like `-`, among them.
    pub(crate) fn given(&self) -> &[PathBuf] {
        &self.given
    }

    /// The paths that are meant.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        if self.given.is_empty() {
            vec![around_here().unwrap_or_else(|| PathBuf::from("."))]
        } else {
            self.given.clone()
        }
    }

    /// Reads them. `None` where there are no manifests and that was said to be right.
    pub(crate) fn read(&self) -> Result<Option<Workspace>, WorkspaceError> {
        let workspace = match super::read(&self.paths()) {
            Err(WorkspaceError::Empty { .. }) if self.if_any => return Ok(None),
            other => other?,
        };
        if has_manifests(&workspace.sources) || !(self.if_any || self.given.is_empty()) {
            return Ok(Some(workspace));
        }
        if self.if_any { Ok(None) } else { Err(WorkspaceError::NotOurs) }
    }
}

fn has_manifests(sources: &Sources) -> bool {
    sources.files().any(|(_, file)| !file.is_cedar() && pai_compiler::mentions_us(file.text()))
}

/// The outermost folder from here up to the root of the repository that has manifests right in it, as `.`, `..` and so
/// on; `None` where there is none, and outside of repositories. So a command does the same in `policies/` as beside it.
pub(crate) fn around_here() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let inside = 1 + here.ancestors().position(|folder| folder.join(".git").exists())?;
    let outermost =
        here.ancestors().take(inside).enumerate().filter(|(_, folder)| holds_manifests(folder)).last();
    outermost.map(|(up, _)| {
        if up == 0 { PathBuf::from(".") } else { Path::new("..").components().cycle().take(up).collect() }
    })
}

fn holds_manifests(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        let is_yaml = path
            .extension()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("yaml") || kind.eq_ignore_ascii_case("yml"));
        is_yaml && std::fs::read_to_string(&path).is_ok_and(|text| pai_compiler::mentions_us(&text))
    })
}
