//! `pai ledger`: audits of what was counted. One file per subcommand.

mod check;
mod export;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pai_runtime::report::Limits;

use super::Outcome;
use crate::compiled;
use crate::rows::Whereabouts;
use crate::workspace::WorkspaceError;

/// What to do with the ledger.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai ledger check
  pai ledger export --since 7d")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether limits, marks, sums and decision records agree; exit code 1 where they do not.
    Check(check::Arguments),
    /// Print every account of these days, as it stands.
    Export(export::Arguments),
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Check(check) => check::run(check),
        Command::Export(export) => export::run(export),
    }
}

/// Whose ledger.
#[derive(Debug, Args)]
struct Target {
    /// The workspace or bundle that is served, which says the limits; `.pai` beside it is the state folder [default: the
    /// current folder].
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// The limits by which accounts are judged.
enum Known {
    /// These; a gateway at work has its own.
    Limits(Limits),
    /// None: nobody said which workspace it is.
    Nothing,
    /// The workspace has errors, which have been shown.
    Broken,
}

impl Target {
    fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("."))
    }

    /// For a ledger at rest. The workspace that happens to be here says nothing of a state folder elsewhere.
    fn limits(&self) -> miette::Result<Known> {
        if self.path.is_none() && self.whereabouts.names_state() {
            return Ok(Known::Nothing);
        }
        match compiled::load_quietly(self.path()) {
            Ok(Some(bundle)) => Ok(Known::Limits(Limits::of(&bundle))),
            Ok(None) => Ok(Known::Broken),
            Err(error) if self.path.is_none() && is_no_workspace(&error) => Ok(Known::Nothing),
            Err(error) => Err(error),
        }
    }
}

fn is_no_workspace(error: &miette::Report) -> bool {
    matches!(error.downcast_ref(), Some(WorkspaceError::Empty { .. } | WorkspaceError::NotOurs))
}
