//! `pai create`: new manifests in files of their own. One file per kind.

mod model_provider;
mod agent;
mod guard;
mod apart;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::miette;
use pai_compiler::edit;
use pai_compiler::edit::Target;
use serde_json::{Map, Value};

use super::{Outcome, access_key, add};
use crate::change::{self, Change, Whereabouts};
use crate::terminal;

/// What to create.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Nothing is written unless the workspace compiles with it.

Examples:
  pai create model-provider anthropic --provider anthropic
  pai create agent reviewer --model anthropic/claude-sonnet-4-6 --max-tokens-per-day 500_000
  pai create access-key laptop --model-provider anthropic
  pai create -f team.yaml"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Manifests, as `pai apply -f` takes them; what is there already is an error. Repeatable; `-` is standard input.
    #[arg(short = 'f', long = "filename", required = true, value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    /// Print what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An upstream: one subscription and its models. Its key goes into pai's own store.
    #[command(visible_alias = "provider")]
    ModelProvider(model_provider::Arguments),
    /// A workload and the models that it may call.
    Agent(agent::Arguments),
    /// External use by a person, a laptop, a CI job; the key is printed once.
    AccessKey(access_key::Create),
    /// A classifier that reads prompts, answers and tool results.
    #[command(visible_alias = "guard-binding")]
    Guard(guard::Arguments),
    /// A secret in the encrypted store, as `pai add secret` puts it there.
    #[command(after_help = "Examples:\n  pai create secret anthropic-key --from-stdin api-key < key.txt")]
    Secret(add::Secret),
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    match &arguments.what {
        Some(What::ModelProvider(provider)) => model_provider::run(provider),
        Some(What::Agent(agent)) => agent::run(agent),
        Some(What::AccessKey(key)) => access_key::run_create(key),
        Some(What::Guard(guard)) => guard::run(guard),
        Some(What::Secret(secret)) => add::run_secret(secret),
        None if arguments.files.is_empty() => Err(miette!("say what to create, or give -f FILE")),
        None => apart::run(&arguments.files, arguments.dry_run, &arguments.whereabouts),
    }
}

/// Fields of a spec, in the order in which they are given.
#[derive(Debug, Default)]
pub(super) struct Spec(Map<String, Value>);

impl Spec {
    /// A field that is there if it has a value.
    pub(super) fn put<T: serde::Serialize>(&mut self, field: &str, value: Option<T>) {
        if let Some(value) = value
            && let Ok(value) = serde_json::to_value(value)
        {
            self.0.insert(field.to_owned(), value);
        }
    }

    /// A field within another one.
    pub(super) fn put_in<T: serde::Serialize>(&mut self, field: &str, inner: &str, value: Option<T>) {
        if let Some(value) = value
            && let Ok(value) = serde_json::to_value(value)
            && let Value::Object(fields) =
                self.0.entry(field.to_owned()).or_insert_with(|| Value::Object(Map::new()))
        {
            fields.insert(inner.to_owned(), value);
        }
    }

    /// A list that is there if something is in it.
    pub(super) fn put_list(&mut self, field: &str, values: &[String]) {
        self.put(field, (!values.is_empty()).then_some(values));
    }

    pub(super) fn value(self) -> Value {
        Value::Object(self.0)
    }
}

/// A new manifest in the workspace, sound or not at all; `None` where it is not, which has been said.
pub(super) fn planned(
    whereabouts: &Whereabouts,
    target: &Target,
    spec: &Value,
) -> miette::Result<Option<(Change, String)>> {
    let mut change = whereabouts.open()?;
    let file = change.add(target, &edit::render(&change::manifest(target, spec)))?;
    Ok(change.is_sound().then_some((change, file)))
}

/// Writes a new manifest, or prints it.
pub(super) fn finish(
    whereabouts: &Whereabouts,
    target: &Target,
    spec: &Value,
    dry_run: bool,
) -> miette::Result<Outcome> {
    let Some((change, file)) = planned(whereabouts, target, spec)? else { return Ok(Outcome::Findings) };
    if dry_run {
        terminal::pass(&edit::render(&change::manifest(target, spec)));
        return Ok(Outcome::Clean);
    }
    change.write()?;
    said_created(target, &file);
    Ok(Outcome::Clean)
}

/// The line about it, as kubectl has it.
pub(super) fn said_created(target: &Target, file: &str) {
    terminal::print(&format!("{}/{} created", target.kind.slug(), target.name.name));
    terminal::say(&format!("wrote {file}"));
}
