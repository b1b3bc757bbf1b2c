//! `pai context`: which gateways one is logged in to, and which of them commands use.

use clap::{Args, Subcommand, ValueEnum};
use miette::miette;
use serde_json::{Value, json};

use super::Outcome;
use crate::context::{self, Context, Contexts, kind_in_words};
use crate::{prompt, table, terminal};

/// What to do with contexts.
#[derive(Debug, Args)]
#[command(after_help = "\
A context is a gateway's URL and a credential. `pai login` makes one, and it is used from then on.

Examples:
  pai context list
  pai context use gateway.example.com
  pai context delete old.example.com --yes")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all.
    #[command(after_help = "Examples:\n  pai context list\n  pai context list -o json")]
    List {
        /// How it is printed.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Form,
    },
    /// Show one, without its credential.
    #[command(after_help = "Examples:\n  pai context show\n  pai context show gateway.example.com -o json")]
    Show {
        /// Which [default: the one in use].
        #[arg(value_name = "CONTEXT")]
        name: Option<String>,
        /// How it is printed.
        #[arg(short, long, value_enum, default_value = "table")]
        output: Form,
    },
    /// Use one from now on.
    #[command(after_help = "Examples:\n  pai context use gateway.example.com")]
    Use {
        /// Which.
        #[arg(value_name = "CONTEXT")]
        name: String,
    },
    /// Forget one and its credential.
    #[command(
        after_help = "Examples:\n  pai context delete old.example.com\n  pai context delete old.example.com --yes"
    )]
    Delete {
        /// Which; several at once.
        #[arg(value_name = "CONTEXT", required = true)]
        names: Vec<String>,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

/// How contexts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
    Name,
}

pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.command {
        Command::List { output } => list(*output),
        Command::Show { name, output } => {
            let contexts = Contexts::load()?;
            show(&contexts, contexts.get(name.as_deref())?, *output);
            Ok(Outcome::Clean)
        }
        Command::Use { name } => {
            context::choose(name)?;
            let contexts = Contexts::load()?;
            terminal::say(&format!("using {} (context {name})", contexts.get(Some(name))?.address));
            Ok(Outcome::Clean)
        }
        Command::Delete { names, yes } => delete(names, *yes),
    }
}

fn list(output: Form) -> miette::Result<Outcome> {
    let contexts = Contexts::load()?;
    if contexts.all().is_empty() && output == Form::Table {
        terminal::say("you are not logged in to a gateway; `pai login URL` does");
        return Ok(Outcome::Clean);
    }
    match output {
        Form::Table => {
            let row = |context: &Context| {
                let mark = if contexts.is_current(context) { "*" } else { "" };
                let cells = [&context.name, &context.address.to_string(), &context.shown_credential()];
                std::iter::once(mark.to_owned()).chain(cells.into_iter().cloned()).collect()
            };
            let rows = contexts.all().iter().map(row);
            terminal::print(&table::plain(["CURRENT", "NAME", "URL", "CREDENTIAL"], rows, None));
        }
        Form::Json => {
            let all: Vec<Value> = contexts.all().iter().map(|context| document(&contexts, context)).collect();
            terminal::print(&format!("{:#}", Value::Array(all)));
        }
        Form::Name => contexts.all().iter().for_each(|context| terminal::print(&context.name)),
    }
    Ok(Outcome::Clean)
}

fn show(contexts: &Contexts, context: &Context, output: Form) {
    match output {
        Form::Table => {
            let mut rows = vec![
                vec!["Name:".to_owned(), context.name.clone()],
                vec!["URL:".to_owned(), context.address.to_string()],
                vec!["Credential:".to_owned(), context.shown_credential()],
            ];
            if let Some(base) = context.base_url() {
                rows.push(vec!["Anthropic's base URL:".to_owned(), base.clone()]);
                rows.push(vec!["OpenAI's base URL:".to_owned(), format!("{base}/v1")]);
            }
            let used = if contexts.is_current(context) { "yes" } else { "no" };
            rows.push(vec!["In use:".to_owned(), used.to_owned()]);
            terminal::print(&table::plain(Vec::<String>::new(), rows, None));
        }
        Form::Json => terminal::print(&format!("{:#}", document(contexts, context))),
        Form::Name => terminal::print(&context.name),
    }
}

fn document(contexts: &Contexts, context: &Context) -> Value {
    json!({
        "name": context.name,
        "url": context.address.to_string(),
        "credential": { "kind": kind_in_words(context.credential.kind()), "id": context.credential.id() },
        "current": contexts.is_current(context),
    })
}

fn delete(names: &[String], yes: bool) -> miette::Result<Outcome> {
    let contexts = Contexts::load()?;
    for name in names {
        let context = contexts.get(Some(name))?;
        let question =
            format!("Forget {name} and its {}? It cannot be shown again.", context.shown_credential());
        if !prompt::confirm(&question, yes)? {
            return Err(miette!("nothing was forgotten"));
        }
    }
    context::forget(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    for name in names {
        terminal::say(&format!("context {name} deleted"));
    }
    Ok(Outcome::Clean)
}
