//! Where requests and the owner of the store meet: one short lock around the state, and who waits for what.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pai_bundle::unit::{UnixSeconds, UtcDay};
use tokio::sync::{oneshot, watch};

use super::hold::{Hold, HoldError};
use super::ledger::Settings;
use super::sync::{Condvar, Mutex, MutexGuard};
use crate::account::{Account, Charge, Shortage};
use crate::quantity::Quantity;
use crate::record::StoredAccount;
use crate::request::RequestId;
use crate::state::{Admission, Called, Patience, Refusal, State, Which};
use crate::usage::{Settled, Settlement};

/// What requests and the owner share.
pub(crate) struct Shared {
    core: Mutex<Core>,
    work: Condvar,
    /// For the watchdog, which otherwise wakes by the clock.
    end: Condvar,
    ended: watch::Sender<bool>,
    pub(crate) settings: Settings,
}

/// INVARIANT: the lock around it is held for memory operations only, never across a commit or an await.
struct Core {
    state: State,
    /// Requests that wait for room or for a mark. A sender that is dropped says: not granted, ask why.
    waiters: HashMap<RequestId, oneshot::Sender<Answer>>,
    /// Since when some record is out of date.
    dirty_since: Option<Instant>,
    /// The latest day when old ones were forgotten last.
    pruned: UtcDay,
    life: Life,
    /// Why nothing is granted any more.
    failure: Option<String>,
    owner: Owner,
    /// Since when the owner has been waiting for the store.
    at_store_since: Option<Instant>,
}

/// What a request that waits is told.
pub(crate) type Answer = Result<(), Shortage>;

/// A hold that is not granted yet, and what it waits for.
pub(crate) enum Wait {
    Nothing,
    ForMark(oneshot::Receiver<Answer>),
    ForRoom(oneshot::Receiver<Answer>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Open,
    Closing,
    /// Exact numbers are on their way to the store.
    Closed,
    /// Nobody uses the store any more.
    Ended,
    /// The owner may come back from the store, or not.
    Stuck,
}

/// What the owner's thread is doing; it is woken only when it sleeps, because a wake-up is a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Busy,
    /// Something is dirty and will be written when it is due.
    SleepsUntilUrgent,
    SleepsUntilDirty,
}

pub(crate) enum Work {
    Commit(Vec<(Account, StoredAccount)>),
    Prune(UtcDay),
    Close(Vec<(Account, StoredAccount)>),
}

