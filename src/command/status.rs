//! `pai status`: what a gateway serves since when, what it refused instead, and whether all is well with it.

mod guards;
mod report;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use miette::miette;
use serde_json::Value;

use self::report::Status;
use super::Outcome;
use crate::remote::{Named, Remote};
use crate::rows::Whereabouts;
use crate::terminal;

/// Which gateway, and how it is told.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 when all is well, 1 when something is not, 2 when there is no answer.

Examples:
  pai status                                     the gateway of the workspace here
  pai status --url http://10.0.0.5:8081          one elsewhere; PAI_ADMIN_TOKEN has the token
  pai status -o json | jq .bundle.lastRefusal    why the last change was refused")]
pub(crate) struct Arguments {
    /// The workspace that is served, whose `.pai` is the state folder [default: the gateway that you are logged in to as
    /// administrator, or else the folder here].
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
}

/// Prints what the gateway says.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let named = Named::when(arguments.path.is_some() || arguments.whereabouts.is_named());
    let operator = match arguments.remote.gateway(named)? {
        Some(gateway) => gateway.operator,
        None => arguments.whereabouts.operator(arguments.path.as_deref().unwrap_or(Path::new(".")))?,
    };
    let document: Value = operator.read("/status")?;
    let status: Status = serde_json::from_value(document.clone()).map_err(|cause| {
        miette!("{} answers in another form than this `pai` knows: {cause}", operator.url())
    })?;
    match arguments.output {
        Form::Table => terminal::print(&status.told(operator.url())),
        Form::Json => terminal::print(&format!("{document:#}")),
    }
    Ok(if status.is_well() { Outcome::Clean } else { Outcome::Findings })
}
