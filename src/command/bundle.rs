//! `pai bundle`: looks into bundles, signs them, and checks signatures.

mod show;
mod keygen;
mod sign;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use miette::miette;
use pai_bundle::key::PublicKey;

use super::Outcome;

/// What to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai bundle show team.bundle
  pai bundle sign team.bundle --key release.key")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what is in a bundle.
    Show(show::Arguments),
    /// Make a pair of keys for signing.
    Keygen(keygen::Arguments),
    /// Sign a bundle as a release.
    Sign(sign::Arguments),
    /// Check who signed a bundle, and as which release.
    Verify(verify::Arguments),
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Show(show) => show::run(show),
        Command::Keygen(keygen) => keygen::run(keygen),
        Command::Sign(sign) => sign::run(sign),
        Command::Verify(verify) => verify::run(verify),
    }
}

fn read(path: &Path) -> miette::Result<Vec<u8>> {
    std::fs::read(path).map_err(|cause| miette!("`{}` cannot be read: {cause}", path.display()))
}

fn public_keys(paths: &[PathBuf]) -> miette::Result<Vec<PublicKey>> {
    let key = |path: &PathBuf| {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        PublicKey::from_pem(&text).map_err(|cause| miette!("`{}`: {cause}", path.display()))
    };
    paths.iter().map(key).collect()
}
