//! `pai add`: puts a secret into the encrypted store of a workspace.

use clap::{Args, Subcommand};

use super::Outcome;
use crate::secrets::{self, StoreArguments, ValueArguments};
use crate::terminal;

/// What to add.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai add secret anthropic-key --from-stdin api-key < key.txt
  pai add secret anthropic-key --from-file api-key=key.txt")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Store a secret, encrypted; a gateway that serves the workspace uses it within a second.
    #[command(after_help = "\
Examples:
  pai add secret anthropic-key --from-stdin api-key < key.txt
  pai add secret anthropic-key --from-file api-key=key.txt

A key that is there already is replaced; other keys of the secret stay.")]
    Secret(Secret),
}

/// A secret and its values.
#[derive(Debug, Args)]
pub(super) struct Secret {
    /// The secret's name, as apiKeySecretRef.name has it.
    name: String,
    #[command(flatten)]
    values: ValueArguments,
    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Secret(secret) => run_secret(secret),
    }
}

/// Stores it.
pub(super) fn run_secret(secret: &Secret) -> miette::Result<Outcome> {
    let values = secret.values.read()?;
    for (key, was_there) in secrets::put(&secret.store.open(), &secret.name, &values)? {
        let done = if was_there { "replaced" } else { "added" };
        terminal::say(&format!("secret/{} {done}: {key}", secret.name));
    }
    Ok(Outcome::Clean)
}