impl Shared {
    pub(crate) fn new(state: State, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            core: Mutex::new(Core {
                state,
                waiters: HashMap::new(),
                dirty_since: None,
                pruned: UtcDay(0),
                life: Life::Open,
                failure: None,
                owner: Owner::Busy,
                at_store_since: None,
            }),
            work: Condvar::new(),
            end: Condvar::new(),
            ended: watch::Sender::new(false),
            settings,
        })
    }

    /// Decides on a hold.
    pub(crate) fn admit(
        self: &Arc<Self>,
        id: RequestId,
        charges: Vec<Charge>,
        quantity: Quantity,
        now: UnixSeconds,
        patience: Patience,
    ) -> Result<(Hold, Wait), HoldError> {
        let mut core = self.lock();
        core.is_granting()?;
        let admitted = core.state.hold(id, charges, quantity, now, patience);
        let admission = match admitted {
            Ok(admission) => admission,
            Err(refusal) => {
                // A new day may have begun with it.
                self.after_change(core);
                return Err(match refusal {
                    Refusal::OverBudget(shortage) => HoldError::OverBudget(Box::new(shortage)),
                    Refusal::AlreadyOpen => HoldError::DuplicateRequest,
                    Refusal::Broken => HoldError::Unavailable,
                });
            }
        };
        let day = core.state.latest();
        let mut wait = || {
            let (answer, answered) = oneshot::channel();
            core.waiters.insert(id, answer);
            answered
        };
        let wait = match admission {
            Admission::Granted => Wait::Nothing,
            Admission::NeedsMark => Wait::ForMark(wait()),
            Admission::Queued => Wait::ForRoom(wait()),
        };
        self.after_change(core);
        Ok((Hold::waiting(Arc::clone(self), id, quantity, day), wait))
    }

    /// Ends the wait for room; `None` where there is nothing to end, because it was admitted meanwhile.
    pub(crate) fn give_up(&self, id: RequestId) -> Option<Shortage> {
        let mut core = self.lock();
        let shortage = core.state.give_up(id);
        if shortage.is_some() {
            core.waiters.remove(&id);
        }
        self.after_change(core);
        shortage
    }

    pub(crate) fn settle(&self, id: RequestId, settlement: &Settlement) -> Settled {
        let mut core = self.lock();
        if matches!(core.life, Life::Closed | Life::Ended) && core.failure.is_none() {
            // Counted in full when the ledger was closed.
            return Settled::Unknown;
        }
        let settled = core.state.settle(id, settlement);
        self.after_change(core);
        if let Settled::Breach { over } = settled {
            tracing::warn!(request = %id, over_tokens = over.tokens.0, over_nano_usd = over.cost.0, "ledger.breach");
        }
        settled
    }

    pub(crate) fn release(&self, id: RequestId) {
        let mut core = self.lock();
        core.state.release(id);
        core.waiters.remove(&id);
        self.after_change(core);
    }

    /// Why a hold that was waiting was not granted.
    pub(crate) fn why_not(&self) -> HoldError {
        self.lock().is_granting().err().unwrap_or(HoldError::Unavailable)
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }

    pub(crate) fn read<T>(&self, of: impl FnOnce(&State) -> T) -> T {
        of(&self.lock().state)
    }

    /// Asks the owner to write exact numbers and end. Nothing is granted from now on.
    pub(crate) fn start_closing(&self) {
        let mut core = self.lock();
        if core.life == Life::Open {
            core.life = Life::Closing;
            core.state.stop_granting();
            core.waiters.clear();
        }
        drop(core);
        self.work.notify_all();
    }

    /// Returns once the owner's thread has let go of the store.
    pub(crate) async fn ended(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Stops granting, for good.
    pub(crate) fn fail(&self, reason: String) {
        self.lock().fail(reason);
    }

    /// The owner's last words. However it ends, by a panic in a store too: nothing is granted without it.
    pub(crate) fn end(&self) {
        let mut core = self.lock();
        if core.failure.is_none()
            && (core.life == Life::Open || core.life == Life::Closing || thread::panicking())
        {
            core.fail("the ledger's thread has ended".to_owned());
        }
        self.end_as(Life::Ended, core);
    }

    /// Whoever waits for the end waits no longer.
    fn end_as(&self, life: Life, mut core: MutexGuard<'_, Core>) {
        core.life = life;
        core.waiters.clear();
        drop(core);
        self.ended.send_replace(true);
        self.end.notify_all();
    }

    /// Returns at the end, or once the owner has waited for the store for too long: nothing is granted any more.
    pub(crate) fn watch_store(&self) {
        let patience = self.settings.store_answers_within;
        let mut core = self.lock();
        while core.life != Life::Ended {
            let waited = core.at_store_since.map(|since| since.elapsed()).unwrap_or_default();
            if waited >= patience {
                core.fail(format!("the disk has not answered for {} seconds", waited.as_secs()));
                return self.end_as(Life::Stuck, core);
            }
            let rest = patience.saturating_sub(waited);
            core = self.end.wait_timeout(core, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Blocks until nobody uses the store any more; false where the owner may never come back from it.
    pub(crate) fn wait_for_end(&self) -> bool {
        let mut core = self.lock();
        while !matches!(core.life, Life::Ended | Life::Stuck) {
            core = self.end.wait(core).unwrap_or_else(PoisonError::into_inner);
        }
        core.life == Life::Ended
    }

    fn after_change(&self, mut core: MutexGuard<'_, Core>) {
        core.notice_broken();
        let answers = core.answers();
        if core.dirty_since.is_none() && core.state.has_dirty() {
            core.dirty_since = Some(Instant::now());
        }
        let wake = match core.owner {
            Owner::Busy => false,
            Owner::SleepsUntilUrgent => core.state.has_urgent(),
            Owner::SleepsUntilDirty => core.state.has_urgent() || core.state.has_dirty(),
        };
        if wake {
            core.owner = Owner::Busy;
        }
        drop(core);
        if wake {
            self.work.notify_all();
        }
        for (waiter, answer) in answers {
            // One that stopped waiting has a hold that releases itself.
            let _ = waiter.send(answer);
        }
    }

    /// A thread that panicked under the lock left numbers that nobody can trust.
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(|poisoned| {
            let mut core = poisoned.into_inner();
            core.fail("a thread panicked inside the ledger".to_owned());
            core
        })
    }

    /// Sleeps until there is something to do; `None` once nobody waits for it any more.
    pub(crate) fn next_work(&self) -> Option<Work> {
        let mut core = self.lock();
        core.at_store_since = None;
        loop {
            core.owner = Owner::Busy;
            let due_in = core.due_in(self.settings.write_after);
            let work = match core.life {
                Life::Closing => {
                    core.life = Life::Closed;
                    Some(Work::Close(core.state.finish()))
                }
                Life::Open => core.write(due_in, self.settings),
                Life::Closed | Life::Ended | Life::Stuck => return None,
            };
            if work.is_some() {
                core.at_store_since = Some(Instant::now());
                return work;
            }
            core = if let Some(due_in) = due_in {
                core.owner = Owner::SleepsUntilUrgent;
                self.work.wait_timeout(core, due_in).unwrap_or_else(PoisonError::into_inner).0
            } else {
                core.owner = Owner::SleepsUntilDirty;
                self.work.wait(core).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    pub(crate) fn publish(&self, batch: &[(Account, StoredAccount)]) {
        let mut core = self.lock();
        let granted = core.state.durable(batch);
        let waiters: Vec<_> = granted.iter().filter_map(|id| core.waiters.remove(id)).collect();
        core.notice_broken();
        drop(core);
        for waiter in waiters {
            // One that stopped waiting has a hold that releases itself.
            let _ = waiter.send(Ok(()));
        }
    }
}

impl Core {
    fn is_granting(&self) -> Result<(), HoldError> {
        match self.life {
            _ if self.failure.is_some() => Err(HoldError::Unavailable),
            Life::Open => Ok(()),
            Life::Closing | Life::Closed | Life::Ended | Life::Stuck => Err(HoldError::Closed),
        }
    }

    /// What to tell those whose turn came in the queue. One that needs a mark goes on waiting, for that.
    fn answers(&mut self) -> Vec<(oneshot::Sender<Answer>, Answer)> {
        let mut answers = Vec::new();
        for called in self.state.called() {
            let (id, answer) = match called {
                Called::Admitted(_, Admission::NeedsMark | Admission::Queued) => continue,
                Called::Admitted(id, Admission::Granted) => (id, Ok(())),
                Called::Refused(id, shortage) => (id, Err(shortage)),
            };
            answers.extend(self.waiters.remove(&id).map(|waiter| (waiter, answer)));
        }
        answers
    }

    /// What should be written now, if anything.
    fn write(&mut self, due_in: Option<Duration>, settings: Settings) -> Option<Work> {
        let due = (due_in == Some(Duration::ZERO)).then_some(Which::All);
        if let Some(which) = due.or_else(|| self.state.has_urgent().then_some(Which::Urgent)) {
            let batch = self.state.next_batch(which, settings.records_per_commit);
            if !self.state.has_dirty() {
                self.dirty_since = None;
            }
            if !batch.is_empty() {
                return Some(Work::Commit(batch));
            }
        }
        if self.pruned < self.state.latest() {
            self.pruned = self.state.latest();
            return Some(Work::Prune(self.state.prune(settings.keep_days)));
        }
        None
    }

    fn due_in(&self, write_after: Duration) -> Option<Duration> {
        self.dirty_since.map(|since| write_after.saturating_sub(since.elapsed()))
    }

    fn notice_broken(&mut self) {
        if self.failure.is_none()
            && let Some(broken) = self.state.broken()
        {
            let reason = broken.to_string();
            self.fail(reason);
        }
    }

    fn fail(&mut self, reason: String) {
        if self.failure.is_none() {
            tracing::error!(reason, "ledger.failed");
            self.failure = Some(reason);
        }
        self.waiters.clear();
    }
}
