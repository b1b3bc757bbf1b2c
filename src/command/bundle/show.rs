//! `pai bundle show`: what is in a bundle, as tables for people, as JSON or YAML for machines, or its Cedar text.

mod table;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use miette::miette;
use pai_bundle::{codec, listing};

use super::{Outcome, public_keys, read};
use crate::terminal;

/// What to show, and how.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai bundle show team.bundle")]
pub(super) struct Arguments {
    /// The bundle.
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// The form.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    /// Print the policies instead, as one Cedar file, each with the place it was written at.
    #[arg(long, conflicts_with = "output")]
    policies: bool,
    /// A public key to check the signature with; repeat for several.
    #[arg(long = "public-key", env = "PAI_PUBLIC_KEY", value_delimiter = ',', value_name = "KEY")]
    public_keys: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
    Yaml,
}

/// Prints it.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let keys = public_keys(&arguments.public_keys)?;
    let bytes = read(&arguments.bundle)?;
    let refuse = |cause| miette!("`{}`: {cause}", arguments.bundle.display());
    let opened = codec::open(&bytes).map_err(refuse)?;
    let bundle = opened.contents().map_err(refuse)?;
    if arguments.policies {
        terminal::print(listing::cedar(&bundle).trim_end());
        return Ok(Outcome::Clean);
    }
    let listing = listing::of(&opened, &bundle, &keys);
    let text = match arguments.output {
        Form::Table => table::of(&listing),
        Form::Json => serde_json::to_string_pretty(&listing).map_err(|cause| miette!("{cause}"))?,
        Form::Yaml => serde_yaml::to_string(&listing).map_err(|cause| miette!("{cause}"))?,
    };
    terminal::print(text.trim_end());
    Ok(Outcome::Clean)
}
