//! What was agreed on when a request was sent, and what an answer then costs.

use pai_bundle::money::NanoUsd;
use pai_bundle::price::Price;
use pai_bundle::tariff::Tariff;
use pai_bundle::unit::Tokens;
use pai_ledger::Quantity;
use pai_ledger::usage::{Settlement, Usage};

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
    use pai_bundle::provider::ProviderKind;

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
