//! The block size rule: how far an account's durable mark runs ahead of what is used. Integers only, no state.
//!
//! A larger block means fewer waits for the disk, a smaller one less over-count after a crash. So a block
//!
//! - follows demand: twice what was asked for since the account was last written,
//! - is at most 1 % of the limit, or one request if that is more,
//! - shrinks near the limit to a quarter of what is left, so that a crash late in the day does not take the
//!   rest of it; there a request may wait for one commit,
//! - but not below 0.1 % of the limit, so that the last steps do not each cost a commit,
//! - and never reaches beyond the limit.
//!
//! Nobody is refused because of a block: refusals compare what is used with the limit, and a mark can reach it.

use crate::quantity::{Caps, Quantity, Unit};

/// The most that runs ahead of an account without a limit. A million tokens is five requests that fill a context
/// window of 200,000; nobody can be refused by it, only a report after a crash is that much too high.
const UNLIMITED_TOKENS: u64 = 1_000_000;

/// The same in nano-dollars: about what a million tokens cost.
const UNLIMITED_COST: u64 = 10_000_000_000;

/// What was asked of an account, as far as the rule wants to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Asked for in one period between writes.
    pub(crate) sum: Quantity,
    /// The largest single request.
    pub(crate) largest: Quantity,
}

impl Demand {
    pub(crate) fn ask(&mut self, asked: Quantity) {
        self.sum = self.sum.saturating_add(asked);
        self.largest = self.largest.zip(asked, u64::max);
    }

    /// The larger of this period's and the fading memory of earlier ones.
    pub(crate) fn or(self, earlier: Self) -> Self {
        Self {
            sum: self.sum.zip(earlier.sum, u64::max),
            largest: self.largest.zip(earlier.largest, u64::max),
        }
    }

    /// Half of it: what is remembered one write later.
    pub(crate) fn faded(self) -> Self {
        let half = |of: Quantity| Quantity::each(|unit| of.of(unit) / 2);
        Self { sum: half(self.sum), largest: half(self.largest) }
    }
}

/// How far a mark should be ahead of `used`: of tokens and of money, each by its own cap.
pub(crate) fn block(caps: Caps, used: Quantity, demand: Demand) -> Quantity {
    Quantity::each(|unit| {
        let unlimited = match unit {
            Unit::Tokens => UNLIMITED_TOKENS,
            Unit::NanoUsd => UNLIMITED_COST,
        };
        one(caps.of(unit), used.of(unit), demand.sum.of(unit), demand.largest.of(unit), unlimited)
    })
}

fn one(limit: Option<u64>, used: u64, sum: u64, largest: u64, unlimited: u64) -> u64 {
    let wanted = sum.saturating_mul(2);
    let Some(limit) = limit else { return wanted.min(unlimited.max(largest)) };
    let left = limit.saturating_sub(used);
    let shrunk = (left / 4).max(limit / 1000);
    wanted.min(largest.max(limit / 100)).min(shrunk).min(left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(limit: u64, used: u64, sum: u64, largest: u64) -> u64 {
        one(Some(limit), used, sum, largest, UNLIMITED_TOKENS)
    }

    #[test]
    fn a_block_follows_demand_up_to_a_percent_and_shrinks_near_the_limit() {
        let table = [
            // limit, used, demand, largest -> block
            ((1_000_000, 0, 0, 0), 0),
            ((1_000_000, 0, 1_000, 1_000), 2_000),
            ((1_000_000, 0, 90_000, 1_000), 10_000),
            ((1_000_000, 0, 50_000, 50_000), 50_000),
            ((1_000_000, 980_000, 90_000, 1_000), 5_000),
            ((1_000_000, 998_000, 90_000, 1_000), 1_000),
            ((1_000_000, 999_500, 90_000, 1_000), 500),
            ((1_000_000, 1_000_000, 90_000, 1_000), 0),
            ((1_000_000, 2_000_000, 90_000, 1_000), 0),
        ];
        for ((limit, used, sum, largest), expected) in table {
            assert_eq!(of(limit, used, sum, largest), expected, "{limit} {used} {sum} {largest}");
        }
        let demand = Demand { sum: Quantity::MAX, largest: Quantity::ZERO };
        let unlimited = block(Caps::NONE, Quantity::ZERO, demand);
        assert_eq!((unlimited.tokens.0, unlimited.cost.0), (UNLIMITED_TOKENS, UNLIMITED_COST));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_block_never_reaches_beyond_the_limit(
            limit: u64, used: u64, sum: u64, largest: u64,
        ) {
            let ahead = of(limit, used, sum, largest);
            prop_assert!(ahead <= limit.saturating_sub(used));
            prop_assert!(ahead <= largest.max(limit / 100));
        }
    }
}
