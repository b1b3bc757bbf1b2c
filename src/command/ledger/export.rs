//! `pai ledger export`: a row for each account and day, with all that conservation is about.

use clap::{Args, ValueEnum};
use miette::miette;
use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::UnixSeconds;
use pai_ledger::Unit;
use pai_runtime::audit::Tolerated;
use pai_runtime::report::{Limits, Row};
use serde::Serialize;
use serde_json::json;

use super::{Known, Outcome, Target};
use crate::period::Period;
use crate::rows::Ledger;
use crate::{table, terminal};

/// Which ledger, which days, which form.
#[derive(Debug, Args)]
#[command(after_help = "\
For every account with a limit: settled + held + free = limit.

Examples:
  pai ledger export
  pai ledger export --since 7d -o csv")]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    period: Period,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Form,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Json,
    Csv,
}

/// Prints the accounts.
pub(super) fn run(arguments: &Arguments) -> miette::Result<Outcome> {
    let days = arguments.period.days()?;
    let target = &arguments.target;
    let mut ledger = target.whereabouts.open(target.path())?;
    let limits = match &ledger {
        Ledger::AtWork(_) => Limits::default(),
        Ledger::AtRest(_) => match target.limits()? {
            Known::Limits(limits) => limits,
            Known::Nothing => {
                terminal::say(&Tolerated::NoLimits.to_string());
                Limits::default()
            }
            Known::Broken => return Ok(Outcome::Findings),
        },
    };
    let lines: Vec<Line> = ledger.rows(&days, &limits)?.iter().map(Line::of).collect();
    match arguments.output {
        Form::Table if lines.is_empty() => {
            terminal::say(&format!("nothing was counted from {} to {}", days.start(), days.end()));
        }
        Form::Table => terminal::print(&listed(&lines)),
        Form::Json => {
            let rows = serde_json::to_value(&lines).map_err(|cause| miette!("{cause}"))?;
            let document =
                json!({ "from": days.start().to_string(), "to": days.end().to_string(), "rows": rows });
            terminal::print(&format!("{document:#}"));
        }
        Form::Csv => terminal::pass(&csv(&lines).map_err(|cause| miette!("{cause}"))?),
    }
    Ok(Outcome::Clean)
}

/// An account on a day. Field names are the columns of `-o csv`, in this order; docs/ledger.md describes them.
#[derive(Debug, Serialize)]
struct Line {
    scope: Scope,
    name: String,
    day: String,
    requests: u64,
    input_tokens: u64,
    cache_write_5m_tokens: u64,
    cache_write_1h_tokens: u64,
    cache_read_tokens: u64,
    output_tokens: u64,
    recovered_tokens: u64,
    settled_tokens: u64,
    held_tokens: u64,
    free_tokens: Option<i64>,
    limit_tokens: Option<u64>,
    mark_tokens: u64,
    estimated_tokens: u64,
    web_searches: u64,
    cost_nano_usd: u64,
    recovered_nano_usd: u64,
    held_nano_usd: u64,
    free_nano_usd: Option<i64>,
    limit_nano_usd: Option<u64>,
    mark_nano_usd: u64,
    last_used: Option<String>,
}

impl Line {
    fn of(row: &Row) -> Self {
        let counts = &row.counts;
        Self {
            scope: row.scope,
            name: row.name.clone(),
            day: row.day.clone(),
            requests: counts.requests,
            input_tokens: counts.input_tokens,
            cache_write_5m_tokens: counts.cache_write_5m_tokens,
            cache_write_1h_tokens: counts.cache_write_1h_tokens,
            cache_read_tokens: counts.cache_read_tokens,
            output_tokens: counts.output_tokens,
            recovered_tokens: counts.recovered_tokens,
            settled_tokens: counts.total(),
            held_tokens: row.held_tokens,
            free_tokens: free(row, Unit::Tokens),
            limit_tokens: row.limit_tokens,
            mark_tokens: row.mark_tokens,
            estimated_tokens: counts.estimated_tokens,
            web_searches: counts.web_searches,
            cost_nano_usd: counts.cost_nano_usd.0,
            recovered_nano_usd: counts.recovered_nano_usd.0,
            held_nano_usd: row.held_nano_usd.0,
            free_nano_usd: free(row, Unit::NanoUsd),
            limit_nano_usd: row.limit_nano_usd.map(|limit| limit.0),
            mark_nano_usd: row.mark_nano_usd.0,
            last_used: row.last_used.map(|at| instant(UnixSeconds(at))),
        }
    }
}

/// What is left, below zero where more is used than there was; `None` without a limit.
fn free(row: &Row, unit: Unit) -> Option<i64> {
    let used = row.settled().of(unit).saturating_add(row.held().of(unit));
    let free = i128::from(row.caps().of(unit)?) - i128::from(used);
    Some(i64::try_from(free).unwrap_or(if free < 0 { i64::MIN } else { i64::MAX }))
}

/// RFC 3339; seconds where the calendar ends.
fn instant(at: UnixSeconds) -> String {
    jiff::Timestamp::from_second(at.0).map_or_else(|_| at.0.to_string(), |time| time.to_string())
}

fn csv(lines: &[Line]) -> Result<String, Box<dyn std::error::Error>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.serialize(line)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// For people: the sums, and money where it is counted.
fn listed(lines: &[Line]) -> String {
    let head = [
        "SCOPE",
        "NAME",
        "DAY",
        "LIMIT",
        "SETTLED",
        "HELD",
        "FREE",
        "MARK",
        "ESTIMATED",
        "RECOVERED",
        "USD LIMIT",
        "USD",
    ];
    let blank = |amount: Option<String>| amount.unwrap_or_default();
    let dollars = |nano: u64| NanoUsd(nano).to_string();
    let row = |line: &Line| {
        vec![
            line.scope.to_string(),
            line.name.clone(),
            line.day.clone(),
            blank(line.limit_tokens.map(|limit| limit.to_string())),
            line.settled_tokens.to_string(),
            line.held_tokens.to_string(),
            blank(line.free_tokens.map(|free| free.to_string())),
            line.mark_tokens.to_string(),
            line.estimated_tokens.to_string(),
            line.recovered_tokens.to_string(),
            blank(line.limit_nano_usd.map(dollars)),
            dollars(line.cost_nano_usd),
        ]
    };
    table::plain(head, lines.iter().map(row), Some(3))
}
