//! `pai validate`: checks manifests and policies.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use crate::findings::{self, Format};
use crate::surroundings::SecretArguments;
use crate::{terminal, workspace};

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folders or files; together they are one workspace.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How findings are printed.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    #[command(flatten)]
    secrets: SecretArguments,
}

/// Checks, and says what it found.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let workspace = workspace::read(&arguments.paths)?;
    let surroundings = arguments.secrets.surroundings(&arguments.paths)?;
    let found = pai_compiler::check_within(&workspace.sources, &surroundings);
    findings::show(&found, &workspace.shown, arguments.format);
    if found.has_errors() {
        return Ok(Outcome::Findings);
    }
    let files = workspace.sources.files().count();
    terminal::say(&format!("{files} {} checked", if files == 1 { "file" } else { "files" }));
    Ok(Outcome::Clean)
}
