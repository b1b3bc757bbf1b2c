//! `pai build`: compiles a workspace to a bundle file.

use std::path::PathBuf;

use clap::Args;
use miette::miette;
use pai_bundle::codec;

use super::Outcome;
use crate::findings::FindingArguments;
use crate::progress::Progress;
use crate::surroundings::SecretArguments;
use crate::{replace, terminal, workspace};

/// What to build, and where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai build . -o team.bundle
  pai build manifests -o team.bundle --deny warnings")]
pub(crate) struct Arguments {
    /// Folders or files; together they are one workspace.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where the bundle goes.
    #[arg(short, long, value_name = "FILE", default_value = "pai.bundle")]
    output: PathBuf,
    #[command(flatten)]
    findings: FindingArguments,
    #[command(flatten)]
    secrets: SecretArguments,
}

/// Compiles, and writes the bundle if there are no errors. Prints its digest.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let levels = arguments.findings.levels()?;
    let workspace = workspace::read(&arguments.paths)?;
    let surroundings = arguments.secrets.surroundings(&arguments.paths)?;
    let progress = Progress::start(workspace.doing("compiling"));
    let compiled = pai_compiler::compile_within(&workspace.sources, &surroundings);
    drop(progress);
    let found = compiled.diagnostics.at(&levels);
    arguments.findings.show(&found, &workspace.shown);
    let Some(bundle) = compiled.bundle.filter(|_| !found.has_errors()) else { return Ok(Outcome::Findings) };
    let (bytes, digest) = codec::encode(&bundle).map_err(|cause| miette!("{cause}"))?;
    // A gateway may be reading the old one.
    replace::file(&arguments.output, &bytes)
        .map_err(|cause| miette!("bundle `{}` cannot be written: {cause}", arguments.output.display()))?;
    terminal::say(&format!("wrote {}", arguments.output.display()));
    terminal::print(digest.as_str());
    Ok(Outcome::Clean)
}
