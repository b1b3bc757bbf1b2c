//! `pai schema`: JSON Schemas for editors, and definitions for Kubernetes.

use std::path::PathBuf;

use clap::Args;
use miette::miette;
use pai_compiler::schema::{Subject, crd, file};

use super::Outcome;
use crate::{replace, terminal};

/// Which schema, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai schema all
  pai schema agent")]
pub(crate) struct Arguments {
    /// model-provider, agent, access-key or guard-binding; `all` is one schema that goes by each document's `kind`, `test`
    /// the one of policy tests.
    #[arg(default_value = "all")]
    kind: Subject,
    /// Print definitions of custom resources for Kubernetes instead of a JSON Schema.
    #[arg(long)]
    crd: bool,
    /// Write to a file instead of standard output; folders are made.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Prints or writes it.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    if arguments.crd && arguments.kind == Subject::Cases {
        return Err(miette!("policy tests are no resources, and have no definition for Kubernetes"));
    }
    let text = if arguments.crd {
        crd::definitions(arguments.kind)
            .map_err(|cause| miette!("the definitions cannot be written: {cause}"))?
    } else {
        file::file(arguments.kind).text
    };
    let Some(path) = &arguments.output else {
        terminal::pass(&text);
        return Ok(Outcome::Clean);
    };
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| replace::file(path, text.as_bytes()))
        .map_err(|cause| miette!("`{}` cannot be written: {cause}", path.display()))?;
    terminal::say(&format!("wrote {}", path.display()));
    Ok(Outcome::Clean)
}
