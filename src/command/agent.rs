//! `pai agent`: tokens by which agents prove who they are.

use clap::{Args, Subcommand};
use pai_compiler::schema::Kind;

use super::Outcome;
use super::token::{self, Create, Revoke, Rotate};

/// What to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai agent token create reviewer
  pai agent token rotate reviewer --grace 1h")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, rotate and revoke an agent's tokens.
    Token(TokenArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai agent token create reviewer
  pai agent token rotate reviewer --grace 1h
  pai agent token revoke reviewer")]
struct TokenArguments {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token: its digest goes into the agent's manifest, the token to standard output, once.
    Create(Create),
    /// Make a token in the place of the others, which end at once or after a grace.
    Rotate(Rotate),
    /// Take an agent's tokens away: whoever has them is refused at the next request.
    Revoke(Revoke),
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let Command::Token(token) = &arguments.command;
    match &token.command {
        TokenCommand::Create(create) => token::create(Kind::Agent, create),
        TokenCommand::Rotate(rotate) => token::rotate(Kind::Agent, rotate),
        TokenCommand::Revoke(revoke) => token::revoke(Kind::Agent, revoke),
    }
}
