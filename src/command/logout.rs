//! `pai logout`: forgets the credential that is in use. The gateway still takes it, until it is revoked there.

use clap::Args;

use super::Outcome;
use crate::context::{self, Context, Contexts};
use crate::terminal;

/// What to forget.
#[derive(Debug, Args)]
#[command(after_help = "\
The credential is removed from this machine. Whoever has a copy can use it still: `pai access-key revoke` ends it.

Examples:
  pai logout
  pai logout --context gateway.example.com
  pai logout --all")]
pub(crate) struct Arguments {
    /// This context instead of the one in use.
    #[arg(long, value_name = "CONTEXT", conflicts_with = "all")]
    context: Option<String>,
    /// Every context.
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let contexts = Contexts::load()?;
    let going: Vec<&Context> = if arguments.all && !contexts.all().is_empty() {
        contexts.all().iter().collect()
    } else {
        vec![contexts.get(arguments.context.as_deref())?]
    };
    context::forget(&going.iter().map(|context| context.name.as_str()).collect::<Vec<_>>())?;
    for context in &going {
        terminal::say(&format!(
            "logged out of {} ({} forgotten)",
            context.address,
            context.shown_credential()
        ));
    }
    let left = contexts.all().len() - going.len();
    if left > 0 && contexts.current().is_none_or(|current| going.iter().any(|gone| gone.name == current.name))
    {
        terminal::say("no context is in use now; `pai context list` shows what is left");
    }
    Ok(Outcome::Clean)
}
