//! Which of a provider's price lists an answer is charged by, and the most that a request can cost.
//!
//! Anthropic: a tenth more for inference kept in the US, six times as much in fast mode
//! (<https://platform.claude.com/docs/en/about-claude/pricing>, November 2026). The answer's usage says which applied.

use pai_bundle::money::NanoUsd;
use pai_bundle::price::Price;
use pai_bundle::provider::ProviderKind;
use pai_bundle::unit::Tokens;
use pai_ledger::Quantity;
use pai_ledger::usage::{Settlement, Usage};

/// Inference in one region, in percent of the list.
const REGIONAL_PERCENT: u64 = 110;
/// Fast mode, in percent of the list.
const FAST_PERCENT: u64 = 600;

/// What an answer says about the price list that it goes by; a request, what it may come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tariff {
    /// In one region only.
    pub(crate) regional: bool,
    /// In fast mode.
    pub(crate) fast: bool,
}

impl Tariff {
    /// These list prices under the tariff.
    pub(crate) fn of(self, price: Price) -> Price {
        let price = if self.regional { price.percent(REGIONAL_PERCENT) } else { price };
        if self.fast { price.percent(FAST_PERCENT) } else { price }
    }

    /// The dearest that a request to this kind of provider may be charged by. An account can be set to one region
    /// without the request saying so.
    pub(crate) fn dearest(kind: ProviderKind, fast: bool) -> Self {
        Self { regional: kind == ProviderKind::Anthropic, fast }
    }
}

/// The most that a request can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Most {
    /// Of input, whatever class it falls into.
    pub(crate) input: Tokens,
    /// Of output.
    pub(crate) output: Tokens,
}

impl Most {
    /// Nothing: for what is not charged.
    pub(crate) const NOTHING: Self = Self { input: Tokens::ZERO, output: Tokens::ZERO };

    /// Both together.
    pub(crate) fn total(self) -> Tokens {
        self.input.saturating_add(self.output)
    }
}

/// What was agreed on when a request was sent: the most that it can use, and its prices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What is held.
    pub(crate) most: Most,
    /// What the hold costs.
    pub(crate) cost: NanoUsd,
    /// The list.
    pub(crate) price: Price,
}

impl Terms {
    /// For a request under a tariff.
    pub(crate) fn new(most: Most, price: Price, dearest: Tariff) -> Self {
        Self { most, cost: dearest.of(price).most(most.input, most.output), price }
    }

    /// What the ledger sets aside.
    pub(crate) fn quantity(&self) -> Quantity {
        Quantity { tokens: self.most.total(), cost: self.cost }
    }

    /// What is charged for an answer.
    pub(crate) fn settlement(&self, measured: &Measured) -> Settlement {
        match *measured {
            Measured::Known { usage, tariff } => {
                Settlement { usage, cost: usage.cost(&tariff.of(self.price)), estimated: false }
            }
            Measured::Estimated { usage, tariff } => {
                Settlement { usage, cost: usage.cost(&tariff.of(self.price)), estimated: true }
            }
            Measured::Unknown => Settlement::in_full(self.quantity()),
        }
    }
}

/// What the meter read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measured {
    /// The provider's word.
    Known {
        /// Tokens by class.
        usage: Usage,
        /// Which price list.
        tariff: Tariff,
    },
    /// In part an upper estimate of ours.
    Estimated {
        /// Tokens by class.
        usage: Usage,
        /// Which price list.
        tariff: Tariff,
    },
    /// Nothing, so all that was held counts.
    Unknown,
}

#[cfg(test)]
mod tests {
    use pai_bundle::catalogue;

    use super::*;

    #[test]
    fn no_answer_within_its_bound_costs_more_than_was_held() {
        let price = catalogue::find("claude-sonnet-4-6").expect("known").price;
        let most = Most { input: Tokens(1_000), output: Tokens(100) };
        for fast in [false, true] {
            let terms = Terms::new(most, price, Tariff::dearest(ProviderKind::Anthropic, fast));
            let usage = Usage { cache_write_1h: Tokens(1_000), output: Tokens(100), ..Usage::default() };
            let tariff = Tariff { regional: true, fast };
            let settlement = terms.settlement(&Measured::Known { usage, tariff });
            assert_eq!(settlement.cost, terms.cost);
            // 6 dollars a million to write for an hour, 15 a million of output, and a tenth.
            let list = 1_000 * 6_000 + 100 * 15_000;
            assert_eq!(terms.cost.0, list * if fast { 66 } else { 11 } / 10);
        }
    }
}
