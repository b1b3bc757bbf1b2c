//! Forms for programs: whole manifests as JSON or YAML, or names that can be handed back.

use clap::ValueEnum;
use miette::miette;
use pai_compiler::resources::Resource;
use serde_json::json;

use crate::terminal;

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// Columns.
    Table,
    /// More columns.
    Wide,
    /// The manifest that was named, or a `List`, as kubectl has it.
    Json,
    /// Manifests, as a workspace may have them in one file.
    Yaml,
    /// KIND/NAME on each line.
    Name,
}

/// Prints all but columns. `is_one` says that one name was asked for.
pub(super) fn print(form: Form, chosen: &[&Resource], is_one: bool) -> miette::Result<()> {
    match (form, chosen) {
        (Form::Json, []) if is_one => {}
        (Form::Json, [one]) if is_one => terminal::print(&format!("{:#}", one.manifest)),
        (Form::Json, all) => {
            let items: Vec<_> = all.iter().map(|resource| &resource.manifest).collect();
            terminal::print(&format!("{:#}", json!({ "apiVersion": "v1", "kind": "List", "items": items })));
        }
        (Form::Yaml, all) => {
            let documents: Result<Vec<String>, _> =
                all.iter().map(|resource| serde_yaml::to_string(&resource.manifest)).collect();
            terminal::pass(&documents.map_err(|cause| miette!("{cause}"))?.join("---\n"));
        }
        (Form::Name | Form::Table | Form::Wide, all) => {
            for resource in all {
                terminal::print(&format!("{}/{}", resource.kind.slug(), resource.name.name));
            }
        }
    }
    Ok(())
}
