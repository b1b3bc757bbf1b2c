//! `pai usage`: who has used how many tokens, from the gateway that is at work or from its ledger.

mod period;
mod rows;
mod models;
mod sums;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use miette::miette;
use pai_bundle::unit::UtcDay;
use pai_ledger::{Clock, SystemClock};
use serde_json::json;

use self::period::Since;
use self::sums::Sum;
use super::Outcome;
use crate::{terminal, workspace};

/// What to count, and from where.
#[derive(Debug, Args)]
#[command(
    after_help = "Numbers come from the ledger, which counts durably; those by model from the decision records."
)]
pub(crate) struct Arguments {
    /// The workspace that is served; its `.pai` is the state folder.
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Whose tokens; agents and access keys where nothing is said.
    #[arg(long, value_enum, default_value = "principal")]
    by: By,
    /// From when on: so many days up to now (7d), a day (2026-11-23), or `today`.
    #[arg(long, value_name = "TIME", default_value = "today")]
    since: Since,
    /// Up to which day, as 2026-11-23 [default: today].
    #[arg(long, value_name = "DAY")]
    until: Option<UtcDay>,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
    /// The gateway's state folder, where it is not the workspace's.
    #[arg(long, env = "PAI_STATE", value_name = "DIR")]
    state: Option<PathBuf>,
    /// The admin address of a gateway elsewhere, such as `http://127.0.0.1:8081`.
    #[arg(long, env = "PAI_ADMIN_URL", value_name = "URL")]
    admin: Option<String>,
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
    let state = arguments.state.clone().unwrap_or_else(|| workspace::state(&arguments.path));
    let today = UtcDay::containing(SystemClock.now());
    let days = arguments.since.days(arguments.until.unwrap_or(today));
    if days.is_empty() {
        return Err(miette!("there is no day from {} to {}", days.start(), days.end()));
    }
    let sums = if arguments.by == By::Model {
        if arguments.admin.is_some() {
            return Err(miette!(
                help = "run it where the state folder is, or leave --by model away",
                "sums by model come from decision records, which a gateway does not hand out"
            ));
        }
        models::read(&state, &days)?
    } else {
        sums::of(arguments.by, &rows::read(&state, arguments.admin.as_deref(), &days)?)
    };
    match arguments.output {
        Form::Table if sums.is_empty() => {
            terminal::say(&format!("nothing was counted from {} to {}", days.start(), days.end()));
        }
        Form::Table => terminal::print(&table(&sums)),
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

fn table(sums: &[Sum]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "WHO",
        "REQUESTS",
        "INPUT",
        "CACHE WRITE",
        "CACHE READ",
        "OUTPUT",
        "TOTAL",
        "HELD",
        "USD",
    ]);
    for sum in sums {
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
        table.add_row(std::iter::once(who).chain(numbers.map(|number| number.to_string())).chain([dollars]));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
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
