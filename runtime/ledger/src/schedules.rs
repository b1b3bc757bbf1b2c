//! The ledger's own code, with locks and threads whose order a scheduler picks at random: nobody waits for ever, and nothing
//! is granted that is not durable, whatever runs when.
//!
//! No wait in here ends by the clock. In a gateway a wake-up that gets lost may show as a request that takes 200 ms, since
//! the owner wakes to write totals anyway; here it is a deadlock, and the scheduler prints the schedule that leads to it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use shuttle::future::block_on;
use shuttle::rand::{RngCore, thread_rng};
use shuttle::thread;

use crate::account::{Account, Charge};
use crate::quantity::Caps;
use crate::record::StoredAccount;
use crate::recover::recover;
use crate::request::RequestId;
use crate::store::memory::{Fault, MemoryDisk, MemoryStore};
use crate::store::{Store, StoreError};
use crate::usage::{Settled, Settlement, Usage};

use hold::{Hold, HoldError};
use ledger::{Ledger, Settings};

mod sync {
    pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(super) use shuttle::thread::{Builder, JoinHandle};
}
#[path = "shared.rs"]
mod shared;
#[path = "owner.rs"]
mod owner;
#[path = "hold.rs"]
#[expect(dead_code, unreachable_pub, reason = "a second copy, of which the tests use a part")]
mod hold;
#[path = "ledger.rs"]
#[expect(dead_code, unreachable_pub, reason = "a second copy, of which the tests use a part")]
mod ledger;

const NOW: UnixSeconds = UnixSeconds(100 * 86_400);
/// Room for one large request or two to four small ones.
const LIMIT: u64 = 1_000;
/// Longer than any of them waits: their clock stands still.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// A store during whose writes others run.
struct Slow(MemoryStore);

impl Store for Slow {
    fn load(&mut self) -> Result<Vec<(Account, StoredAccount)>, StoreError> {
        self.0.load()
    }
    fn commit(&mut self, batch: &[(Account, StoredAccount)]) -> Result<(), StoreError> {
        thread::yield_now();
        let result = self.0.commit(batch);
        thread::yield_now();
        result
    }
    fn prune(&mut self, before: UtcDay) -> Result<(), StoreError> {
        thread::yield_now();
        self.0.prune(before)
    }
    fn close(&mut self) -> Result<(), StoreError> {
        self.0.close()
    }
}

/// A ledger, its disk, and what must be on it.
#[derive(Clone)]
struct World {
    ledger: Ledger,
    disk: MemoryDisk,
    /// Settled and granted tokens: what a power cut may not forget.
    counted: Arc<AtomicU64>,
}

fn below(bound: u64) -> u64 {
    thread_rng().next_u64() % bound
}

fn provider() -> Account {
    Account { scope: Scope::Provider, name: "team/claude".into(), day: UtcDay(100) }
}

impl World {
    fn new() -> Self {
        let disk = MemoryDisk::default();
        // Totals are written at once, or only with what is urgent.
        let write_after = if below(2) == 0 { Duration::ZERO } else { PATIENCE };
        let settings = Settings { write_after, store_answers_within: PATIENCE, ..Settings::default() };
        let ledger = Ledger::open(Box::new(Slow(MemoryStore::on(&disk))), settings).expect("open");
        Self { ledger, disk, counted: Arc::default() }
    }

    /// Requests side by side, each to its end.
    fn run(&self, requests: u128, request: fn(&Self, RequestId)) {
        let threads: Vec<_> = (0..requests)
            .map(|id| {
                let world = self.clone();
                thread::spawn(move || request(&world, RequestId(id)))
            })
            .collect();
        for thread in threads {
            thread.join().expect("a request ends");
        }
    }

    fn hold(&self, id: RequestId, tokens: u64) -> impl Future<Output = Result<Hold, HoldError>> {
        let agent = Account { scope: Scope::Agent, name: format!("team/{}", id.0 % 2).into(), ..provider() };
        let charges = vec![
            Charge { account: provider(), limit: Caps::of_tokens(Tokens(LIMIT)) },
            Charge { account: agent, limit: Caps::NONE },
        ];
        self.ledger.hold_within(id, charges, Tokens(tokens).into(), NOW, PATIENCE)
    }

    /// What a ledger that starts on the disk as it is now counts for the provider.
    fn durable(&self) -> u64 {
        let records = MemoryStore::on(&self.disk).load().expect("load");
        recover(records).0.balance(&provider()).settled.tokens.0
    }

