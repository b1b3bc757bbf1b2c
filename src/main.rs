//! The `pai` command: parse, run one subcommand, map what it says to an exit code.

mod command;
mod workspace;
mod surroundings;
mod findings;
mod replace;
mod change;
mod credential;
mod prompt;
mod today;
mod modeline;
mod progress;
mod compiled;
mod revision;
mod account;
mod period;
mod operator;
mod rows;
mod context;
mod reach;
mod remote;
mod completion;
mod terminal;
mod table;
mod secrets;

use std::process::ExitCode;

use clap::Parser;

/// Rules for LLM tokens, written, reviewed and checked like code.
#[derive(Debug, Parser)]
#[command(
    name = "pai",
    version,
    about,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pai init
  pai create model-provider anthropic --provider anthropic --external-access
  pai get model-providers
  pai serve"
)]
struct Arguments {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    match completion::answer::<Arguments>() {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => error.exit(),
    }
    let arguments = Arguments::parse();
    match arguments.command.run() {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            terminal::say(&format!("{error:?}"));
            ExitCode::from(command::MISUSE)
        }
    }
}
