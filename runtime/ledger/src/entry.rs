//! One account's numbers while the ledger runs, and what may be done with them.

use crate::account::Balance;
use crate::block::{Demand, block};
use crate::quantity::{Caps, Quantity, Unit};
use crate::record::StoredAccount;
use crate::usage::Totals;

/// INVARIANT: unless an answer used more than its hold, `settled + granted <= mark`, and a store that is reopened
/// at any moment finds at least `mark`. `mark` is therefore lowered here before it is lowered in the store, and
/// raised here after it was raised there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) totals: Totals,
    /// Held by requests that may be under way to a provider.
    pub(crate) granted: Quantity,
    /// Held by requests that wait for the mark.
    pub(crate) waiting: Quantity,
    /// What may be used: durable.
    pub(crate) mark: Quantity,
    /// As the last charge said.
    pub(crate) limit: Caps,
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
    pub(crate) fn settled(&self) -> Quantity {
        self.totals.quantity()
    }

    pub(crate) fn balance(&self) -> Balance {
        Balance { settled: self.settled(), held: self.granted.saturating_add(self.waiting) }
    }

    pub(crate) fn used(&self) -> Quantity {
        self.balance().used()
    }

    /// Whether the mark covers `asked` more on top of everything that is settled or granted.
    pub(crate) fn covers(&self, asked: Quantity) -> bool {
        self.settled().saturating_add(self.granted).saturating_add(asked).is_within(self.mark)
    }

    /// The mark that the next write should set: what is used and a block.
    pub(crate) fn target(&self, day: Day) -> Quantity {
        self.used().saturating_add(match day {
            Day::Running => block(self.limit, self.used(), self.asked.or(self.earlier)),
            Day::Over => Quantity::ZERO,
        })
    }

    /// Whether the mark should be raised now: someone waits, or less than half a block is left.
    pub(crate) fn wants_mark(&self, day: Day) -> bool {
        let (used, target) = (self.used(), self.target(day));
        self.waiting != Quantity::ZERO
            || !used.is_within(self.mark)
            || Unit::ALL.iter().any(|&unit| {
                let (used, target, mark) = (used.of(unit), target.of(unit), self.mark.of(unit));
                let low_water = target.saturating_sub(used) / 2;
                target > mark && mark.saturating_sub(used) < low_water
            })
    }

    /// The record that makes the numbers of now durable. A mark that it lowers is lowered at once.
    pub(crate) fn write(&mut self, day: Day, sequence: u64) -> StoredAccount {
        let mark = self.target(day);
        self.mark = self.mark.zip(mark, u64::min);
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
