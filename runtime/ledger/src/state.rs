//! The ledger as a pure state machine: events in, outcomes out. No clock, no disk, nothing that waits.
//!
//! A hold is *admitted* when it fits every limit; from then on it counts. It is *granted*, and may be sent, when the
//! marks of all its accounts are durable at what is then used. Between the two it waits for [`State::durable`]. One
//! that would fit if other requests ended may be *queued* for that, if its caller is patient.

mod journal;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;

use foldhash::fast::RandomState;
use pai_bundle::unit::{UnixSeconds, UtcDay};

use crate::account::{Account, Balance, Charge, Shortage};
use crate::clock::day_of;
use crate::entry::{Day, Entry};
use crate::quantity::{Quantity, Unit};
use crate::report::Statement;
use crate::request::RequestId;
use crate::usage::{Settled, Settlement, Totals};

pub(crate) use journal::Which;
use queue::Queue;
pub(crate) use queue::{Called, Patience};

/// Accounts by their keys. A request looks some twenty times for one, under the lock; names are those of manifests and
/// ids our own, so a quick seeded hash will do where the standard one guards against keys that an attacker chooses.
pub(crate) type Accounts = HashMap<Account, Entry, RandomState>;

/// Everything the ledger knows.
#[derive(Debug)]
pub(crate) struct State {
    accounts: Accounts,
    open: HashMap<RequestId, Open, RandomState>,
    /// Not admitted yet, and hoping that others end.
    queue: Queue,
    /// Admitted and not yet granted, in the order of admission.
    waiting: VecDeque<RequestId>,
    /// Accounts that may need a higher mark at once; each is in here once.
    urgent: VecDeque<Account>,
    /// Accounts whose record is out of date; each is in here once.
    dirty: VecDeque<Account>,
    /// INVARIANT: no charge goes to an earlier day than this one, so a day that was pruned stays closed.
    latest: UtcDay,
    sequence: u64,
    breaches: u64,
    unknown: u64,
    broken: Option<Broken>,
}

#[derive(Debug)]
struct Open {
    accounts: Vec<Account>,
    quantity: Quantity,
    admitted: UnixSeconds,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Granted,
}

/// A hold that fits, or may fit soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may be sent.
    Granted,
    /// It may be sent once [`State::durable`] names it.
    NeedsMark,
    /// Nothing is held for it yet; [`State::called`] will name it.
    Queued,
}

/// A hold that is not taken; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    OverBudget(Shortage),
    AlreadyOpen,
    Broken,
}

/// Numbers that cannot be: a mistake in this crate. The ledger stops granting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an invariant of the ledger is broken for {account}: {what}")]
pub(crate) struct Broken {
    account: Account,
    what: &'static str,
}

impl State {
    pub(crate) fn new(accounts: Accounts, latest: UtcDay, sequence: u64) -> Self {
        Self {
            accounts,
            open: HashMap::default(),
            queue: Queue::default(),
            waiting: VecDeque::new(),
            urgent: VecDeque::new(),
            dirty: VecDeque::new(),
            latest,
            sequence,
            breaches: 0,
            unknown: 0,
            broken: None,
        }
    }

    /// Sets `quantity` aside in every account, or in none.
    pub(crate) fn hold(
        &mut self,
        id: RequestId,
        charges: Vec<Charge>,
        quantity: Quantity,
        now: UnixSeconds,
        patience: Patience,
    ) -> Result<Admission, Refusal> {
        if self.broken.is_some() {
            return Err(Refusal::Broken);
        }
        if self.open.contains_key(&id) || self.queue.contains(id) {
            return Err(Refusal::AlreadyOpen);
        }
        if self.roll(charges.iter().map(|charge| charge.account.day).fold(self.today(now), UtcDay::max)) {
            self.call_queue();
        }
        let charges = normal(charges, self.latest);
        if let Err(shortage) = self.fits(&charges, quantity) {
            return self.queue_or_refuse(id, charges, quantity, now, patience, shortage);
        }
        if patience == Patience::Queue && self.queue.is_behind(&charges) {
            return Ok(self.queue.push(id, charges, quantity, now));
        }
        Ok(self.take(id, charges, quantity, now))
    }

