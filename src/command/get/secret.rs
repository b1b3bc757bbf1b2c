//! Secrets of the encrypted store, by name and key: what they are is never printed.

use std::path::Path;

use pai_compiler::diagnostic::nearest;
use pai_ledger::{Clock, SystemClock};
use serde_json::{Value, json};

use super::forms::Form;
use super::{Arguments, age};
use crate::command::Outcome;
use crate::secrets::{self, Listed};
use crate::{table, terminal};

/// Names of the kind.
const CALLED: [&str; 2] = ["secret", "secrets"];

/// Whether the kind is meant; the names of what is.
pub(in crate::command) fn names<'a>(kind: &'a str, others: &'a [String]) -> Option<Vec<&'a str>> {
    let (kind, first) = match kind.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (kind, None),
    };
    let others = others.iter().map(|name| name.strip_prefix("secret/").unwrap_or(name));
    CALLED.contains(&kind.to_lowercase().as_str()).then(|| first.into_iter().chain(others).collect())
}

/// Lists them. Exit code 1 says that one that was asked for is not there.
pub(super) fn list(arguments: &Arguments, names: &[&str], workspace: &Path) -> miette::Result<Outcome> {
    let store = secrets::open(&arguments.whereabouts.state(workspace), None);
    let all = secrets::list(&store)?;
    let missing: Vec<&&str> =
        names.iter().filter(|name| !all.iter().any(|listed| listed.name == ***name)).collect();
    let chosen: Vec<&Listed> =
        all.iter().filter(|listed| names.is_empty() || names.contains(&listed.name.as_str())).collect();
    print(arguments, &chosen)?;
    for name in &missing {
        let known = all.iter().map(|listed| listed.name.as_str());
        let hint = nearest::suggest(name, known, "the secrets are");
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        terminal::say(&format!("there is no secret `{name}` in the store{hint}"));
    }
    if all.is_empty() && names.is_empty() {
        terminal::say("there are no secrets in the store; `pai add secret` puts them there");
    }
    Ok(if missing.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

fn print(arguments: &Arguments, chosen: &[&Listed]) -> miette::Result<()> {
    match arguments.output {
        Form::Name => chosen.iter().for_each(|listed| terminal::print(&format!("secret/{}", listed.name))),
        Form::Json => {
            let items: Vec<Value> = chosen.iter().map(|listed| outline(listed)).collect();
            terminal::print(&format!("{:#}", json!({ "apiVersion": "v1", "kind": "List", "items": items })));
        }
        Form::Yaml => {
            let items: Vec<Value> = chosen.iter().map(|listed| outline(listed)).collect();
            terminal::pass(&serde_yaml::to_string(&items).map_err(|cause| miette::miette!("{cause}"))?);
        }
        Form::Table | Form::Wide if chosen.is_empty() => {}
        Form::Table | Form::Wide => {
            let head: &[&str] = if arguments.no_headers { &[] } else { &["NAME", "KEYS", "AGE"] };
            let now = SystemClock.now();
            let rows = chosen.iter().map(|listed| {
                vec![listed.name.clone(), listed.keys.join(","), age::between(listed.written, now)]
            });
            terminal::print(&table::plain(head, rows, None));
        }
    }
    Ok(())
}

fn outline(listed: &Listed) -> Value {
    json!({ "kind": "Secret", "name": listed.name, "keys": listed.keys })
}
