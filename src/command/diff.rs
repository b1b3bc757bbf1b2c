//! `pai diff`: what a change means for who may use what.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use miette::miette;
use pai_bundle::unit::UnixSeconds;
use pai_compiler::inspect::diff::render;
use pai_compiler::inspect::{World, diff};
use pai_ledger::{Clock, SystemClock};

use super::Outcome;
use crate::progress::Progress;
use crate::{account, compiled, terminal};

/// Two states of a workspace.
#[derive(Debug, Args)]
#[command(
    after_help = "OLD and NEW are each a folder or file of manifests, a bundle, or a git revision: `main` and `HEAD~1` mean the \
                  current folder as it was there, `main:deploy/pai` another one. What exists as a path is taken for a path.\n\n\
                  Exit codes: 0 when nothing widens, 1 when access widens, so that a pipeline can ask for a review, 2 when the two \
                  cannot be compared. More models, larger caps, later ends, more addresses, higher rates and weaker guards \
                  widen; so does a rule whose effect could not be tried in full. Credentials, secrets' names, endpoints and \
                  fallbacks are said, and widen nothing.\n\n\
                  Examples:\n  pai diff main\n  pai diff HEAD~1 --format json\n  pai diff old.bundle new.bundle"
)]
pub(crate) struct Arguments {
    /// What was.
    old: PathBuf,
    /// What is, or would be.
    #[arg(default_value = ".")]
    new: PathBuf,
    /// How the differences are printed.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// From when on it matters, as 2026-11-23T12:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = account::time)]
    at: Option<UnixSeconds>,
}

/// How differences are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Sentences.
    Human,
    /// For a review.
    Markdown,
    /// One JSON document.
    Json,
}

/// Compares. Exit code 1 says that access widens.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let [old, new] = [world(&arguments.old)?, world(&arguments.new)?];
    let progress = Progress::start("comparing");
    let report = diff::diff(&old, &new, arguments.at.unwrap_or_else(|| SystemClock.now()));
    drop(progress);
    let [old, new] = [&arguments.old, &arguments.new].map(|path| path.display().to_string());
    match arguments.format {
        Format::Human => terminal::pass(&render::human(&report, &old, &new)),
        Format::Markdown => terminal::pass(&render::markdown(&report, &old, &new)),
        Format::Json => {
            let text = serde_json::to_string_pretty(&report);
            terminal::print(&text.map_err(|cause| miette!("{cause}"))?);
        }
    }
    Ok(if report.widens { Outcome::Findings } else { Outcome::Clean })
}

fn world(path: &Path) -> miette::Result<World> {
    let bundle = compiled::load_quietly(path)?.ok_or_else(|| {
        miette!(help = "compare two states that `pai validate` accepts", "`{}` has errors", path.display())
    })?;
    World::new(bundle).map_err(|cause| miette!("`{}` cannot be compared: {cause}", path.display()))
}
