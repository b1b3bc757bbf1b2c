//! `pai usage`: who has used how many tokens, from the gateway that is at work or from its ledger.

mod models;
mod sums;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use miette::miette;
use pai_runtime::report::Limits;
use serde_json::json;

use self::sums::Sum;
use super::Outcome;
use crate::period::Period;
use crate::remote::{Named, Remote};
use crate::rows::{Ledger, Whereabouts};
use crate::{table, terminal};

/// What to count, and from where.
#[derive(Debug, Args)]
#[command(
    after_help = "Numbers come from the ledger, which counts durably; those by model from the decision records.\n\n\
                  Examples:\n  pai usage\n  pai usage --by provider --since 7d\n  pai usage --by model -o csv"
)]
pub(crate) struct Arguments {
    /// The workspace that is served, whose `.pai` is the state folder [default: the gateway that you are logged in to as
    /// administrator, or else the folder here].
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Whose tokens; agents and access keys where nothing is said.
    #[arg(long, value_enum, default_value = "principal")]
    by: By,
    #[command(flatten)]
    period: Period,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    whereabouts: Whereabouts,
}

/// What sums are made by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Agents and access keys.
    Principal,
    /// Agents.
    Agent,
    /// Access keys.
    Key,
    /// Providers, with all their use.
    Provider,
    /// External use of providers.
    External,
    /// Models, from the decision records.
    Model,
    /// Days, over all providers.
    Day,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
    Csv,
}

/// Prints the sums.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let days = arguments.period.days()?;
    let named = Named::when(arguments.path.is_some() || arguments.whereabouts.is_named());
    let remote = arguments.remote.gateway(named)?;
    let path = arguments.path.as_deref().unwrap_or(Path::new("."));
    let sums = if arguments.by == By::Model {
        if remote.is_some() || arguments.whereabouts.is_elsewhere() {
            return Err(miette!(
                help = "run it where the state folder is, or leave --by model away",
                "sums by model come from decision records, which a gateway does not hand out"
            ));
        }
        models::read(&arguments.whereabouts.state(path), &days)?
    } else {
        let mut ledger = match remote {
            Some(gateway) => Ledger::AtWork(gateway.operator),
            None => arguments.whereabouts.open(path)?,
        };
        sums::of(arguments.by, &ledger.rows(&days, &Limits::default())?)
    };
    match arguments.output {
        Form::Table if sums.is_empty() => {
            terminal::say(&format!("nothing was counted from {} to {}", days.start(), days.end()));
        }
        Form::Table => terminal::print(&listed(&sums)),
        Form::Json => {
            let rows = serde_json::to_value(&sums).map_err(|cause| miette!("{cause}"))?;
            let document =
                json!({ "from": days.start().to_string(), "to": days.end().to_string(), "rows": rows });
            terminal::print(&format!("{document:#}"));
        }
        Form::Csv => terminal::pass(&csv(&sums).map_err(|cause| miette!("{cause}"))?),
    }
    Ok(Outcome::Clean)
}

fn listed(sums: &[Sum]) -> String {
    let head = ["WHO", "REQUESTS", "INPUT", "CACHE WRITE", "CACHE READ", "OUTPUT", "TOTAL", "HELD", "USD"];
    let row = |sum: &Sum| {
        let counts = &sum.counts;
        let numbers = [
            counts.requests,
            counts.input_tokens,
            counts.cache_write_5m_tokens.saturating_add(counts.cache_write_1h_tokens),
            counts.cache_read_tokens,
            counts.output_tokens,
            sum.total_tokens,
            sum.held_tokens,
        ];
        let who = if sum.kind.is_empty() { sum.name.clone() } else { format!("{} {}", sum.kind, sum.name) };
        let dollars = format!("{:.4}", sum.cost_usd);
        std::iter::once(who).chain(numbers.map(|number| number.to_string())).chain([dollars]).collect()
    };
    let mut text = table::plain(head, sums.iter().map(row), Some(1)) + "\n";
    let estimated: u64 = sums.iter().map(|sum| sum.counts.estimated_tokens).sum();
    let recovered: u64 = sums.iter().map(|sum| sum.counts.recovered_tokens).sum();
    if estimated > 0 {
        text.push_str(&format!("\n{estimated} of these tokens are bounds, of answers that broke off\n"));
    }
    if recovered > 0 {
        text.push_str(&format!("\n{recovered} tokens are counted because the gateway was killed\n"));
    }
    text.trim_end().to_owned()
}

fn csv(sums: &[Sum]) -> Result<String, Box<dyn std::error::Error>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(sums::COLUMNS)?;
    for sum in sums {
        writer.write_record(sum.cells())?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
