//! Random histories of the state machine and its store against a model that is too simple to be wrong.
//!
//! A history holds tokens and money, with patience and without, settles, settles again, drops, releases, gives up,
//! writes, loses power before or after a write lands, stops cleanly, and sees midnights and clocks that step back or ahead.
//! After every step the promise is checked, both for the numbers in memory and for what a power cut at that moment would
//! leave.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use proptest::prelude::*;

use crate::account::{Account, Charge};
use crate::calendar::Belief;
use crate::clock::Moment;
use crate::quantity::{Caps, Quantity, Unit};
use crate::record::StoredAccount;
use crate::recover::recover;
use crate::request::RequestId;
use crate::state::{Admission, Called, Patience, Refusal, State, Which};
use crate::store::Store;
use crate::store::memory::{MemoryDisk, MemoryStore};
use crate::usage::{Settled, Settlement, Usage};

#[derive(Debug, Clone)]
enum Step {
    /// The mask says in which of the three accounts; the share is of the smallest limit of those.
    Hold {
        id: u128,
        mask: u8,
        permille: u64,
        /// Of a token.
        price: u64,
        patience: Patience,
    },
    GiveUp {
        id: u128,
    },
    Settle {
        id: u128,
        percent: u64,
    },
    SettleInFull {
        id: u128,
    },
    Release {
        id: u128,
    },
    Write(Which),
    /// The write that is under way becomes durable.
    Land,
    PowerCut {
        lands: bool,
    },
    CleanStop,
    Midnight,
    /// Time passes; at its end somebody looks at the clock.
    Seconds(u8),
    /// By a day, as does the next one.
    ClockStepsBack,
    ClockStepsAhead,
    Prune,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0_u128..8;
    let size = prop_oneof![6 => 0_u64..40, 3 => 40_u64..300, 1 => 300_u64..1_100];
    let patience = prop_oneof![Just(Patience::Queue), Just(Patience::None)];
    let hold = (id.clone(), 0_u8..8, size, 0_u64..5, patience);
    let step = prop_oneof![
        24 => hold.prop_map(|(id, mask, permille, price, patience)| {
            Step::Hold { id, mask, permille, price, patience }
        }),
        2 => id.clone().prop_map(|id| Step::GiveUp { id }),
        20 => (id.clone(), 0_u64..=100).prop_map(|(id, percent)| Step::Settle { id, percent }),
        4 => id.clone().prop_map(|id| Step::SettleInFull { id }),
        4 => id.prop_map(|id| Step::Release { id }),
        8 => Just(Step::Write(Which::Urgent)),
        8 => Just(Step::Write(Which::All)),
        14 => Just(Step::Land),
        1 => any::<bool>().prop_map(|lands| Step::PowerCut { lands }),
        1 => Just(Step::CleanStop),
        1 => Just(Step::Midnight),
        3 => (1_u8..8).prop_map(Step::Seconds),
        1 => Just(Step::ClockStepsBack),
        2 => Just(Step::ClockStepsAhead),
        1 => Just(Step::Prune),
    ];
    prop::collection::vec(step, 1..200)
}

/// Tokens and nano-dollars of each scope.
const LIMITS: [(Scope, [Option<u64>; 2]); 3] = [
    (Scope::Provider, [Some(100_000), None]),
    (Scope::Agent, [Some(1_000), Some(2_500)]),
    (Scope::AccessKey, [None, Some(4_000)]),
];

fn limit((account, unit): &Counter) -> Option<u64> {
    let of_scope = LIMITS.iter().find(|(scope, _)| *scope == account.scope).expect("known").1;
    of_scope[*unit as usize]
}

/// A number that is capped on its own.
type Counter = (Account, Unit);

/// The model: sums, and for the bound on over-counting, what was given back since the last write of an account.
#[derive(Debug, Default)]
struct Model {
    settled: BTreeMap<Counter, u64>,
    open: BTreeMap<u128, Open>,
    /// In the order in which they came.
    queued: Vec<(u128, Vec<Scope>, Quantity)>,
    latest: u32,
    largest: Quantity,
    given_back: BTreeMap<Counter, u64>,
    given_back_at_write: BTreeMap<Counter, u64>,
    given_back_at_durable_write: BTreeMap<Counter, u64>,
    watch: Watch,
}

