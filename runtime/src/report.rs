//! The ledger's accounts as rows: what `/usage` answers, and `pai usage` and `pai ledger` read.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::QualifiedName;
use pai_bundle::unit::{Tokens, UtcDay};
use pai_ledger::store::StoreError;
use pai_ledger::{Account, Caps, CorruptRecord, Ledger, Quantity, SledStore, Statement, Totals};
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
    /// How far the account may count as used, durably.
    pub mark_tokens: u64,
    /// The same in money.
    pub mark_nano_usd: NanoUsd,
    /// The most tokens of a day, as manifests say now; `None` for no cap, and where nobody knows.
    pub limit_tokens: Option<u64>,
    /// The most that they may cost.
    pub limit_nano_usd: Option<NanoUsd>,
    /// When a request that was counted came in last, in seconds since 1970.
    pub last_used: Option<i64>,
}

impl Row {
    /// All that counts against the budget and has ended.
    pub fn settled(&self) -> Quantity {
        Quantity { tokens: Tokens(self.counts.total()), cost: self.counts.cost_nano_usd }
    }

    /// What requests under way may still use.
    pub fn held(&self) -> Quantity {
        Quantity { tokens: Tokens(self.held_tokens), cost: self.held_nano_usd }
    }

    /// How far the account may count as used.
    pub fn mark(&self) -> Quantity {
        Quantity { tokens: Tokens(self.mark_tokens), cost: self.mark_nano_usd }
    }

    /// The part of what is settled that no settlement explains, after a crash.
    pub fn recovered(&self) -> Quantity {
        Quantity { tokens: Tokens(self.counts.recovered_tokens), cost: self.counts.recovered_nano_usd }
    }

    /// What manifests allow it now.
    pub fn caps(&self) -> Caps {
        Caps { tokens: self.limit_tokens.map(Tokens), cost: self.limit_nano_usd }
    }
}

/// What `/usage` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The accounts of the days that were asked for, all of one moment.
    pub rows: Vec<Row>,
    /// Every day in which something was used, in order.
    pub days: Vec<String>,
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
    /// The part of the cost that is of the same origin.
    pub recovered_nano_usd: NanoUsd,
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
            (&mut self.recovered_nano_usd.0, other.recovered_nano_usd.0),
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
            recovered_nano_usd: totals.recovered_cost,
            estimated_tokens: totals.estimated.0,
        }
    }
}

/// Daily caps by account, whatever the day.
#[derive(Debug, Clone, Default)]
pub struct Limits(BTreeMap<(Scope, QualifiedName), Caps>);

impl Limits {
    /// Those of a bundle.
    pub fn of(bundle: &Bundle) -> Self {
        let mut limits: BTreeMap<_, Caps> = BTreeMap::new();
        for limit in &bundle.limits {
            limits.entry((limit.scope, limit.name.clone())).or_default().tokens = Some(limit.tokens_per_day);
        }
        for limit in &bundle.cost_limits {
            limits.entry((limit.scope, limit.name.clone())).or_default().cost = Some(limit.nano_usd_per_day);
        }
        Self(limits)
    }

    fn caps(&self, account: &Account) -> Caps {
        let name = account.name.parse::<QualifiedName>().ok();
        name.and_then(|name| self.0.get(&(account.scope, name)).copied()).unwrap_or_default()
    }
}

/// From a ledger that is at work, with what requests under way hold and the caps in force.
pub fn live(ledger: &Ledger, days: &RangeInclusive<UtcDay>, caps: impl Fn(&Account) -> Caps) -> Answer {
    let statements = ledger.statements(days).into_iter();
    Answer {
        rows: statements.map(|statement| row(&statement, caps(&statement.account))).collect(),
        days: ledger.days().iter().map(ToString::to_string).collect(),
    }
}

/// From a ledger that no gateway has open.
///
/// # Errors
/// Where the store cannot be read, or a record cannot be trusted.
pub fn at_rest(
    store: &mut SledStore,
    days: &RangeInclusive<UtcDay>,
    limits: &Limits,
) -> Result<Vec<Row>, StoreError> {
    let statements = pai_ledger::report::statements(store, days)?;
    Ok(statements.iter().map(|statement| row(statement, limits.caps(&statement.account))).collect())
}

/// As [`at_rest`], of all days, with the records that cannot be trusted beside the others.
///
/// # Errors
/// Where the store itself cannot be read.
pub fn readable(store: &SledStore, limits: &Limits) -> Result<(Vec<Row>, Vec<CorruptRecord>), StoreError> {
    let read = pai_ledger::report::readable(store)?;
    let rows = read.statements.iter().map(|statement| row(statement, limits.caps(&statement.account)));
    Ok((rows.collect(), read.corrupt))
}

fn row(statement: &Statement, caps: Caps) -> Row {
    let Statement { account, totals, held, mark } = statement;
    Row {
        scope: account.scope,
        name: account.name.to_string(),
        day: account.day.to_string(),
        counts: Counts::from(totals),
        held_tokens: held.tokens.0,
        held_nano_usd: held.cost,
        mark_tokens: mark.tokens.0,
        mark_nano_usd: mark.cost,
        limit_tokens: caps.tokens.map(|cap| cap.0),
        limit_nano_usd: caps.cost,
        last_used: totals.last_used.map(|at| at.0),
    }
}
