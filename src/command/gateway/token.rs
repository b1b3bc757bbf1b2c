//! `pai gateway token`: the credential for a base URL, for Claude Code's `apiKeyHelper` and others that ask a program. Where a
//! base URL is given, no other gateway's credential is ever printed, whatever context is in use by then.

use clap::Args;
use miette::miette;

use super::{Choice, Outcome};
use crate::context::{Context, Contexts};
use crate::terminal;

/// Whose credential.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai gateway token
  pai gateway token --base-url https://gateway.example.com/ext")]
pub(super) struct Arguments {
    /// The context whose clients have this base URL, as `pai gateway env` prints it; it counts more than --context.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    #[command(flatten)]
    choice: Choice,
}

/// Prints it.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let contexts = Contexts::load()?;
    let context = match &arguments.base_url {
        Some(base) => of_base(&contexts, base.trim_end_matches('/'))?.clone(),
        None => arguments.choice.of_caller(&contexts)?.0,
    };
    terminal::print(context.credential.reveal());
    Ok(Outcome::Clean)
}

/// The context with that base URL; of several, the one in use.
fn of_base<'a>(contexts: &'a Contexts, base: &str) -> miette::Result<&'a Context> {
    let has_it = |context: &&Context| context.base_url().as_deref() == Some(base);
    if let Some(current) = contexts.current().filter(has_it) {
        return Ok(current);
    }
    let having: Vec<&Context> = contexts.all().iter().filter(has_it).collect();
    match having.as_slice() {
        [one] => Ok(one),
        [] => Err(miette!(
            help = format!("pai login {}", base.strip_suffix("/ext").unwrap_or(base)),
            "you are not logged in to a gateway with the base URL {base}"
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|context| context.name.as_str()).collect();
            Err(miette!(
                help = "choose one with `pai context use NAME`",
                "several contexts have the base URL {base}: {}",
                names.join(", ")
            ))
        }
    }
}
