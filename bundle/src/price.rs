//! What a model's tokens cost by class, and how much a given use of them comes to.

use serde::{Deserialize, Serialize};

use crate::money::{NanoUsd, TokenPrice, round_up};
use crate::unit::Tokens;

/// List prices of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Price {
    /// Input that no cache had.
    pub input: TokenPrice,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: TokenPrice,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: TokenPrice,
    /// Input read from a cache.
    pub cache_read: TokenPrice,
    /// Output, thinking included.
    pub output: TokenPrice,
}

/// Tokens of one answer by class, as prices tell them apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Classes {
    /// Input that no cache had.
    pub input: Tokens,
    /// Input written to a cache that lives five minutes.
    pub cache_write_5m: Tokens,
    /// Input written to a cache that lives an hour.
    pub cache_write_1h: Tokens,
    /// Input read from a cache.
    pub cache_read: Tokens,
    /// Output.
    pub output: Tokens,
}

/// What a use of the web search that a provider runs costs: 10 dollars per 1,000 at Anthropic and at OpenAI
/// (<https://platform.claude.com/docs/en/about-claude/pricing>, November 2026).
pub const WEB_SEARCH: NanoUsd = NanoUsd(10_000_000);

impl Price {
    /// What these tokens cost, rounded up to a nano-dollar.
    pub fn of(&self, classes: &Classes) -> NanoUsd {
        let parts = [
            self.input.times(classes.input),
            self.cache_write_5m.times(classes.cache_write_5m),
            self.cache_write_1h.times(classes.cache_write_1h),
            self.cache_read.times(classes.cache_read),
            self.output.times(classes.output),
        ];
        round_up(parts.into_iter().fold(0, u128::saturating_add))
    }

    /// The most that so many tokens can cost, whatever classes the input falls into.
    pub fn most(&self, input: Tokens, output: Tokens) -> NanoUsd {
        let dearest = self.input.max(self.cache_write_5m).max(self.cache_write_1h).max(self.cache_read);
        round_up(dearest.times(input).saturating_add(self.output.times(output)))
    }

    /// The dearer of the two, class by class.
    #[must_use]
    pub const fn dearer(self, other: Self) -> Self {
        Self {
            input: dearer(self.input, other.input),
            cache_write_5m: dearer(self.cache_write_5m, other.cache_write_5m),
            cache_write_1h: dearer(self.cache_write_1h, other.cache_write_1h),
            cache_read: dearer(self.cache_read, other.cache_read),
            output: dearer(self.output, other.output),
        }
    }

    /// These prices times `percent` of a hundred, rounded up.
    #[must_use]
    pub fn percent(self, percent: u64) -> Self {
        let times = |price: TokenPrice| TokenPrice(price.0.saturating_mul(percent).div_ceil(100));
        Self {
            input: times(self.input),
            cache_write_5m: times(self.cache_write_5m),
            cache_write_1h: times(self.cache_write_1h),
            cache_read: times(self.cache_read),
            output: times(self.output),
        }
    }
}

const fn dearer(a: TokenPrice, b: TokenPrice) -> TokenPrice {
    if a.0 > b.0 { a } else { b }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SONNET: Price = Price {
        input: TokenPrice(3_000_000),
        cache_write_5m: TokenPrice(3_750_000),
        cache_write_1h: TokenPrice(6_000_000),
        cache_read: TokenPrice(300_000),
        output: TokenPrice(15_000_000),
    };

    #[test]
    fn each_class_has_its_price() {
        let classes = Classes {
            input: Tokens(1_000),
            cache_write_5m: Tokens(100),
            cache_write_1h: Tokens(10),
            cache_read: Tokens(10_000),
            output: Tokens(200),
        };
        // 3,000 + 375 + 60 + 3,000 + 3,000 micro-dollars.
        assert_eq!(SONNET.of(&classes), NanoUsd(9_435_000));
        assert_eq!(SONNET.percent(110).input, TokenPrice(3_300_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_split_of_a_bound_costs_more_than_the_most(
            parts in prop::array::uniform4(0_u64..10_000_000), output in 0_u64..1_000_000,
            prices in prop::array::uniform5(0_u64..100_000_000),
        ) {
            let price = |place: usize| TokenPrice(prices[place]);
            let price = Price { input: price(0), cache_write_5m: price(1), cache_write_1h: price(2), cache_read: price(3), output: price(4) };
            let [input, cache_write_5m, cache_write_1h, cache_read] = parts.map(Tokens);
            let classes = Classes { input, cache_write_5m, cache_write_1h, cache_read, output: Tokens(output) };
            prop_assert!(price.of(&classes) <= price.most(Tokens(parts.iter().sum()), Tokens(output)));
        }
    }
}
