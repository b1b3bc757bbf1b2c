//! One account's numbers while the ledger runs, and what may be done with them.

use pai_bundle::unit::Tokens;

use crate::account::Balance;
use crate::block::{Demand, block};
use crate::record::StoredAccount;
use crate::usage::Totals;

/// INVARIANT: unless an answer used more than its hold, `settled + granted <= mark`, and a store that is reopened
/// at any moment finds at least `mark`. `mark` is therefore lowered here before it is lowered in the store, and
/// raised here after it was raised there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) totals: Totals,
    /// Held by requests that may be under way to a provider.
    pub(crate) granted: Tokens,
    /// Held by requests that wait for the mark.
    pub(crate) waiting: Tokens,
    /// What may be used: durable.
    pub(crate) mark: Tokens,
    /// As the last charge said.
    pub(crate) limit: Option<Tokens>,
    /// Asked for since the last write.
    pub(crate) asked: Demand,
    /// Asked for before, fading.
    pub(crate) earlier: Demand,
    /// The write that it was part of last.
    pub(crate) sequence: u64,
    /// In the queue of accounts that need a higher mark.
    pub(crate) urgent: bool,
    /// In the queue of accounts whose record is out of date.
    pub(crate) dirty: bool,
}

impl Entry {
    pub(crate) fn settled(&self) -> Tokens {
        self.totals.tokens()
    }

    pub(crate) fn balance(&self) -> Balance {
        Balance { settled: self.settled(), held: self.granted.saturating_add(self.waiting) }
    }

    pub(crate) fn used(&self) -> Tokens {
        self.balance().used()
    }

    /// Whether the mark covers `tokens` more on top of everything that is settled or granted.
    pub(crate) fn covers(&self, tokens: Tokens) -> bool {
        self.settled().saturating_add(self.granted).saturating_add(tokens) <= self.mark
    }

    /// The mark that the next write should set: what is used and a block.
    pub(crate) fn target(&self, day: Day) -> Tokens {
        self.used().saturating_add(match day {
            Day::Running => block(self.limit, self.used(), self.asked.or(self.earlier)),
            Day::Over => Tokens::ZERO,
        })
    }

    /// Whether the mark should be raised now: someone waits, or less than half a block is left.
    pub(crate) fn wants_mark(&self, day: Day) -> bool {
        let target = self.target(day);
        let low_water = Tokens(target.saturating_sub(self.used()).0 / 2);
        self.waiting > Tokens::ZERO
            || self.used() > self.mark
            || (target > self.mark && self.mark.saturating_sub(self.used()) < low_water)
    }

    /// The record that makes the numbers of now durable. A mark that it lowers is lowered at once.
    pub(crate) fn write(&mut self, day: Day, sequence: u64) -> StoredAccount {
        let mark = self.target(day);
        self.mark = self.mark.min(mark);
        self.sequence = sequence;
        self.earlier = self.asked.or(self.earlier.faded());
        self.asked = Demand::default();
        StoredAccount { sequence, mark, totals: self.totals }
    }
}

/// Whether an account's day still is the current one: a finished day keeps no block ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    /// Requests are still charged to it.
    Running,
    /// Only settlements come.
    Over,
}
