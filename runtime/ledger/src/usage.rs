//! What a request used, and the sums of it per account.

use pai_bundle::money::NanoUsd;
use pai_bundle::price::{Classes, Price, WEB_SEARCH};
use pai_bundle::unit::{Tokens, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;

/// Tokens of one answer or of many, by class. Every class counts in full against a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input that no cache had.
    pub input: Tokens,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: Tokens,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: Tokens,
    /// Input read from a cache.
    pub cache_read: Tokens,
    /// Output, thinking included.
    pub output: Tokens,
    /// Searches that the provider ran, which are paid for one by one and are no tokens.
    #[serde(skip_serializing_if = "is_zero")]
    pub web_searches: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// The plain sum; one that does not fit is [`Tokens::MAX`].
    pub fn total(&self) -> Tokens {
        self.input
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
            .saturating_add(self.cache_read)
            .saturating_add(self.output)
    }

    /// What it costs at these prices, rounded up to a nano-dollar.
    pub fn cost(&self, price: &Price) -> NanoUsd {
        let Self { input, cache_write_5m, cache_write_1h, cache_read, output, web_searches } = *self;
        let tokens = price.of(&Classes { input, cache_write_5m, cache_write_1h, cache_read, output });
        tokens.saturating_add(NanoUsd(WEB_SEARCH.0.saturating_mul(web_searches)))
    }

    fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_write_5m = self.cache_write_5m.saturating_add(other.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.saturating_add(other.cache_write_1h);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.output = self.output.saturating_add(other.output);
        self.web_searches = self.web_searches.saturating_add(other.web_searches);
    }
}

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
