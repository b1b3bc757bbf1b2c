//! The ledger as the gateway sees it.

use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use pai_bundle::unit::{UnixSeconds, UtcDay};

use super::hold::{Hold, HoldError};
use super::owner;
use super::shared::{Answer, Shared, Wait};
use super::sync::{Builder, JoinHandle};
use crate::account::{Account, Balance, Charge};
use crate::quantity::Quantity;
use crate::recover::recover;
use crate::report::{self, Statement};
use crate::request::RequestId;
use crate::state::{Patience, State};
use crate::store::{Store, StoreError};
use crate::usage::Totals;

/// What may be tuned. The defaults fit one gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long settled totals may wait to be written. What is lost of them in a crash is still counted, from the mark.
    pub write_after: Duration,
    /// At most so many records in one commit: building a batch keeps requests waiting, about 0.2 us a record.
    pub records_per_commit: usize,
    /// So many of the latest days with any use are kept for reports: memory and disk, about 400 bytes per account
    /// and day.
    pub keep_days: usize,
    /// A store that takes longer for one call counts as failed. sled can wait for ever after a write that failed: the
    /// thread that was to say so is gone.
    pub store_answers_within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        // 35 days: a calendar month and some time to read about it.
        Self {
            write_after: Duration::from_millis(20),
            records_per_commit: 1_024,
            keep_days: 35,
            store_answers_within: Duration::from_secs(10),
        }
    }
}

/// The ledger could not be opened, or could not be closed so that its numbers are exact.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No thread for the store.
    #[error("cannot start the ledger's thread")]
    Thread(#[source] io::Error),
    /// It had stopped granting before.
    #[error("the ledger has failed: {reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

/// Budgets that cannot be exceeded. Clones are one ledger; when the last one goes, it is closed.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
    _owner: Arc<OwnerThread>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("open_holds", &self.open_holds()).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Reads the store and starts the thread that owns it. Blocks while it reads.
    pub fn open(mut store: Box<dyn Store>, settings: Settings) -> Result<Self, LedgerError> {
        let (state, recovered) = recover(store.load()?);
        if recovered != Quantity::ZERO {
            tracing::warn!(tokens = recovered.tokens.0, nano_usd = recovered.cost.0, "ledger.recovered");
        }
        let shared = Shared::new(state, settings);
        let of_thread = Arc::clone(&shared);
        let thread = Builder::new()
            .name("pai-ledger".to_owned())
            .spawn(move || owner::run(&of_thread, store))
            .map_err(LedgerError::Thread)?;
        let owner = OwnerThread { shared: Arc::clone(&shared), thread: Some(thread) };
        let of_watchdog = Arc::clone(&shared);
        Builder::new()
            .name("pai-ledger-watch".to_owned())
            .spawn(move || of_watchdog.watch_store())
            .map_err(LedgerError::Thread)?;
        Ok(Self { shared, _owner: Arc::new(owner) })
    }

    /// The day that a request admitted now is charged to: never an earlier one than the latest day charged before. Opens
    /// nothing; [`Ledger::hold`] does. Here and there `now` is the time that a [`crate::Calendar`] believes.
    pub fn today(&self, now: UnixSeconds) -> UtcDay {
        self.shared.read(|state| state.today(now))
    }

    /// Sets `quantity` aside in every account of `charges`, or in none; waits only where a mark has to become durable
    /// first. Charges of a day before [`Ledger::today`] go to that day. Without charges it always succeeds while the
    /// ledger does.
    pub async fn hold(
        &self,
        id: RequestId,
        charges: Vec<Charge>,
        quantity: Quantity,
        now: UnixSeconds,
    ) -> Result<Hold, HoldError> {
        self.hold_within(id, charges, quantity, now, Duration::ZERO).await
    }

    /// As [`Ledger::hold`], and waits for room, at most so long, where only what other requests hold is in the way:
    /// in the order in which requests came, so that small ones do not starve a large one. Measured by a clock that
    /// nobody sets.
    pub async fn hold_within(
        &self,
        id: RequestId,
        charges: Vec<Charge>,
        quantity: Quantity,
        now: UnixSeconds,
        patience: Duration,
    ) -> Result<Hold, HoldError> {
        let queue = if patience.is_zero() { Patience::None } else { Patience::Queue };
        let (hold, wait) = self.shared.admit(id, charges, quantity, now, queue)?;
        let answer = match wait {
            Wait::Nothing => {
                let day = hold.day();
                return Ok(hold.granted(day));
            }
            Wait::ForMark(answer) => answer.await,
            Wait::ForRoom(mut answer) => match tokio::time::timeout(patience, &mut answer).await {
                Ok(answer) => answer,
                Err(_) => match self.shared.give_up(id) {
                    Some(shortage) => Ok(Answer::Err(shortage)),
                    // Its turn has come; what it waits for now is the disk.
                    None => answer.await,
                },
            },
        };
        match answer {
            Ok(Ok(())) => {
                // Midnight may have passed while it stood in the queue.
                let day = self.shared.read(|state| state.charged_day(id)).unwrap_or(hold.day());
                Ok(hold.granted(day))
            }
            Ok(Err(shortage)) => Err(HoldError::OverBudget(Box::new(shortage))),
            Err(_) => Err(self.shared.why_not()),
        }
    }

    /// What an account has used and holds; zero for one that nobody has charged.
    pub fn balance(&self, account: &Account) -> Balance {
        self.shared.read(|state| state.balance(account))
    }

    /// The balances of several accounts, all of one moment.
    pub fn balances(&self, accounts: &[Account]) -> Vec<Balance> {
        self.shared.read(|state| accounts.iter().map(|account| state.balance(account)).collect())
    }

    /// What was used in these days, sorted by account.
    pub fn totals(&self, days: RangeInclusive<UtcDay>) -> Vec<(Account, Totals)> {
        let statements = self.statements(&days).into_iter();
        statements.map(|statement| (statement.account, statement.totals)).collect()
    }

    /// All that is known of the accounts of these days, all of one moment, sorted by account.
    pub fn statements(&self, days: &RangeInclusive<UtcDay>) -> Vec<Statement> {
        report::sorted(self.shared.read(|state| state.statements(days)))
    }

    /// The days in which something was used.
    pub fn days(&self) -> BTreeSet<UtcDay> {
        self.shared.read(State::days)
    }

    /// How many holds are open.
    pub fn open_holds(&self) -> usize {
        self.shared.read(State::open_holds)
    }

    /// How many answers used more than was held for them. The aim is none.
    pub fn breaches(&self) -> u64 {
        self.shared.read(State::breaches)
    }

    /// How many settlements came for a request that was not open. The aim is none.
    pub fn unknown_settlements(&self) -> u64 {
        self.shared.read(State::unknown)
    }

    /// Why nothing is granted any more, if so. Only opening the ledger again can change it.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure()
    }

    /// Makes exact numbers durable and lets go of the store. Holds still open are charged in full; what becomes of
    /// them later changes nothing.
    pub async fn close(&self) -> Result<(), LedgerError> {
        self.shared.start_closing();
        self.shared.ended().await;
        match self.failure() {
            None => Ok(()),
            Some(reason) => Err(LedgerError::Failed { reason }),
        }
    }
}

/// The thread, as long as a ledger has it.
struct OwnerThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for OwnerThread {
    /// Waits for the last commit, some milliseconds, so that the store is free afterwards.
    fn drop(&mut self) {
        self.shared.start_closing();
        let comes_back = self.shared.wait_for_end();
        if let Some(thread) = self.thread.take().filter(|_| comes_back) {
            // A thread that panicked has said so in its last words.
            let _ = thread.join();
        }
    }
}
