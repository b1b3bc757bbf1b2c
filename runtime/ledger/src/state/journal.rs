//! The half of the state machine that faces the disk: what to write, and what a write that is durable makes true.

use std::collections::BTreeSet;
use std::mem;

use pai_bundle::unit::UtcDay;

use super::queue::Queue;
use super::{Open, Phase, State, break_at};
use crate::account::Account;
use crate::entry::Day;
use crate::record::StoredAccount;
use crate::request::RequestId;
use crate::usage::Settlement;

/// Which records to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that someone waits for, or soon would.
    Urgent,
    /// Also those that are out of date.
    All,
}

impl State {
    /// What to write next, at most `records` of it. What these records lower is lowered here from now on; what they
    /// raise is not raised before [`State::durable`].
    pub(crate) fn next_batch(&mut self, which: Which, records: usize) -> Vec<(Account, StoredAccount)> {
        self.sequence = self.sequence.saturating_add(1);
        let mut batch = Vec::new();
        while batch.len() < records
            && let Some(account) = self.urgent.pop_front()
        {
            let day = self.day(&account);
            let Some(entry) = self.accounts.get_mut(&account) else { continue };
            entry.urgent = false;
            if entry.wants_mark(day) {
                let stored = entry.write(day, self.sequence);
                batch.push((account, stored));
            }
        }
        while which == Which::All
            && batch.len() < records
            && let Some(account) = self.dirty.pop_front()
        {
            let day = self.day(&account);
            let Some(entry) = self.accounts.get_mut(&account) else { continue };
            entry.dirty = false;
            if entry.sequence != self.sequence {
                let stored = entry.write(day, self.sequence);
                batch.push((account, stored));
            }
        }
        batch
    }

    /// A batch is durable: its marks hold, and the requests that waited for them are granted.
    pub(crate) fn durable(&mut self, batch: &[(Account, StoredAccount)]) -> Vec<RequestId> {
        for (account, stored) in batch {
            if let Some(entry) = self.accounts.get_mut(account) {
                entry.mark = stored.mark;
            }
        }
        let mut granted = Vec::new();
        for id in mem::take(&mut self.waiting) {
            if self.open.get(&id).is_some_and(|open| self.is_covered(open)) {
                self.grant(id);
                granted.push(id);
            } else {
                self.waiting.push_back(id);
            }
        }
        for (account, _) in batch {
            self.want_mark(account);
        }
        granted
    }

    /// Lets go of what is not granted yet, so that no write that lands from now on grants it.
    pub(crate) fn stop_granting(&mut self) {
        self.queue = Queue::default();
        for id in mem::take(&mut self.waiting) {
            self.release(id);
        }
    }

    /// Ends every hold, in full where a request may be under way, and says what to write so that nothing is counted
    /// that was not used.
    pub(crate) fn finish(&mut self) -> Vec<(Account, StoredAccount)> {
        self.stop_granting();
        let mut open: Vec<_> = self.open.iter().map(|(id, open)| (*id, open.quantity)).collect();
        open.sort_unstable_by_key(|(id, _)| *id);
        for (id, quantity) in open {
            self.settle(id, &Settlement::in_full(quantity));
        }
        self.sequence = self.sequence.saturating_add(1);
        let sequence = self.sequence;
        let mut batch: Vec<_> = self
            .accounts
            .iter_mut()
            .filter(|(_, entry)| entry.dirty || entry.mark != entry.settled())
            .map(|(account, entry)| (account.clone(), entry.write(Day::Over, sequence)))
            .collect();
        batch.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        batch
    }

    /// Forgets all but the latest `days` days in which something was counted, as far as nothing is open in the
    /// others; returns the first day that is kept. Days are counted, not subtracted: one request under a clock that
    /// had jumped ahead must not cost a month of reports.
    pub(crate) fn prune(&mut self, days: usize) -> UtcDay {
        let known: BTreeSet<_> = self.accounts.keys().map(|account| account.day).collect();
        let oldest = known.iter().rev().take(days.max(1)).next_back().copied().unwrap_or(self.latest);
        let open = self.open.values().flat_map(|open| &open.accounts).map(|account| account.day).min();
        let kept = oldest.min(open.unwrap_or(oldest));
        self.accounts.retain(|account, _| account.day >= kept);
        kept
    }

    fn is_covered(&self, open: &Open) -> bool {
        open.accounts
            .iter()
            .all(|account| self.accounts.get(account).is_some_and(|entry| entry.covers(open.quantity)))
    }

    fn grant(&mut self, id: RequestId) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.phase = Phase::Granted;
        for account in &open.accounts {
            let Some(entry) = self.accounts.get_mut(account) else { continue };
            entry.granted = entry.granted.saturating_add(open.quantity);
            match entry.waiting.checked_sub(open.quantity) {
                Some(rest) => entry.waiting = rest,
                None => break_at(&mut self.broken, account, "granted more than was waiting"),
            }
            if !entry.settled().saturating_add(entry.granted).is_within(entry.mark) {
                break_at(&mut self.broken, account, "granted beyond the durable mark");
            }
        }
    }
}