    fn check(&self) {
        let (durable, counted) = (self.durable(), self.counted.load(Ordering::Relaxed));
        assert!(durable >= counted, "{durable} are durable and {counted} counted");
        assert!(counted <= LIMIT, "{counted} counted");
    }

    /// Holds, and ends the hold in one of the ways that charge a known number.
    fn request(&self, id: RequestId) {
        let tokens = 200 + below(700);
        let hold = match block_on(self.hold(id, tokens)) {
            Ok(hold) => hold,
            Err(HoldError::OverBudget(shortage)) => {
                return assert!(!shortage.is_held_by_others(), "it had patience: {shortage}");
            }
            Err(HoldError::Closed | HoldError::Unavailable) => return,
            Err(HoldError::DuplicateRequest) => panic!("each id is used once"),
        };
        self.counted.fetch_add(tokens, Ordering::Relaxed);
        self.check();
        match below(3) {
            0 => drop(hold),
            1 => drop(hold.settle_in_full()),
            _ => {
                // Told before it is true: what is counted is never more than the ledger has.
                self.counted.fetch_sub(tokens - tokens / 4, Ordering::Relaxed);
                let usage = Usage { output: Tokens(tokens / 4), ..Usage::default() };
                if hold.settle(Settlement { usage, ..Settlement::default() }) == Settled::Unknown {
                    // The ledger was closed before, and charged all of it.
                    self.counted.fetch_add(tokens - tokens / 4, Ordering::Relaxed);
                }
            }
        }
    }

    /// Leaves while it waits; where it does not wait, nothing is used.
    fn leave(&self, id: RequestId) {
        let mut hold = pin!(self.hold(id, 200 + below(700)));
        let at_once = block_on(poll_fn(|context| match hold.as_mut().poll(context) {
            Poll::Ready(hold) => Poll::Ready(hold.ok()),
            Poll::Pending => Poll::Ready(None),
        }));
        if let Some(hold) = at_once {
            hold.release();
        }
    }

    fn close(self) {
        block_on(self.ledger.close()).expect("close");
        assert_eq!((self.ledger.open_holds(), self.ledger.failure()), (0, None));
        assert_eq!(self.durable(), self.counted.load(Ordering::Relaxed), "a clean stop is exact");
    }
}

/// A thousand schedules of each kind; `PAI_SCHEDULES` asks for another number, such as a million by hand.
fn in_any_order(history: fn()) {
    const USUAL: usize = 1_000;
    let schedules =
        std::env::var("PAI_SCHEDULES").ok().and_then(|number| number.parse().ok()).unwrap_or(USUAL);
    // A patient hold sets a timer, and a timer wants a runtime. Nobody drives it, so none ever rings.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    shuttle::check_random(history, schedules);
    // Threads with priorities that change a few times: finds what needs one thread to be late, and the others not.
    shuttle::check_pct(history, schedules, 3);
}

#[test]
fn nobody_waits_for_ever_and_nothing_is_granted_that_is_not_durable() {
    in_any_order(|| {
        let world = World::new();
        world.run(3, World::request);
        world.check();
        world.close();
    });
}

#[test]
fn whoever_leaves_holds_nobody_back() {
    in_any_order(|| {
        let world = World::new();
        world.run(4, |world, id| if id.0 == 0 { world.leave(id) } else { world.request(id) });
        world.close();
    });
}

#[test]
fn a_ledger_that_is_closed_answers_everybody_and_counts_exactly() {
    in_any_order(|| {
        let world = World::new();
        let closing = world.clone();
        let thread = thread::spawn(move || block_on(closing.ledger.close()).expect("close"));
        world.run(3, World::request);
        thread.join().expect("closed");
        world.close();
    });
}

#[test]
fn the_last_ledger_to_go_waits_for_its_store() {
    in_any_order(|| {
        let World { ledger, disk, counted } = World::new();
        let world = World { ledger, disk: disk.clone(), counted: Arc::clone(&counted) };
        world.run(2, World::request);
        drop(world);
        let records = MemoryStore::on(&disk).load().expect("load");
        let durable = recover(records).0.balance(&provider()).settled.tokens.0;
        assert_eq!(durable, counted.load(Ordering::Relaxed), "a clean stop is exact");
    });
}

#[test]
fn a_disk_that_fails_leaves_nobody_waiting() {
    in_any_order(|| {
        let world = World::new();
        world.disk.fail_after(below(4), Fault::LoseAndFail);
        world.run(3, World::request);
        let closed = block_on(world.ledger.close());
        assert_eq!(closed.is_err(), world.ledger.failure().is_some());
        world.check();
    });
}
