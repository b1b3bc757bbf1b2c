//! Rows of accounts and days, added up by what was asked for.

use std::collections::BTreeMap;

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_runtime::report::{Counts, Row};
use serde::Serialize;

use super::By;

/// What was used by one of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Sum {
    /// agent, key, provider and so on; empty where all are of one sort that names itself.
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) total_tokens: u64,
    pub(super) held_tokens: u64,
    /// For eyes; `cost_nano_usd` is exact.
    pub(super) cost_usd: f64,
    pub(super) held_usd: f64,
}

/// What requests under way hold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) tokens: u64,
    pub(super) cost: NanoUsd,
}

/// The columns of `-o csv`.
pub(super) const COLUMNS: [&str; 15] = [
    "kind",
    "name",
    "requests",
    "input_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "output_tokens",
    "web_searches",
    "recovered_tokens",
    "estimated_tokens",
    "total_tokens",
    "held_tokens",
    "cost_usd",
    "held_usd",
];

impl Sum {
    pub(super) fn add(&mut self, counts: &Counts, held: Held) {
        self.counts.add(counts);
        self.total_tokens = self.total_tokens.saturating_add(counts.total());
        self.held_tokens = self.held_tokens.saturating_add(held.tokens);
        self.cost_usd = self.counts.cost_nano_usd.in_dollars();
        self.held_usd += held.cost.in_dollars();
    }

    pub(super) fn cells(&self) -> [String; 15] {
        let counts = &self.counts;
        let numbers = [
            counts.requests,
            counts.input_tokens,
            counts.cache_write_5m_tokens,
            counts.cache_write_1h_tokens,
            counts.cache_read_tokens,
            counts.output_tokens,
            counts.web_searches,
            counts.recovered_tokens,
            counts.estimated_tokens,
            self.total_tokens,
            self.held_tokens,
        ];
        let mut cells = [const { String::new() }; 15];
        let texts = [self.kind.clone(), self.name.clone()].into_iter();
        let money = [self.cost_usd, self.held_usd].map(|dollars| dollars.to_string());
        for (cell, text) in
            cells.iter_mut().zip(texts.chain(numbers.map(|number| number.to_string())).chain(money))
        {
            *cell = text;
        }
        cells
    }
}

/// Sums, those first that used most.
pub(super) fn of(by: By, rows: &[Row]) -> Vec<Sum> {
    let mut sums: BTreeMap<(&str, &str), Sum> = BTreeMap::new();
    for row in rows {
        let kind = match row.scope {
            Scope::Provider => "provider",
            Scope::ProviderExternal => "external",
            Scope::Agent => "agent",
            Scope::AccessKey => "key",
        };
        let is_meant = match by {
            By::Principal => kind == "agent" || kind == "key",
            By::Agent => kind == "agent",
            By::Key => kind == "key",
            // Every request is counted in its provider's account, so that a day's sum has each once.
            By::Provider | By::Day => kind == "provider",
            By::External => kind == "external",
            By::Model => false,
        };
        if is_meant {
            let key = if by == By::Day { ("day", row.day.as_str()) } else { (kind, row.name.as_str()) };
            sums.entry(key)
                .or_default()
                .add(&row.counts, Held { tokens: row.held_tokens, cost: row.held_nano_usd });
        }
    }
    let named = sums.into_iter().map(|((kind, name), sum)| Sum {
        kind: kind.to_owned(),
        name: name.to_owned(),
        ..sum
    });
    let mut all: Vec<Sum> = named.collect();
    if by != By::Day {
        // Stable, so that equal ones stay in the order of names.
        all.sort_by_key(|sum| std::cmp::Reverse(sum.total_tokens));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scope: Scope, name: &str, day: &str, output: u64) -> Row {
        let counts = Counts { requests: 1, output_tokens: output, ..Counts::default() };
        Row {
            scope,
            name: name.to_owned(),
            day: day.to_owned(),
            counts,
            held_tokens: 1,
            held_nano_usd: NanoUsd(500_000_000),
            mark_tokens: output,
            mark_nano_usd: NanoUsd::ZERO,
            limit_tokens: None,
            limit_nano_usd: None,
            last_used: None,
        }
    }

    #[test]
    fn rows_are_added_up_by_what_was_asked_for() {
        let rows = [
            row(Scope::Provider, "default/a", "2026-11-22", 5),
            row(Scope::Provider, "default/a", "2026-11-23", 7),
            row(Scope::ProviderExternal, "default/a", "2026-11-23", 7),
            row(Scope::Agent, "default/coder", "2026-11-22", 5),
            row(Scope::AccessKey, "default/laptop", "2026-11-23", 7),
        ];
        let sums = |by| {
            let sums = of(by, &rows).into_iter();
            sums.map(|sum| format!("{} {} {} {}", sum.kind, sum.name, sum.counts.requests, sum.total_tokens))
                .collect::<Vec<_>>()
        };
        assert_eq!(sums(By::Principal), ["key default/laptop 1 7", "agent default/coder 1 5"]);
        assert_eq!(sums(By::Agent), ["agent default/coder 1 5"]);
        assert_eq!(sums(By::Provider), ["provider default/a 2 12"]);
        assert_eq!(sums(By::External), ["external default/a 1 7"]);
        assert_eq!(sums(By::Day), ["day 2026-11-22 1 5", "day 2026-11-23 1 7"]);
    }
}
