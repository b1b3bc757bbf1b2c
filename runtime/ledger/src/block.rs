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

use pai_bundle::unit::Tokens;

/// The most that runs ahead of an account without a limit. A million tokens is five requests that fill a context
/// window of 200,000; nobody can be refused by it, only a report after a crash is that much too high.
const UNLIMITED_BLOCK: Tokens = Tokens(1_000_000);

/// What was asked of an account, as far as the rule wants to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Tokens asked for in one period between writes.
    pub(crate) sum: Tokens,
    /// The largest single request.
    pub(crate) largest: Tokens,
}

impl Demand {
    pub(crate) fn ask(&mut self, tokens: Tokens) {
        self.sum = self.sum.saturating_add(tokens);
        self.largest = self.largest.max(tokens);
    }

    /// The larger of this period's and the fading memory of earlier ones.
    pub(crate) fn or(self, earlier: Self) -> Self {
        Self { sum: self.sum.max(earlier.sum), largest: self.largest.max(earlier.largest) }
    }

    /// Half of it: what is remembered one write later.
    pub(crate) fn faded(self) -> Self {
        Self { sum: Tokens(self.sum.0 / 2), largest: Tokens(self.largest.0 / 2) }
    }
}

/// Tokens that a mark should be ahead of `used`.
pub(crate) fn block(limit: Option<Tokens>, used: Tokens, demand: Demand) -> Tokens {
    let wanted = demand.sum.saturating_mul(2);
    let Some(limit) = limit else {
        return wanted.min(UNLIMITED_BLOCK.max(demand.largest));
    };
    let left = limit.saturating_sub(used);
    let shrunk = Tokens((left.0 / 4).max(limit.0 / 1000));
    wanted.min(demand.largest.max(Tokens(limit.0 / 100))).min(shrunk).min(left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(limit: u64, used: u64, sum: u64, largest: u64) -> u64 {
        block(Some(Tokens(limit)), Tokens(used), Demand { sum: Tokens(sum), largest: Tokens(largest) }).0
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
        let unlimited = block(None, Tokens(7), Demand { sum: Tokens(u64::MAX), largest: Tokens(5) });
        assert_eq!(unlimited, UNLIMITED_BLOCK);
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