/// The model's clocks, in seconds.
#[derive(Debug, Default)]
struct Watch {
    passed: i64,
    /// By how much the wall clock was turned.
    turned: i64,
    /// What of it is believed.
    believed: i64,
    /// All looks of the process: how far the clock was turned, and when.
    looks: Vec<(i64, i64)>,
}

impl Watch {
    /// A turn ahead is believed once all looks of five seconds have seen it.
    fn look(&mut self) {
        self.looks.push((self.turned, self.passed));
        let same = self.looks.iter().rev().take_while(|(turned, _)| *turned == self.turned);
        let since = same.last().map_or(self.passed, |(_, at)| *at);
        if self.turned < self.believed || self.passed - since >= 5 {
            self.believed = self.turned;
        }
    }

    fn restart(&mut self) {
        self.believed = self.turned;
        self.looks.clear();
    }
}

#[derive(Debug)]
struct Open {
    accounts: Vec<Account>,
    quantity: Quantity,
    admission: Admission,
}

impl Model {
    fn settled(&self, counter: &Counter) -> u64 {
        self.settled.get(counter).copied().unwrap_or(0)
    }

    fn held(&self, (account, unit): &Counter, counts: impl Fn(Admission) -> bool) -> u64 {
        let open = self.open.values();
        open.filter(|open| open.accounts.contains(account) && counts(open.admission))
            .map(|open| open.quantity.of(*unit))
            .sum()
    }

    fn used(&self, counter: &Counter) -> u64 {
        self.settled(counter) + self.held(counter, |_| true)
    }

    fn fits(&self, scopes: &[Scope], quantity: Quantity, used: impl Fn(&Counter) -> u64) -> bool {
        let accounts = self.accounts(scopes);
        let counters = accounts.iter().flat_map(both);
        let mut asked = counters.map(|counter| (quantity.of(counter.1), counter));
        asked.all(|(asked, counter)| {
            asked == 0 || limit(&counter).is_none_or(|limit| used(&counter) + asked <= limit)
        })
    }

    fn accounts(&self, scopes: &[Scope]) -> Vec<Account> {
        let of = |scope: &Scope| Account { scope: *scope, name: "team/x".into(), day: UtcDay(self.latest) };
        scopes.iter().map(of).collect()
    }

    fn admit(&mut self, id: u128, scopes: &[Scope], quantity: Quantity, admission: Admission) {
        assert!(self.fits(scopes, quantity, |counter| self.used(counter)), "admitted beyond a limit");
        self.largest = self.largest.zip(quantity, u64::max);
        let accounts = self.accounts(scopes);
        self.open.insert(id, Open { accounts, quantity, admission });
    }

    fn end(&mut self, id: u128, charged: impl Fn(u64) -> u64) -> bool {
        let Some(Open { accounts, quantity, .. }) = self.open.remove(&id) else { return false };
        for counter in accounts.iter().flat_map(both) {
            let held = quantity.of(counter.1);
            *self.settled.entry(counter.clone()).or_default() += charged(held);
            *self.given_back.entry(counter).or_default() += held - charged(held);
        }
        true
    }
}

fn both(account: &Account) -> [Counter; 2] {
    Unit::ALL.map(|unit| (account.clone(), unit))
}

struct Simulation {
    state: State,
    disk: MemoryDisk,
    under_way: Option<Vec<(Account, StoredAccount)>>,
    clock: Moment,
    belief: Belief,
    model: Model,
}

const START: i64 = 100 * 86_400 + 5;