    /// Replaces a hold by what was used. Once: an id that is not open changes nothing.
    pub(crate) fn settle(&mut self, id: RequestId, settlement: &Settlement) -> Settled {
        let Some(open) = self.open.remove(&id) else {
            self.unknown = self.unknown.saturating_add(1);
            return Settled::Unknown;
        };
        self.put_back(id, &open);
        for account in &open.accounts {
            if let Some(entry) = self.accounts.get_mut(account) {
                entry.totals.add(settlement, open.admitted);
            }
            self.mark_dirty(account);
            self.want_mark(account);
        }
        self.call_queue();
        let over = settlement.quantity().saturating_sub(open.quantity);
        if over == Quantity::ZERO {
            return Settled::Within;
        }
        self.breaches = self.breaches.saturating_add(1);
        Settled::Breach { over }
    }

    /// Ends a hold whose request never left, or takes it out of the queue: nothing is charged.
    pub(crate) fn release(&mut self, id: RequestId) {
        if let Some(open) = self.open.remove(&id) {
            self.put_back(id, &open);
            self.call_queue();
        } else {
            self.leave_queue(id);
        }
    }

    pub(crate) fn today(&self, now: UnixSeconds) -> UtcDay {
        day_of(now, self.latest)
    }

    pub(crate) fn latest(&self) -> UtcDay {
        self.latest
    }

    pub(crate) fn balance(&self, account: &Account) -> Balance {
        self.accounts.get(account).map(Entry::balance).unwrap_or_default()
    }

    /// The day whose accounts an open hold is charged to; `None` for one without accounts.
    pub(crate) fn charged_day(&self, id: RequestId) -> Option<UtcDay> {
        self.open.get(&id).and_then(|open| open.accounts.first()).map(|account| account.day)
    }

    /// Accounts of these days in which something was counted or is held, in no order: sorting need not keep the lock.
    pub(crate) fn statements(&self, days: &RangeInclusive<UtcDay>) -> Vec<Statement> {
        self.used_accounts()
            .filter(|(account, _)| days.contains(&account.day))
            .map(|(account, entry)| Statement {
                account: account.clone(),
                totals: entry.totals,
                held: entry.balance().held,
                mark: entry.mark,
            })
            .collect()
    }

    /// The days in which something was counted or is held.
    pub(crate) fn days(&self) -> BTreeSet<UtcDay> {
        self.used_accounts().map(|(account, _)| account.day).collect()
    }

    fn used_accounts(&self) -> impl Iterator<Item = (&Account, &Entry)> {
        let is_used =
            |entry: &Entry| entry.totals != Totals::default() || entry.balance() != Balance::default();
        self.accounts.iter().filter(move |(_, entry)| is_used(entry))
    }

