//! `pai guard eval`: how many attacks a guard sees, and how often it cries wolf, on a file of labelled texts. The guard is
//! asked the way the gateway asks it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use futures_util::{StreamExt, TryStreamExt, stream};
use miette::miette;
use pai_bundle::guard::{Classifier, DEFAULT_MAX_CONCURRENCY, DEFAULT_THRESHOLD, GuardBinding, PerMille};
use pai_bundle::name::{DEFAULT_NAMESPACE, Name, QualifiedName};
use pai_bundle::origin::{Places, Position};
use pai_guards::{Place, Row, measure, read_rows};
use pai_runtime::guard::{self, Unavailable};

use super::figures;
use crate::command::Outcome;
use crate::progress::Progress;
use crate::secrets::StoreArguments;
use crate::{compiled, terminal};

/// Texts, and who is to judge them.
#[derive(Debug, Args)]
#[command(after_help = "\
FILE has one JSON object a line: `id`, `text`, `label` (1: attack, 0: harmless), `place` (`user` or `tool`), `source`, and if
wanted `category`. Rates are told with their intervals at 95 % (Wilson's).

Examples:
  pai guard eval attacks.jsonl
  pai guard eval attacks.jsonl --threshold 0.55 --wrong
  pai guard eval attacks.jsonl --guard injection --in manifests -o json")]
pub(crate) struct Arguments {
    /// The labelled texts.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A guard of the workspace, with its own classifier and thresholds [default: the built-in rules].
    #[arg(long, value_name = "NAME")]
    guard: Option<Name>,
    /// From which score on a text counts as flagged, whatever its label [default: the guard's thresholds].
    #[arg(long, value_name = "SCORE", value_parser = score)]
    threshold: Option<PerMille>,
    /// The guard's namespace.
    #[arg(short, long, default_value = DEFAULT_NAMESPACE)]
    namespace: Name,
    /// A folder of manifests, or a bundle.
    #[arg(long = "in", value_name = "PATH|BUNDLE", default_value = ".")]
    path: PathBuf,
    /// List the ids of the texts that were judged wrong.
    #[arg(long)]
    wrong: bool,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    store: StoreArguments,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

fn score(text: &str) -> Result<PerMille, String> {
    let fraction: f64 = text.parse().map_err(|_| "a score is a number from 0 to 1".to_owned())?;
    let is_one = (0.0..=1.0).contains(&fraction);
    PerMille::of_fraction(fraction).filter(|_| is_one).ok_or_else(|| "a score is from 0 to 1".to_owned())
}

/// Measures and prints.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let path = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|cause| miette!("`{path}` cannot be read: {cause}"))?;
    let rows = read_rows(&text).map_err(|cause| miette!("`{path}`: {cause}"))?;
    let Some(binding) = binding(arguments)? else { return Ok(Outcome::Findings) };
    let progress = Progress::start(format!("judging {} texts", rows.len()));
    let runtime = tokio::runtime::Runtime::new().map_err(|cause| miette!("no runtime: {cause}"))?;
    let flagged = runtime.block_on(judge(&binding, arguments, &rows))?;
    drop(progress);
    let mut answers = flagged.into_iter();
    let report = measure(&rows, |_| answers.next().ok_or_else(|| miette!("a text was not judged")))?;
    match arguments.output {
        Output::Table => terminal::print(&figures::table(&report, arguments.wrong)),
        Output::Json => terminal::print(&format!("{:#}", figures::json(&report, &binding))),
    }
    Ok(Outcome::Clean)
}

/// The guard that is meant; `None` where manifests have errors, which have been shown.
fn binding(arguments: &Arguments) -> miette::Result<Option<GuardBinding>> {
    let mut binding = match &arguments.guard {
        None => built_in(&arguments.namespace)?,
        Some(name) => {
            let Some(bundle) = compiled::load_quietly(&arguments.path)? else { return Ok(None) };
            let wanted = QualifiedName::new(arguments.namespace.clone(), name.clone());
            let known: Vec<String> = bundle.guards.iter().map(|guard| guard.name.to_string()).collect();
            bundle.guards.into_iter().find(|guard| guard.name == wanted).ok_or_else(|| {
                miette!(help = format!("there are: {}", known.join(", ")), "there is no guard {wanted}")
            })?
        }
    };
    if let Some(threshold) = arguments.threshold {
        binding.thresholds.values_mut().for_each(|of_label| *of_label = threshold);
    }
    Ok(Some(binding))
}

/// The built-in rules as a manifest without anything else attaches them.
fn built_in(namespace: &Name) -> miette::Result<GuardBinding> {
    let name = "built-in-rules".parse().map_err(|cause| miette!("{cause}"))?;
    let thresholds = ["injection", "jailbreak"].map(|label| (label.to_owned(), DEFAULT_THRESHOLD));
    Ok(GuardBinding {
        name: QualifiedName::new(namespace.clone(), name),
        classifier: Classifier::Rules { rules: None },
        thresholds: BTreeMap::from(thresholds),
        on_error: None,
        places: Places { file: String::new(), document: Position(1, 1), fields: BTreeMap::new() },
    })
}

/// Whether each text is a hit, in the order of the rows. A classifier that fails ends it: figures with holes tell nothing.
async fn judge(binding: &GuardBinding, arguments: &Arguments, rows: &[Row]) -> miette::Result<Vec<bool>> {
    let classifier = guard::Classifier::single(binding, &arguments.store.open())
        .map_err(|cause| miette!("guard {}: {cause}", binding.name))?;
    let classifier = &classifier;
    let at_once =
        binding.classifier.remote().map_or(DEFAULT_MAX_CONCURRENCY, |remote| remote.max_concurrency);
    let ask = |row: &Row| {
        let (place, text, id) = (place(row.place), row.text.clone(), row.id.clone());
        async move {
            let judged = classifier.judge(place, &[&text]).await;
            judged.map(|judgement| judgement.hit).map_err(|cause| failed(binding, &id, &cause))
        }
    };
    stream::iter(rows.iter().map(ask)).buffered(at_once as usize).try_collect().await
}

fn place(place: Place) -> guard::Place {
    match place {
        Place::User => guard::Place::User,
        Place::Tool => guard::Place::Tool,
    }
}

fn failed(binding: &GuardBinding, id: &str, cause: &Unavailable) -> miette::Report {
    miette!(
        help = "nothing was measured: a rate over the texts that happened to be judged would mislead",
        "guard {} did not judge the text `{id}`: {cause}",
        binding.name
    )
}
