//! `pai validate`: checks manifests and policies.

use clap::Args;

use super::Outcome;
use crate::findings::{self, Format};
use crate::surroundings::SecretArguments;
use crate::terminal;
use crate::workspace::selection::Selection;

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// How findings are printed.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    #[command(flatten)]
    secrets: SecretArguments,
}

/// Checks, and says what it found.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let Some(workspace) = arguments.selection.read()? else { return Ok(Outcome::Clean) };
    let surroundings = arguments.secrets.surroundings(&arguments.selection.paths())?;
    let found = pai_compiler::check_within(&workspace.sources, &surroundings);
    findings::show(&found, &workspace.shown, arguments.format);
    if found.has_errors() {
        return Ok(Outcome::Findings);
    }
    let files = workspace.sources.files().count();
    terminal::say(&format!("{files} {} checked", if files == 1 { "file" } else { "files" }));
    Ok(Outcome::Clean)
}
