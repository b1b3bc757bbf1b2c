//! `pai admin-token`: tokens for people who operate a gateway from elsewhere. The state folder keeps digests; a token is
//! shown once.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use miette::miette;
use pai_ledger::{Clock, SystemClock};
use pai_runtime::arguments::SecretArguments;
use pai_runtime::operators::{AdminToken, AdminTokens};
use serde_json::{Value, json};

use super::Outcome;
use crate::{table, terminal, workspace};

/// What to do.
#[derive(Debug, Args)]
#[command(
    after_help = "On the gateway's own machine no token is needed: pai finds the one in the state folder.\n\n\
                  Examples:\n  pai admin-token create alice\n  pai admin-token list\n  pai admin-token revoke alice"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token: shown once, on standard output. Gateways on the folder accept it at once.
    #[command(
        after_help = "Examples:\n  pai admin-token create alice\n  pai admin-token create ci --state /var/lib/pai"
    )]
    Create(Create),
    /// List the tokens that were made.
    #[command(after_help = "Examples:\n  pai admin-token list\n  pai admin-token list -o json")]
    List(List),
    /// Take a token away; it opens nothing from the next request on.
    #[command(after_help = "Examples:\n  pai admin-token revoke alice")]
    Revoke(Revoke),
}

/// A token for somebody.
#[derive(Debug, Args)]
struct Create {
    /// Whose it is: a person, or a program.
    name: String,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    secrets: SecretArguments,
}

/// All of them.
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    folder: Folder,
    /// How they are printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

/// One of them.
#[derive(Debug, Args)]
struct Revoke {
    /// Whose it is.
    name: String,
    #[command(flatten)]
    folder: Folder,
}

/// Which gateway is meant.
#[derive(Debug, Args)]
struct Folder {
    /// The workspace that is served; its `.pai` is the state folder.
    #[arg(long, default_value = ".", value_name = "DIR")]
    workspace: PathBuf,
    /// The gateway's state folder, where it is not the workspace's.
    #[arg(long, env = "PAI_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
}

/// How they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
}

impl Folder {
    fn state(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| workspace::state(&self.workspace))
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::Create(create) => {
            let state = create.folder.state();
            let pepper = create.secrets.open(&state).pepper().map_err(|cause| miette!("{cause}"))?;
            let token = AdminTokens::create(&state, &create.name, &pepper, SystemClock.now())
                .map_err(|cause| miette!("{cause}"))?;
            terminal::say(&format!("this is the token of {}, shown once:", create.name));
            terminal::print(token.reveal());
        }
        Command::List(list) => {
            let tokens = AdminTokens::read(&AdminTokens::path(&list.folder.state()));
            let tokens = tokens.map_err(|cause| miette!("{cause}"))?;
            match list.output {
                Form::Table if tokens.all().next().is_none() => terminal::say("there are no admin tokens"),
                Form::Table => {
                    terminal::print(&table::plain(["NAME", "ID", "CREATED"], tokens.all().map(row), None));
                }
                Form::Json => {
                    terminal::print(&format!("{:#}", tokens.all().map(document).collect::<Value>()));
                }
            }
        }
        Command::Revoke(revoke) => {
            AdminTokens::revoke(&revoke.folder.state(), &revoke.name).map_err(|cause| miette!("{cause}"))?;
            terminal::say(&format!("the token of {} opens nothing any more", revoke.name));
        }
    }
    Ok(Outcome::Clean)
}

fn row(token: &AdminToken) -> Vec<String> {
    vec![token.name.clone(), token.id.clone(), created(token)]
}

fn document(token: &AdminToken) -> Value {
    json!({ "name": token.name, "id": token.id, "created": created(token) })
}

fn created(token: &AdminToken) -> String {
    jiff::Timestamp::from_second(token.created.0).map(|at| at.to_string()).unwrap_or_default()
}
