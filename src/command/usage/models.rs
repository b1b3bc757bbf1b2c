//! Sums by model: accounts have none, decision records do.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::path::Path;

use miette::miette;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::UtcDay;
use pai_runtime::report::Counts;
use serde::Deserialize;

use super::sums::{Held, Sum};
use crate::terminal;

/// What is read of a record; `pai_runtime::record` writes them.
#[derive(Deserialize)]
struct Read {
    provider: Option<String>,
    model: Option<String>,
    day: Option<String>,
    settled: Option<Settled>,
}

#[derive(Deserialize)]
struct Settled {
    #[serde(default)]
    input: u64,
    #[serde(default)]
    cache_write_5m: u64,
    #[serde(default)]
    cache_write_1h: u64,
    #[serde(default)]
    cache_read: u64,
    #[serde(default)]
    output: u64,
    #[serde(default)]
    web_searches: u64,
    #[serde(default)]
    cost_usd: f64,
    #[serde(default)]
    estimated: bool,
}

/// Adds up the records of these days.
pub(super) fn read(state: &Path, days: &RangeInclusive<UtcDay>) -> miette::Result<Vec<Sum>> {
    let path = state.join("records.jsonl");
    let cannot = |cause: std::io::Error| miette!("`{}` cannot be read: {cause}", path.display());
    let file = File::open(&path).map_err(cannot)?;
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut unreadable = 0_usize;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(cannot)?;
        let Ok(record) = serde_json::from_str::<Read>(&line) else {
            // A kill can leave half a line at the end.
            unreadable += 1;
            continue;
        };
        let is_meant = record
            .day
            .as_deref()
            .and_then(|day| day.parse().ok())
            .is_some_and(|day: UtcDay| days.contains(&day));
        let (Some(settled), true) = (&record.settled, is_meant) else { continue };
        let name = format!("{}/{}", record.provider.unwrap_or_default(), record.model.unwrap_or_default());
        let sum = sums.entry(name).or_default();
        sum.add(&settled.counts(), Held::default());
    }
    if unreadable > 0 {
        terminal::say(&format!("{unreadable} lines of `{}` cannot be read and are left out", path.display()));
    }
    let mut all: Vec<Sum> =
        sums.into_iter().map(|(name, sum)| Sum { kind: "model".to_owned(), name, ..sum }).collect();
    all.sort_by_key(|sum| std::cmp::Reverse(sum.total_tokens));
    Ok(all)
}

/// Back from what is written for eyes; exact up to nine million dollars a request.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is no balance")]
fn nano_usd(dollars: f64) -> NanoUsd {
    NanoUsd((dollars * 1e9).round() as u64)
}

impl Settled {
    fn counts(&self) -> Counts {
        let mut counts = Counts {
            requests: 1,
            input_tokens: self.input,
            cache_write_5m_tokens: self.cache_write_5m,
            cache_write_1h_tokens: self.cache_write_1h,
            cache_read_tokens: self.cache_read,
            output_tokens: self.output,
            web_searches: self.web_searches,
            cost_nano_usd: nano_usd(self.cost_usd),
            ..Counts::default()
        };
        if self.estimated {
            counts.estimated_tokens = counts.total();
        }
        counts
    }
}
