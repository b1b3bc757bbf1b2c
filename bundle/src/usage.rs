//! What a request used, by class of tokens: the one neutral record that every provider's numbers are read into.

use serde::{Deserialize, Serialize};

use crate::money::NanoUsd;
use crate::price::{Classes, Price, WEB_SEARCH};
use crate::unit::Tokens;

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

    /// Adds another's counters, each by itself.
    pub fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_write_5m = self.cache_write_5m.saturating_add(other.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.saturating_add(other.cache_write_1h);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.output = self.output.saturating_add(other.output);
        self.web_searches = self.web_searches.saturating_add(other.web_searches);
    }
}
