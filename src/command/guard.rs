//! `pai guard`: how well guards do.

mod eval;
mod figures;

use clap::{Args, Subcommand};

use super::Outcome;

/// What to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai guard eval attacks.jsonl
  pai guard eval attacks.jsonl --guard injection -o json")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure a guard on labelled texts.
    Eval(eval::Arguments),
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Eval(eval) => eval::run(eval),
    }
}
