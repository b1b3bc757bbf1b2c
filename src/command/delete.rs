//! `pai delete`: takes a secret out of the encrypted store of a workspace.

use clap::{Args, Subcommand};
use miette::miette;
use pai_compiler::diagnostic::nearest;

use super::Outcome;
use crate::secrets::{self, StoreArguments};
use crate::terminal;

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Delete secrets, all keys of each; a gateway that serves the workspace refuses what needs them within seconds.
    #[command(after_help = "Examples:\n  pai delete secret anthropic-key --yes")]
    Secret(Secret),
}

#[derive(Debug, Args)]
struct Secret {
    /// The secrets' names.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Do it: a secret that is deleted cannot be had back.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Secret(secret) => run_secret(secret),
    }
}

fn run_secret(secret: &Secret) -> miette::Result<Outcome> {
    if !secret.yes {
        return Err(miette!(help = "say --yes", "a secret that is deleted cannot be had back"));
    }
    let store = secret.store.open();
    let mut outcome = Outcome::Clean;
    for name in &secret.names {
        let keys = secrets::remove(&store, name)?;
        if keys.is_empty() {
            let known = secrets::list(&store)?;
            let known = known.iter().map(|listed| listed.name.as_str());
            let hint = nearest::suggest(name, known, "the secrets are").unwrap_or_default();
            terminal::say(format!("there is no secret `{name}` in the store; {hint}").trim_end_matches("; "));
            outcome = Outcome::Findings;
        } else {
            terminal::say(&format!("secret/{name} deleted: {}", keys.join(", ")));
        }
    }
    Ok(outcome)
}
