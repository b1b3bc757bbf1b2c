//! `pai delete`: takes manifests away, where nothing else needs them.

use clap::Args;
use pai_compiler::edit::Target;
use pai_compiler::resources;

use super::Outcome;
use super::get::wanted;
use crate::change::{Namespace, Whereabouts};
use crate::{prompt, terminal};

/// What to delete.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is deleted that another manifest refers to. A file goes with its last manifest; version control brings it back.

Examples:
  pai delete agent nightly
  pai delete access-key/laptop access-key/desktop --yes")]
pub(crate) struct Arguments {
    /// model-provider, agent, access-key or guard; or KIND/NAME, also for all that follow.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Which.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Print what would change, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    namespace: Namespace,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// Deletes all of them or none.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let (kind, names) = wanted::wanted(&arguments.kind, &arguments.names)?;
    let mut change = arguments.whereabouts.open()?;
    let all = change.resources();
    let chosen = wanted::all(kind, &names, &arguments.namespace.namespace, &all)?;
    let gone: Vec<Target> =
        chosen.iter().map(|resource| Target { kind: resource.kind, name: resource.name.clone() }).collect();
    let sources = change.sources();
    for target in &gone {
        change.remove(target)?;
    }
    if !change.new_errors().is_empty() {
        for target in &gone {
            for from in resources::referring(&sources, target.kind, &target.name) {
                if !gone.iter().any(|other| other.kind == from.kind && other.name == from.name) {
                    let (kind, name) = (from.kind.slug(), &from.name.name);
                    terminal::say(&format!(
                        "{kind}/{name} refers to {}/{}: {} ({})",
                        target.kind.slug(),
                        target.name.name,
                        from.origin,
                        from.origin.field
                    ));
                }
            }
        }
        change.is_sound();
        return Ok(Outcome::Findings);
    }
    let lines: Vec<String> =
        gone.iter().map(|target| format!("{}/{}", target.kind.slug(), target.name.name)).collect();
    if arguments.dry_run {
        for line in &lines {
            terminal::print(&format!("{line} deleted (dry run)"));
        }
        terminal::pass(&change.diff());
        return Ok(Outcome::Clean);
    }
    for resource in &chosen {
        let (kind, name) = (resource.kind.slug(), &resource.name.name);
        terminal::say(&format!("{kind}/{name}: {}:{}", resource.origin.file, resource.origin.line));
    }
    let what = if lines.len() == 1 { "it".to_owned() } else { format!("these {}", lines.len()) };
    if !prompt::confirm(&format!("Delete {what}?"), arguments.yes)? {
        terminal::say("nothing was deleted");
        return Ok(Outcome::Findings);
    }
    change.write()?;
    for line in &lines {
        terminal::print(&format!("{line} deleted"));
    }
    Ok(Outcome::Clean)
}
