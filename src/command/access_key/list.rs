//! `pai access-key list`: keys, when they were used, and what of today is used.

use clap::Args;
use pai_bundle::limit::Scope;
use pai_compiler::resources::Resource;
use pai_compiler::schema::Kind;
use pai_ledger::{Clock, SystemClock};
use serde_json::{Value, json};

use super::Outcome;
use crate::change::{self, Namespace};
use crate::command::get::kinds::{self, Seen};
use crate::command::get::last_used::{LastUsed, Uses};
use crate::credential;
use crate::rows::Whereabouts;
use crate::{table, terminal, today};

/// Which keys, and from where.
#[derive(Debug, Args)]
#[command(after_help = "\
USED TODAY is what is settled and what requests under way have set aside, of the UTC day.

Examples:
  pai access-key list
  pai access-key list -n research -o json")]
pub(super) struct Arguments {
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    place: change::Whereabouts,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Columns.
    Table,
    /// A list of objects.
    Json,
}

/// Lists.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let change = arguments.place.open()?;
    let all = change.resources();
    let namespace = &arguments.namespace.namespace;
    let keys: Vec<&Resource> = all
        .iter()
        .filter(|resource| resource.kind == Kind::AccessKey && resource.name.namespace == *namespace)
        .collect();
    let uses = Uses::of(kinds::of(Kind::AccessKey)?, &keys, &arguments.whereabouts, change.folder());
    let today = today::rows(&arguments.whereabouts, change.folder()).ok();
    let now = SystemClock.now();
    let spent = |resource: &Resource| {
        let row = today.as_ref()?.get(&(Scope::AccessKey, resource.name.to_string()));
        Some(row.map_or(0, |row| row.settled().tokens.0.saturating_add(row.held().tokens.0)))
    };
    if arguments.output == Form::Json {
        let rows: Vec<Value> = keys
            .iter()
            .map(|key| {
                let last_used = match uses.at(key) {
                    LastUsed::At(at) => Some(credential::moment(at.0)),
                    LastUsed::Never | LastUsed::Unknown => None,
                };
                json!({
                    "name": key.name.name, "namespace": key.name.namespace,
                    "providers": key.manifest["spec"]["providers"],
                    "maxTokensPerDay": key.manifest["spec"].get("maxTokensPerDay"),
                    "usedTodayTokens": spent(key), "expires": key.manifest["spec"].get("expires"),
                    "lastUsed": last_used, "secrets": credential::listed(&key.manifest).len(),
                    "source": format!("{}:{}", key.origin.file, key.origin.line),
                })
            })
            .collect();
        terminal::print(&format!("{:#}", Value::Array(rows)));
        return Ok(Outcome::Clean);
    }
    if keys.is_empty() {
        terminal::say(&format!("there are no access-keys in namespace `{namespace}`"));
        return Ok(Outcome::Clean);
    }
    let head = ["NAME", "PROVIDERS", "SECRETS", "MAX/DAY", "USED TODAY", "EXPIRES", "LAST USED", "AGE"];
    let rows = keys.iter().map(|key| {
        let seen = Seen { resource: key, last_used: uses.at(key), now };
        vec![
            key.name.name.to_string(),
            seen.list("/spec/providers").join(","),
            credential::listed(&key.manifest).len().to_string(),
            seen.text("/spec/maxTokensPerDay"),
            spent(key).map_or_else(|| "<unknown>".to_owned(), |tokens| tokens.to_string()),
            seen.text("/spec/expires"),
            (kinds::LAST_USED.cell)(&seen),
            (kinds::AGE.cell)(&seen),
        ]
    });
    terminal::print(&table::plain(head, rows, None));
    Ok(Outcome::Clean)
}
