//! What a request used, and the sums of it per account.

use pai_bundle::unit::{Tokens, UnixSeconds};
use serde::{Deserialize, Serialize};

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

    fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_write_5m = self.cache_write_5m.saturating_add(other.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.saturating_add(other.cache_write_1h);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.output = self.output.saturating_add(other.output);
    }
}

/// How a hold ends when tokens may have been used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// What is charged.
    pub usage: Usage,
    /// Whether it is a bound or a floor of our own rather than the provider's word.
    pub estimated: bool,
}

impl Settlement {
    /// Nobody knows what was used, so all that was held counts: as output, the dearest class.
    pub fn in_full(held: Tokens) -> Self {
        Self { usage: Usage { output: held, ..Usage::default() }, estimated: true }
    }
}

/// What settling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Charged, within the hold.
    Within,
    /// Charged in full, although it is `over` more than was held: the bound was not one.
    Breach {
        /// Tokens beyond the hold.
        over: Tokens,
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
    /// The part of `usage` that was estimated.
    pub estimated: Tokens,
    /// Tokens that a crash left between what was written down and the mark: counted, in no class.
    pub recovered: Tokens,
    /// When a settled request was admitted last; `None` before the first.
    pub last_used: Option<UnixSeconds>,
}

impl Totals {
    /// All tokens that count against the budget.
    pub fn tokens(&self) -> Tokens {
        self.usage.total().saturating_add(self.recovered)
    }

    pub(crate) fn add(&mut self, settlement: &Settlement, admitted: UnixSeconds) {
        self.requests = self.requests.saturating_add(1);
        self.usage.add(&settlement.usage);
        if settlement.estimated {
            self.estimated = self.estimated.saturating_add(settlement.usage.total());
        }
        self.last_used = self.last_used.max(Some(admitted));
    }
}
