//! A workspace as a source of bundles: compiled when the gateway starts, and again at every SIGHUP.

use std::path::PathBuf;

use miette::Diagnostic;
use pai_bundle::codec;
use pai_compiler::{Severity, Surroundings};
use pai_ledger::{Clock, SystemClock};
use pai_runtime::source::{Source, SourceError, Stamp};

use crate::findings;
use crate::workspace::{self, WorkspaceError};

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

    /// Always the same: files are saved one by one, and half an edit should not be served because of the moment.
    fn stamp(&self) -> Stamp {
        Stamp::default()
    }

    /// Findings are shown here; the error only counts them.
    fn read(&self) -> Result<Vec<u8>, SourceError> {
        let workspace =
            workspace::read(std::slice::from_ref(&self.path)).map_err(|cause| unreadable(&cause))?;
        let now = Surroundings { now: Some(SystemClock.now()), ..Surroundings::default() };
        let compiled = pai_compiler::compile_within(&workspace.sources, &now);
        findings::show(&compiled.diagnostics, &workspace.shown);
        let Some(bundle) = compiled.bundle else {
            let errors = compiled.diagnostics.count(Severity::Error);
            return Err(SourceError::Findings(format!(
                "the manifests in `{}` have {errors} error{}; `pai validate` shows them",
                self.path.display(),
                if errors == 1 { "" } else { "s" }
            )));
        };
        let encoded = codec::encode(&bundle).map_err(|cause| SourceError::Failed(cause.to_string()))?;
        Ok(encoded.0)
    }
}

fn unreadable(cause: &WorkspaceError) -> SourceError {
    let help = cause.help().map(|help| format!("; {help}")).unwrap_or_default();
    SourceError::Failed(format!("{cause}{help}"))
}
