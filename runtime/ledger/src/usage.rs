//! How a hold ends, and the sums of what was used per account.

use pai_bundle::money::NanoUsd;
use pai_bundle::unit::{Tokens, UnixSeconds};
pub use pai_bundle::usage::Usage;
use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;

/// How a hold ends when tokens may have been used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// What is charged.
    pub usage: Usage,
    /// What it costs.
    pub cost: NanoUsd,
    /// Whether it is a bound or a floor of our own rather than the provider's word.
    pub estimated: bool,
}

impl Settlement {
    /// Nobody knows what was used, so all that was held counts: as output, the dearest class.
    pub fn in_full(held: Quantity) -> Self {
        let usage = Usage { output: held.tokens, ..Usage::default() };
        Self { usage, cost: held.cost, estimated: true }
    }

    /// Tokens and cost together.
    pub fn quantity(&self) -> Quantity {
        Quantity { tokens: self.usage.total(), cost: self.cost }
    }
}

/// What settling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Charged, within the hold.
    Within,
    /// Charged in full, although it is `over` more than was held: the bound was not one.
    Breach {
        /// What is beyond the hold.
        over: Quantity,
    },
    /// Nothing was open under this id any more; nothing was charged.
    Unknown,
}

/// What an account has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Settled requests.
    pub requests: u64,
    /// Their tokens, by class.
    pub usage: Usage,
    /// What they cost.
    pub cost: NanoUsd,
    /// The part of `usage` that was estimated.
    pub estimated: Tokens,
    /// Tokens that a crash left between what was written down and the mark: counted, in no class.
    pub recovered: Tokens,
    /// The same in money.
    pub recovered_cost: NanoUsd,
    /// When a settled request was admitted last; `None` before the first.
    pub last_used: Option<UnixSeconds>,
}

impl Totals {
    /// All tokens that count against the budget.
    pub fn tokens(&self) -> Tokens {
        self.usage.total().saturating_add(self.recovered)
    }

    /// All that counts against the budget.
    pub fn quantity(&self) -> Quantity {
        Quantity { tokens: self.tokens(), cost: self.cost.saturating_add(self.recovered_cost) }
    }

    pub(crate) fn add(&mut self, settlement: &Settlement, admitted: UnixSeconds) {
        self.requests = self.requests.saturating_add(1);
        self.usage.add(&settlement.usage);
        self.cost = self.cost.saturating_add(settlement.cost);
        if settlement.estimated {
            self.estimated = self.estimated.saturating_add(settlement.usage.total());
        }
        self.last_used = self.last_used.max(Some(admitted));
    }
}
