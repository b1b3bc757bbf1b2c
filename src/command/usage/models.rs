//! Sums by model: accounts have none, decision records do.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use miette::miette;
use pai_bundle::unit::UtcDay;
use pai_runtime::record::reading::{self, PastSettled};
use pai_runtime::report::Counts;

use super::sums::{Held, Sum};
use crate::terminal;

/// Adds up the records of these days.
pub(super) fn read(state: &Path, days: &RangeInclusive<UtcDay>) -> miette::Result<Vec<Sum>> {
    let path = state.join("records.jsonl");
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let unreadable = reading::read(&path, |record| {
        let is_meant = record.day.is_some_and(|day| days.contains(&day.0));
        let (Some(settled), true) = (&record.settled, is_meant) else { return };
        let name = format!("{}/{}", record.provider.unwrap_or_default(), record.model.unwrap_or_default());
        sums.entry(name).or_default().add(&counts(settled), Held::default());
    })
    .map_err(|cause| miette!("`{}` cannot be read: {cause}", path.display()))?;
    if unreadable > 0 {
        terminal::say(&format!("{unreadable} lines of `{}` cannot be read and are left out", path.display()));
    }
    let mut all: Vec<Sum> =
        sums.into_iter().map(|(name, sum)| Sum { kind: "model".to_owned(), name, ..sum }).collect();
    all.sort_by_key(|sum| std::cmp::Reverse(sum.total_tokens));
    Ok(all)
}

fn counts(settled: &PastSettled) -> Counts {
    let usage = &settled.usage;
    Counts {
        requests: 1,
        input_tokens: usage.input.0,
        cache_write_5m_tokens: usage.cache_write_5m.0,
        cache_write_1h_tokens: usage.cache_write_1h.0,
        cache_read_tokens: usage.cache_read.0,
        output_tokens: usage.output.0,
        web_searches: usage.web_searches,
        cost_nano_usd: settled.cost(),
        estimated_tokens: if settled.estimated { usage.total().0 } else { 0 },
        ..Counts::default()
    }
}
