//! Secrets of the encrypted store, taken out with all their keys.

use miette::miette;
use pai_compiler::diagnostic::nearest;

use super::Arguments;
use crate::command::Outcome;
use crate::{prompt, secrets, terminal};

/// Deletes all of them or none. A gateway that serves the workspace refuses what needs them within seconds.
pub(super) fn run(arguments: &Arguments, names: &[&str]) -> miette::Result<Outcome> {
    if names.is_empty() {
        return Err(miette!("say which: secret NAME, or secret/NAME; `pai get secrets` lists them"));
    }
    let store = arguments.places.secrets(&arguments.whereabouts.folder());
    let all = secrets::list(&store)?;
    for name in names {
        if !all.iter().any(|listed| listed.name == *name) {
            let known = all.iter().map(|listed| listed.name.as_str());
            let hint = nearest::suggest(name, known, "the secrets are");
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(miette!("there is no secret `{name}` in the store{hint}"));
        }
    }
    if arguments.dry_run {
        for name in names {
            terminal::print(&format!("secret/{name} deleted (dry run)"));
        }
        return Ok(Outcome::Clean);
    }
    let what = if let [name] = names { format!("secret {name}") } else { format!("these {}", names.len()) };
    if !prompt::confirm(&format!("Delete {what}? It cannot be had back."), arguments.yes)? {
        terminal::say("nothing was deleted");
        return Ok(Outcome::Findings);
    }
    for name in names {
        let keys = secrets::remove(&store, name)?;
        terminal::print(&format!("secret/{name} deleted: {}", keys.join(", ")));
    }
    Ok(Outcome::Clean)
}
