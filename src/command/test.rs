//! `pai test`: runs the cases beside the manifests, says which lines none decided, and looks for cases that are missing.

use std::collections::HashMap;

use clap::{Args, ValueEnum};
use miette::miette;
use pai_compiler::inspect::World;
use pai_compiler::inspect::suite::{coverage, mutate, report, trial};

use super::Outcome;
use crate::progress::Progress;
use crate::workspace::selection::Selection;
use crate::{findings, terminal};

/// What to test.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pai test
  pai test --coverage --mutate")]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Run only cases whose name or file has this text.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["mutate", "coverage", "require_coverage"])]
    filter: Option<String>,
    /// How results are printed.
    #[arg(long, value_enum, default_value = "human")]
    format: Form,
    /// Say which lines of the manifests decided no case.
    #[arg(long)]
    coverage: bool,
    /// Fail unless so many percent of the lines that can refuse decided a case.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    require_coverage: Option<u8>,
    /// Weaken each rule in turn, and fail if no case notices; write out the case that is missing.
    #[arg(long)]
    mutate: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line each, and what is different where one fails.
    Human,
    /// One JSON document.
    Json,
    /// XML as `JUnit` writes it.
    Junit,
}

/// Runs the cases. Exit code 1: a case failed, coverage is too low, a weakened rule went unnoticed, or there are errors.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let Some(workspace) = arguments.selection.read()? else { return Ok(Outcome::Clean) };
    let progress = Progress::start(workspace.doing("testing"));
    let (compiled, mut cases) = pai_compiler::compile_with_cases(&workspace.sources);
    if compiled.diagnostics.has_errors() {
        drop(progress);
        findings::show(&compiled.diagnostics, &workspace.shown);
        return Ok(Outcome::Findings);
    }
    let Some(bundle) = compiled.bundle else { return Ok(Outcome::Findings) };
    if cases.is_empty() {
        let help = "write cases into a file such as access.test.yaml; `pai explain PAI0601` shows how";
        let paths: Vec<_> =
            arguments.selection.paths().iter().map(|path| path.display().to_string()).collect();
        return Err(miette!(help = help, "there are no tests in `{}`", paths.join("`, `")));
    }
    // Names as they were typed, which terminals and editors can open.
    let names: HashMap<&str, &str> = workspace
        .sources
        .files()
        .zip(workspace.shown.files())
        .map(|((_, file), (_, shown))| (file.path(), shown.path()))
        .collect();
    for case in &mut cases {
        if let Some(name) = names.get(case.file.as_str()) {
            case.file = (*name).to_owned();
        }
    }
    if let Some(filter) = &arguments.filter {
        cases.retain(|case| case.name.contains(filter) || case.file.contains(filter));
        if cases.is_empty() {
            return Err(miette!("no case has `{filter}` in its name or file"));
        }
    }
    let world = World::new(bundle).map_err(|cause| miette!("the bundle cannot be asked: {cause}"))?;
    let trials = trial::run(&world, &cases);
    let coverage = coverage::of(world.bundle(), &trials);
    let failed = trials.iter().any(|trial| !trial.passed());
    // Weakening rules says nothing while cases fail of themselves.
    let mutation = (arguments.mutate && !failed).then(|| mutate::run(&world, &cases));
    let paths = arguments.selection.paths();
    // Several paths are one workspace, and commands that answer questions take one.
    let of = if let [one] = paths.as_slice() { one.display().to_string() } else { ".".to_owned() };
    let results = report::Results {
        of: &of,
        trials: &trials,
        coverage: &coverage,
        lists_idle_lines: arguments.coverage,
        mutation: mutation.as_ref(),
    };
    drop(progress);
    match arguments.format {
        Form::Human => terminal::pass(&report::human(&results)),
        Form::Json => terminal::pass(&report::json(&results)),
        Form::Junit => terminal::pass(&report::junit(&results)),
    }
    let enough = arguments.require_coverage.is_none_or(|percent| coverage.percent() >= usize::from(percent));
    if !enough {
        terminal::say(&format!(
            "coverage is {} %, and {} % are required",
            coverage.percent(),
            arguments.require_coverage.unwrap_or_default()
        ));
    }
    if arguments.mutate && mutation.is_none() {
        terminal::say("no rule was weakened: mend the cases that fail first");
    }
    let unnoticed = mutation.is_some_and(|mutation| mutation.lacks_cases());
    Ok(if failed || !enough || unnoticed { Outcome::Findings } else { Outcome::Clean })
}