impl Simulation {
    fn new() -> Self {
        let (state, _) = recover(Vec::new());
        let clock = Moment { wall: UnixSeconds(START), steady: Instant::now() };
        let belief = Belief::new(clock);
        Self { state, disk: MemoryDisk::default(), under_way: None, clock, belief, model: Model::default() }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Hold { id, mask, permille, price, patience } => {
                self.hold(id, mask, (permille, price), patience);
            }
            Step::GiveUp { id } => {
                let place = self.model.queued.iter().position(|queued| queued.0 == id);
                assert_eq!(self.state.give_up(RequestId(id)).is_some(), place.is_some());
                place.map(|place| self.model.queued.remove(place));
                self.answer_queue();
            }
            Step::Settle { id, percent } => {
                if self.may_have_left(id) {
                    self.settle(id, |held| held * percent / 100);
                }
            }
            Step::SettleInFull { id } => {
                if self.may_have_left(id) {
                    self.settle(id, |held| held);
                }
            }
            Step::Release { id } => {
                self.state.release(RequestId(id));
                self.model.end(id, |_| 0);
                self.model.queued.retain(|queued| queued.0 != id);
                self.answer_queue();
            }
            Step::Write(which) => self.write(which),
            Step::Land => self.land(),
            Step::PowerCut { lands } => self.power_cut(lands),
            Step::CleanStop => self.clean_stop(),
            Step::Midnight => self.pass(86_400),
            Step::Seconds(seconds) => {
                self.pass(seconds.into());
                self.look();
            }
            Step::ClockStepsBack => self.turn(-86_400),
            Step::ClockStepsAhead => self.turn(86_400),
            Step::Prune => {
                if self.under_way.is_none() {
                    let kept = self.state.prune(2);
                    MemoryStore::on(&self.disk).prune(kept).expect("prune");
                    self.model.settled.retain(|(account, _), _| account.day >= kept);
                }
            }
        }
    }

    fn pass(&mut self, seconds: u32) {
        self.clock.wall.0 += i64::from(seconds);
        self.clock.steady += Duration::from_secs(seconds.into());
        self.model.watch.passed += i64::from(seconds);
    }

    fn turn(&mut self, seconds: i64) {
        self.clock.wall.0 += seconds;
        self.model.watch.turned += seconds;
    }

    /// What is believed to be the time.
    fn look(&mut self) -> UnixSeconds {
        self.belief.look(self.clock);
        let watch = &mut self.model.watch;
        watch.look();
        let believed = self.belief.time(self.clock);
        assert_eq!(believed.0, START + watch.passed + watch.believed);
        believed
    }

    /// A hold that waits for its mark cannot be settled: nobody has it yet.
    fn may_have_left(&self, id: u128) -> bool {
        self.model.open.get(&id).is_none_or(|open| open.admission == Admission::Granted)
    }

    fn hold(&mut self, id: u128, mask: u8, (permille, price): (u64, u64), patience: Patience) {
        let now = self.look();
        let day = UtcDay::containing(now);
        let chosen = LIMITS.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, of)| of);
        let charges: Vec<_> = chosen
            .map(|&(scope, [tokens, cost])| Charge {
                account: Account { scope, name: "team/x".into(), day },
                limit: Caps { tokens: tokens.map(Tokens), cost: cost.map(NanoUsd) },
            })
            .collect();
        let scopes: Vec<_> = charges.iter().map(|charge| charge.account.scope).collect();
        let scale = charges.iter().filter_map(|charge| charge.limit.tokens).min().unwrap_or(Tokens(5_000)).0;
        let tokens = scale * permille / 1_000;
        let quantity = Quantity { tokens: Tokens(tokens), cost: NanoUsd(tokens * price) };
        let outcome = self.state.hold(RequestId(id), charges, quantity, now, patience);

        if self.model.open.contains_key(&id) || self.model.queued.iter().any(|queued| queued.0 == id) {
            assert_eq!(outcome, Err(Refusal::AlreadyOpen));
            return;
        }
        self.model.latest = self.model.latest.max(day.0);
        // A new day makes room before this one is looked at.
        self.answer_queue();
        let fits = self.model.fits(&scopes, quantity, |counter| self.model.used(counter));
        match outcome {
            Ok(Admission::Queued) => {
                let is_alone = self.model.queued.is_empty();
                assert!(!(fits && is_alone), "waits although it fits");
                let could = self.model.fits(&scopes, quantity, |counter| self.model.settled(counter));
                assert!(could && patience == Patience::Queue, "waits for nothing");
                self.model.queued.push((id, scopes, quantity));
            }
            Ok(admission) => self.model.admit(id, &scopes, quantity, admission),
            Err(refusal) => assert!(!fits, "refused although it fits: {refusal:?}"),
        }
    }

    /// What the state machine said of those who waited.
    fn answer_queue(&mut self) {
        for called in self.state.called() {
            let (Called::Admitted(RequestId(id), _) | Called::Refused(RequestId(id), _)) = called;
            let place = self.model.queued.iter().position(|queued| queued.0 == id).expect("waits");
            let (id, scopes, quantity) = self.model.queued.remove(place);
            match called {
                Called::Admitted(_, admission) => self.model.admit(id, &scopes, quantity, admission),
                Called::Refused(..) => {
                    let could = self.model.fits(&scopes, quantity, |counter| self.model.settled(counter));
                    assert!(!could, "sent away although it may fit");
                }
            }
        }
    }

    fn settle(&mut self, id: u128, of: impl Fn(u64) -> u64) {
        let held = self.model.open.get(&id).map_or(Quantity::ZERO, |open| open.quantity);
        let used = of(held.tokens.0);
        let usage = Usage { input: Tokens(used / 3), output: Tokens(used - used / 3), ..Usage::default() };
        let cost = NanoUsd(of(held.cost.0));
        let settled =
            self.state.settle(RequestId(id), &Settlement { usage, cost, estimated: used.is_multiple_of(2) });
        let was_open = self.model.end(id, of);
        assert_eq!(settled, if was_open { Settled::Within } else { Settled::Unknown });
        self.answer_queue();
    }

    fn write(&mut self, which: Which) {
        if self.under_way.is_none() {
            let batch = self.state.next_batch(which, 2);
            for counter in batch.iter().flat_map(|(account, _)| both(account)) {
                let so_far = self.model.given_back.get(&counter).copied().unwrap_or(0);
                self.model.given_back_at_write.insert(counter, so_far);
            }
            self.under_way = Some(batch);
        }
    }

    fn land(&mut self) {
        if let Some(batch) = self.under_way.take() {
            MemoryStore::on(&self.disk).commit(&batch).expect("commit");
            self.model.given_back_at_durable_write.clone_from(&self.model.given_back_at_write);
            for RequestId(id) in self.state.durable(&batch) {
                self.model.open.get_mut(&id).expect("granted holds are open").admission = Admission::Granted;
            }
        }
    }

    fn power_cut(&mut self, lands: bool) {
        if lands && let Some(batch) = &self.under_way {
            MemoryStore::on(&self.disk).commit(batch).expect("commit");
            self.model.given_back_at_durable_write.clone_from(&self.model.given_back_at_write);
        }
        self.reopen();
        let counters: Vec<_> = self.counters();
        for counter in &counters {
            let (account, unit) = counter;
            let after = self.state.balance(account).settled.of(*unit);
            let must =
                self.model.settled(counter) + self.model.held(counter, |phase| phase == Admission::Granted);
            assert!(after >= must, "{account}: {after} after a power cut, {must} before");
            let unlimited = match unit {
                Unit::Tokens => 1_000_000,
                Unit::NanoUsd => 10_000_000_000,
            };
            let block =
                self.model.largest.of(*unit).max(limit(counter).map_or(unlimited, |limit| limit / 100));
            let given_back = self.model.given_back.get(counter).copied().unwrap_or(0);
            let told = self.model.given_back_at_durable_write.get(counter).copied().unwrap_or(0);
            let may = self.model.used(counter) + block + (given_back - told);
            assert!(after <= may, "{account}: {after} after a power cut, at most {may} expected");
        }
        self.model.open.clear();
        for counter in counters {
            let settled = self.state.balance(&counter.0).settled.of(counter.1);
            self.model.settled.insert(counter, settled);
        }
        self.model.given_back_at_write.clone_from(&self.model.given_back);
        self.model.given_back_at_durable_write.clone_from(&self.model.given_back);
    }

    /// Exact: what was open is charged in full, or not at all if it never was granted.
    fn clean_stop(&mut self) {
        self.land();
        let batch = self.state.finish();
        MemoryStore::on(&self.disk).commit(&batch).expect("commit");
        let ids: Vec<_> = self.model.open.iter().map(|(id, open)| (*id, open.admission)).collect();
        for (id, phase) in ids {
            self.model.end(id, |tokens| if phase == Admission::Granted { tokens } else { 0 });
        }
        self.reopen();
    }

    fn reopen(&mut self) {
        self.under_way = None;
        let (state, _) = recover(MemoryStore::on(&self.disk).load().expect("load"));
        self.model.latest = state.latest().0;
        self.model.queued.clear();
        self.state = state;
        self.belief = Belief::new(self.clock);
        self.model.watch.restart();
    }

    fn counters(&self) -> Vec<Counter> {
        let open = self.model.open.values().flat_map(|open| open.accounts.iter());
        let mut counters: Vec<_> = self.model.settled.keys().cloned().chain(open.flat_map(both)).collect();
        counters.sort_unstable();
        counters.dedup();
        counters
    }

    fn check(&self) {
        assert_eq!(self.state.broken(), None);
        assert_eq!(self.state.open_holds(), self.model.open.len());
        assert_eq!(self.state.latest(), UtcDay(self.model.latest));
        let queued: Vec<_> = self.model.queued.iter().map(|queued| RequestId(queued.0)).collect();
        assert_eq!(self.state.queued(), queued);
        if let Some((_, scopes, quantity)) = self.model.queued.first() {
            let fits = self.model.fits(scopes, *quantity, |counter| self.model.used(counter));
            assert!(!fits, "the first of the queue waits although it fits");
        }
        let durable: BTreeMap<_, _> = MemoryStore::on(&self.disk).load().expect("load").into_iter().collect();
        for counter in self.counters() {
            let (account, unit) = &counter;
            let balance = self.state.balance(account);
            assert_eq!(balance.settled.of(*unit), self.model.settled(&counter), "{account} settled");
            assert_eq!(balance.held.of(*unit), self.model.held(&counter, |_| true), "{account} held");
            let limit = limit(&counter);
            assert!(
                limit.is_none_or(|limit| balance.used().of(*unit) <= limit),
                "{account} is over its limit"
            );

            let granted = self.model.held(&counter, |phase| phase == Admission::Granted);
            let mut mark = durable.get(account).map_or(0, |record| record.mark.of(*unit));
            for (_, record) in self.under_way.iter().flatten().filter(|(of, _)| of == account) {
                // The power may go before or after it lands.
                mark = mark.min(record.mark.of(*unit));
            }
            let must = balance.settled.of(*unit) + granted;
            assert!(mark >= must, "{account}: a power cut now would forget something");
            assert!(limit.is_none_or(|limit| mark <= limit), "{account}: the mark is over the limit");
        }
    }

    /// Nobody waits for ever: as many writes as there are accounts, two at a time.
    fn settle_down(&mut self) {
        for _ in 0..20 {
            self.land();
            self.write(Which::Urgent);
            self.land();
            self.check();
        }
        let mut open = self.model.open.values();
        assert!(open.all(|open| open.admission == Admission::Granted), "a hold still waits");
        let ids: Vec<_> = self.model.open.keys().copied().collect();
        for id in ids {
            self.settle(id, |_| 0);
        }
        while !self.model.open.is_empty() {
            let ids: Vec<_> = self.model.open.keys().copied().collect();
            for id in ids {
                self.step(&Step::Release { id });
            }
        }
        assert_eq!(self.model.queued.len(), 0, "somebody still waits for room that is there");
    }
}

/// A hundred thousand histories; `PROPTEST_CASES` asks for another number, such as a million by hand.
fn histories() -> u32 {
    const USUAL: u32 = 100_000;
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(USUAL)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_exceeds_a_limit_or_forgets_a_token(steps in steps()) {
        let mut simulation = Simulation::new();
        for step in &steps {
            simulation.step(step);
            simulation.check();
        }
        simulation.settle_down();
    }
}
