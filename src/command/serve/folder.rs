//! A workspace as a source of bundles: compiled when the gateway starts, and again when its files have changed.

use std::path::PathBuf;
use std::time::Duration;

use miette::Diagnostic;
use pai_bundle::codec;
use pai_compiler::diagnostic::render;
use pai_compiler::{Severity, Surroundings};
use pai_ledger::{Clock, SystemClock};
use pai_runtime::source::{Source, SourceError, Stamp};

use crate::findings;
use crate::workspace::{self, WorkspaceError};

/// How long the files must have been left alone. Editors and `git checkout` write one file after another, a few
/// milliseconds apart; half of such a change must not be served, and nobody notices this wait.
const QUIET: Duration = Duration::from_millis(150);

/// Manifests and policies below a path.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Source for Folder {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    /// Of all files. With ten thousand of them a gateway at rest took 1.4% of one core; and it needs nothing of the system
    /// that a network's file system or a container's mount may not have. A folder that is gone has no files.
    fn stamp(&self) -> Stamp {
        let files = workspace::files(&self.path).unwrap_or_default();
        Stamp::of_files(files.iter().map(PathBuf::as_path))
    }

    fn quiet(&self) -> Duration {
        QUIET
    }

    /// Findings are drawn here for whoever sits at the terminal; the error has them in a line each.
    fn read(&self) -> Result<Vec<u8>, SourceError> {
        let workspace =
            workspace::read(std::slice::from_ref(&self.path)).map_err(|cause| unreadable(&cause))?;
        let now = Surroundings { now: Some(SystemClock.now()), ..Surroundings::default() };
        let compiled = pai_compiler::compile_within(&workspace.sources, &now);
        findings::show(&compiled.diagnostics, &workspace.shown);
        let Some(bundle) = compiled.bundle else {
            let errors = compiled.diagnostics.count(Severity::Error);
            let summary = format!(
                "the manifests in `{}` have {errors} error{}; `pai validate` shows them",
                self.path.display(),
                if errors == 1 { "" } else { "s" }
            );
            let findings = render::short(&compiled.diagnostics, &workspace.shown);
            return Err(SourceError::Findings {
                summary,
                findings: findings.lines().map(str::to_owned).collect(),
            });
        };
        let encoded = codec::encode(&bundle).map_err(|cause| SourceError::Failed(cause.to_string()))?;
        Ok(encoded.0)
    }
}

fn unreadable(cause: &WorkspaceError) -> SourceError {
    let help = cause.help().map(|help| format!("; {help}")).unwrap_or_default();
    SourceError::Failed(format!("{cause}{help}"))
}
