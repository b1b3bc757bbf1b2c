//! `pai gateway`: what clients need to use the gateway that one is logged in to, and whether it works.

mod env;
mod shell;
mod claude_settings;
mod settings_file;
mod test;
mod token;

use clap::{Args, Subcommand};
use miette::miette;
use pai_runtime::token::TokenKind;

use super::Outcome;
use crate::context::{Context, ContextError, Contexts};

/// What to do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(pai gateway env)\"                 then: claude, or a Python program
  pai gateway claude-settings --write       the same for Claude Code, for good
  pai gateway test                          whether all of it works")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the environment that clients read, for `eval`.
    Env(env::Arguments),
    /// Print what Claude Code's settings need, or put it into its file.
    ClaudeSettings(claude_settings::Arguments),
    /// Try the whole way to a model, and say in plain words what is wrong.
    Test(test::Arguments),
    /// Print the credential and nothing else, for programs that ask for one.
    Token(token::Arguments),
}

/// Which gateway is meant.
#[derive(Debug, Args)]
struct Choice {
    /// This context instead of the one in use.
    #[arg(long, env = "PAI_CONTEXT", value_name = "CONTEXT")]
    context: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Env(arguments) => env::run(arguments),
        Command::ClaudeSettings(arguments) => claude_settings::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Token(arguments) => token::run(arguments),
    }
}

impl Choice {
    /// A context whose credential opens models, with the base URL that clients take.
    fn of_caller(&self, contexts: &Contexts) -> miette::Result<(Context, String)> {
        let context = self.get(contexts)?;
        let Some(base) = context.base_url() else {
            let mut others =
                contexts.all().iter().filter(|other| other.credential.kind() != TokenKind::Admin);
            let help = match others.next() {
                Some(other) => format!("use another context, such as --context {}", other.name),
                None => "log in with an access key: pai login URL".to_owned(),
            };
            return Err(miette!(
                help = help,
                "context `{}` is an administrator's, and its token opens no model",
                context.name
            ));
        };
        Ok((context.clone(), base))
    }

    fn get<'a>(&self, contexts: &'a Contexts) -> Result<&'a Context, ContextError> {
        contexts.get(self.context.as_deref().filter(|name| !name.is_empty()))
    }
}