    pub(crate) fn open_holds(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn breaches(&self) -> u64 {
        self.breaches
    }

    pub(crate) fn unknown(&self) -> u64 {
        self.unknown
    }

    pub(crate) fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    pub(crate) fn has_urgent(&self) -> bool {
        !self.urgent.is_empty()
    }

    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn entry(&self, account: &Account) -> Entry {
        self.accounts.get(account).cloned().unwrap_or_default()
    }

    /// Admits what fits.
    fn take(
        &mut self,
        id: RequestId,
        charges: Vec<Charge>,
        quantity: Quantity,
        now: UnixSeconds,
    ) -> Admission {
        let covered = charges.iter().all(|charge| {
            self.used(&charge.account).saturating_add(quantity).is_within(self.mark(&charge.account))
        });
        let phase = if covered { Phase::Granted } else { Phase::Waiting };
        let mut accounts = Vec::with_capacity(charges.len());
        for Charge { account, limit } in charges {
            let entry = self.accounts.entry(account.clone()).or_default();
            entry.limit = limit;
            entry.asked.ask(quantity);
            let held = match phase {
                Phase::Granted => &mut entry.granted,
                Phase::Waiting => &mut entry.waiting,
            };
            *held = held.saturating_add(quantity);
            self.want_mark(&account);
            accounts.push(account);
        }
        self.open.insert(id, Open { accounts, quantity, admitted: now, phase });
        match phase {
            Phase::Granted => Admission::Granted,
            Phase::Waiting => {
                self.waiting.push_back(id);
                Admission::NeedsMark
            }
        }
    }

    /// Begins a day, if it is a later one. Accounts of finished days give back what runs ahead of them.
    fn roll(&mut self, day: UtcDay) -> bool {
        if day <= self.latest {
            return false;
        }
        self.latest = day;
        let mut over: Vec<_> = self
            .accounts
            .iter()
            .filter(|(account, entry)| account.day < day && entry.mark != entry.used())
            .map(|(account, _)| account.clone())
            .collect();
        over.sort_unstable();
        for account in over {
            self.mark_dirty(&account);
        }
        true
    }

    /// Of several shortages, the first that waiting cannot cure.
    fn fits(&self, charges: &[Charge], asked: Quantity) -> Result<(), Shortage> {
        let mut first = None;
        for charge in charges {
            for unit in Unit::ALL {
                match self.shortage(charge, unit, asked.of(unit)) {
                    Some(shortage) if !shortage.is_held_by_others() => return Err(shortage),
                    Some(shortage) if first.is_none() => first = Some(shortage),
                    Some(_) | None => {}
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn shortage(&self, charge: &Charge, unit: Unit, asked: u64) -> Option<Shortage> {
        let balance = self.balance(&charge.account);
        let (settled, held) = (balance.settled.of(unit), balance.held.of(unit));
        // Without a limit, what no longer can be counted is refused.
        let limit = charge.limit.of(unit).unwrap_or(u64::MAX);
        match settled.checked_add(held).and_then(|used| used.checked_add(asked)) {
            Some(used) if used <= limit => None,
            // An account that is over its cap, lowered since, refuses nothing that asks for nothing of it.
            Some(_) if asked == 0 => None,
            Some(_) | None => {
                Some(Shortage { account: charge.account.clone(), unit, limit, settled, held, asked })
            }
        }
    }

    fn used(&self, account: &Account) -> Quantity {
        self.balance(account).used()
    }

    fn mark(&self, account: &Account) -> Quantity {
        self.accounts.get(account).map_or(Quantity::ZERO, |entry| entry.mark)
    }

    fn put_back(&mut self, id: RequestId, open: &Open) {
        if open.phase == Phase::Waiting {
            // The id may be held again before the next write lands.
            self.waiting.retain(|waiting| *waiting != id);
        }
        for account in &open.accounts {
            let Some(entry) = self.accounts.get_mut(account) else {
                break_at(&mut self.broken, account, "forgotten while a hold was open");
                continue;
            };
            let held = match open.phase {
                Phase::Granted => &mut entry.granted,
                Phase::Waiting => &mut entry.waiting,
            };
            match held.checked_sub(open.quantity) {
                Some(rest) => *held = rest,
                None => break_at(&mut self.broken, account, "less is held than an open hold holds"),
            }
        }
    }

    fn day(&self, account: &Account) -> Day {
        if account.day < self.latest { Day::Over } else { Day::Running }
    }

    fn want_mark(&mut self, account: &Account) {
        let day = self.day(account);
        if let Some(entry) = self.accounts.get_mut(account)
            && !entry.urgent
            && entry.wants_mark(day)
        {
            entry.urgent = true;
            self.urgent.push_back(account.clone());
        }
    }

    fn mark_dirty(&mut self, account: &Account) {
        if let Some(entry) = self.accounts.get_mut(account)
            && !entry.dirty
        {
            entry.dirty = true;
            self.dirty.push_back(account.clone());
        }
    }
}

/// No account twice, where one is named twice the stricter limit; none of a day before `latest`.
fn normal(mut charges: Vec<Charge>, latest: UtcDay) -> Vec<Charge> {
    for charge in &mut charges {
        charge.account.day = charge.account.day.max(latest);
    }
    let mut unique: Vec<Charge> = Vec::with_capacity(charges.len());
    for charge in charges {
        match unique.iter_mut().find(|known| known.account == charge.account) {
            None => unique.push(charge),
            Some(known) => known.limit = known.limit.stricter(charge.limit),
        }
    }
    unique
}

/// The first one counts: what follows may only be its consequence.
fn break_at(broken: &mut Option<Broken>, account: &Account, what: &'static str) {
    broken.get_or_insert_with(|| Broken { account: account.clone(), what });
}
