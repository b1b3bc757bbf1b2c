//! Who has used how many tokens: the ledger's totals as `/usage` and `pai usage` tell them.

use std::ops::RangeInclusive;

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::UtcDay;
use pai_ledger::store::StoreError;
use pai_ledger::store::sled::SledStore;
use pai_ledger::{Account, Ledger, Quantity, Totals};
use serde::{Deserialize, Serialize};

/// One account on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Whose tokens.
    pub scope: Scope,
    /// `namespace/name` of the provider, agent or key.
    pub name: String,
    /// As `2026-11-23`, in UTC.
    pub day: String,
    /// What was counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// Set aside for requests under way; nothing where no gateway runs.
    pub held_tokens: u64,
    /// What they may cost.
    pub held_nano_usd: NanoUsd,
    /// When a request that was counted came in last, in seconds since 1970.
    pub last_used: Option<i64>,
}

/// Requests and their tokens by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that were settled.
    pub requests: u64,
    /// Input that no cache had.
    pub input_tokens: u64,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m_tokens: u64,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h_tokens: u64,
    /// Input read from a cache.
    pub cache_read_tokens: u64,
    /// Output, thinking included.
    pub output_tokens: u64,
    /// Searches that the provider ran.
    pub web_searches: u64,
    /// What all this cost, by the price table; after a crash also what a mark was ahead.
    pub cost_nano_usd: NanoUsd,
    /// Counted after a crash, in no class: what a mark was ahead of the last settlement.
    pub recovered_tokens: u64,
    /// The part of all this that is a bound of ours and not the provider's word.
    pub estimated_tokens: u64,
}

impl Counts {
    /// All that counts against a budget.
    pub fn total(&self) -> u64 {
        [
            self.input_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
            self.cache_read_tokens,
            self.output_tokens,
            self.recovered_tokens,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.requests, other.requests),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.cache_write_5m_tokens, other.cache_write_5m_tokens),
            (&mut self.cache_write_1h_tokens, other.cache_write_1h_tokens),
            (&mut self.cache_read_tokens, other.cache_read_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.web_searches, other.web_searches),
            (&mut self.cost_nano_usd.0, other.cost_nano_usd.0),
            (&mut self.recovered_tokens, other.recovered_tokens),
            (&mut self.estimated_tokens, other.estimated_tokens),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
    }
}

impl From<&Totals> for Counts {
    fn from(totals: &Totals) -> Self {
        Self {
            requests: totals.requests,
            input_tokens: totals.usage.input.0,
            cache_write_5m_tokens: totals.usage.cache_write_5m.0,
            cache_write_1h_tokens: totals.usage.cache_write_1h.0,
            cache_read_tokens: totals.usage.cache_read.0,
            output_tokens: totals.usage.output.0,
            web_searches: totals.usage.web_searches,
            cost_nano_usd: totals.quantity().cost,
            recovered_tokens: totals.recovered.0,
            estimated_tokens: totals.estimated.0,
        }
    }
}

/// From a ledger that is at work, with what requests under way hold.
pub fn live(ledger: &Ledger, days: RangeInclusive<UtcDay>) -> Vec<Row> {
    let totals = ledger.totals(days);
    let accounts: Vec<Account> = totals.iter().map(|(account, _)| account.clone()).collect();
    let balances = ledger.balances(&accounts);
    let rows = totals.into_iter().zip(balances);
    rows.map(|((account, totals), balance)| row(&account, &totals, balance.held)).collect()
}

/// From a ledger's folder that no gateway has open.
///
/// # Errors
/// Where one has it open, or the store cannot be read.
pub fn at_rest(folder: &std::path::Path, days: &RangeInclusive<UtcDay>) -> Result<Vec<Row>, StoreError> {
    let mut store = SledStore::open(folder)?;
    let totals = pai_ledger::report::totals(&mut store, days)?;
    Ok(totals.iter().map(|(account, totals)| row(account, totals, Quantity::ZERO)).collect())
}

fn row(account: &Account, totals: &Totals, held: Quantity) -> Row {
    Row {
        scope: account.scope,
        name: account.name.clone(),
        day: account.day.to_string(),
        counts: Counts::from(totals),
        held_tokens: held.tokens.0,
        held_nano_usd: held.cost,
        last_used: totals.last_used.map(|at| at.0),
    }
}
