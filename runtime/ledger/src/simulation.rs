//! Random histories of the state machine and its store against a model that is too simple to be wrong.
//!
//! A history holds, settles, settles again, drops, releases, writes, loses power before or after a write lands,
//! stops cleanly, and sees midnights and clocks that step back. After every step the promise is checked, both for the
//! numbers in memory and for what a power cut at that moment would leave.

use std::collections::BTreeMap;

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use proptest::prelude::*;

use crate::account::{Account, Charge};
use crate::hold::RequestId;
use crate::record::StoredAccount;
use crate::recover::recover;
use crate::state::{Admission, Refusal, State, Which};
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
    ClockStepsBack,
    Prune,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0_u128..8;
    let size = prop_oneof![6 => 0_u64..40, 3 => 40_u64..300, 1 => 300_u64..1_100];
    let step = prop_oneof![
        24 => (id.clone(), 0_u8..8, size).prop_map(|(id, mask, permille)| Step::Hold { id, mask, permille }),
        20 => (id.clone(), 0_u64..=100).prop_map(|(id, percent)| Step::Settle { id, percent }),
        4 => id.clone().prop_map(|id| Step::SettleInFull { id }),
        4 => id.prop_map(|id| Step::Release { id }),
        8 => Just(Step::Write(Which::Urgent)),
        8 => Just(Step::Write(Which::All)),
        14 => Just(Step::Land),
        1 => any::<bool>().prop_map(|lands| Step::PowerCut { lands }),
        1 => Just(Step::CleanStop),
        1 => Just(Step::Midnight),
        1 => Just(Step::ClockStepsBack),
        1 => Just(Step::Prune),
    ];
    prop::collection::vec(step, 1..200)
}

const LIMITS: [(Scope, Option<u64>); 3] =
    [(Scope::Provider, Some(100_000)), (Scope::Agent, Some(1_000)), (Scope::AccessKey, None)];

/// The model: sums, and for the bound on over-counting, what was given back since the last write of an account.
#[derive(Debug, Default)]
struct Model {
    settled: BTreeMap<Account, u64>,
    open: BTreeMap<u128, (Vec<Account>, u64, Admission)>,
    latest: u32,
    largest: u64,
    given_back: BTreeMap<Account, u64>,
    given_back_at_write: BTreeMap<Account, u64>,
    given_back_at_durable_write: BTreeMap<Account, u64>,
}

impl Model {
    fn settled(&self, account: &Account) -> u64 {
        self.settled.get(account).copied().unwrap_or(0)
    }

    fn held(&self, account: &Account, counts: impl Fn(Admission) -> bool) -> u64 {
        let open = self.open.values();
        open.filter(|(accounts, _, phase)| accounts.contains(account) && counts(*phase))
            .map(|open| open.1)
            .sum()
    }

    fn used(&self, account: &Account) -> u64 {
        self.settled(account) + self.held(account, |_| true)
    }

    fn end(&mut self, id: u128, charged: impl Fn(u64) -> u64) -> bool {
        let Some((accounts, tokens, _)) = self.open.remove(&id) else { return false };
        for account in accounts {
            *self.settled.entry(account.clone()).or_default() += charged(tokens);
            *self.given_back.entry(account).or_default() += tokens - charged(tokens);
        }
        true
    }
}

struct Simulation {
    state: State,
    disk: MemoryDisk,
    under_way: Option<Vec<(Account, StoredAccount)>>,
    now: UnixSeconds,
    model: Model,
}

impl Simulation {
    fn new() -> Self {
        let (state, _) = recover(Vec::new());
        let now = UnixSeconds(100 * 86_400 + 5);
        Self { state, disk: MemoryDisk::default(), under_way: None, now, model: Model::default() }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Hold { id, mask, permille } => self.hold(id, mask, permille),
            Step::Settle { id, percent } => {
                let of = |tokens: u64| tokens * percent / 100;
                let tokens = self.model.open.get(&id).map_or(0, |open| open.1);
                if self.may_have_left(id) {
                    self.settle(id, of(tokens), of);
                }
            }
            Step::SettleInFull { id } => {
                let tokens = self.model.open.get(&id).map_or(0, |open| open.1);
                if self.may_have_left(id) {
                    self.settle(id, tokens, |tokens| tokens);
                }
            }
            Step::Release { id } => {
                self.state.release(RequestId(id));
                self.model.end(id, |_| 0);
            }
            Step::Write(which) => self.write(which),
            Step::Land => self.land(),
            Step::PowerCut { lands } => self.power_cut(lands),
            Step::CleanStop => self.clean_stop(),
            Step::Midnight => self.now.0 += 86_400,
            Step::ClockStepsBack => self.now.0 -= 86_400,
            Step::Prune => {
                if self.under_way.is_none() {
                    let kept = self.state.prune(2);
                    MemoryStore::on(&self.disk).prune(kept).expect("prune");
                    self.model.settled.retain(|account, _| account.day >= kept);
                }
            }
        }
    }

    /// A hold that waits for its mark cannot be settled: nobody has it yet.
    fn may_have_left(&self, id: u128) -> bool {
        self.model.open.get(&id).is_none_or(|open| open.2 == Admission::Granted)
    }

    fn hold(&mut self, id: u128, mask: u8, permille: u64) {
        let day = UtcDay::containing(self.now);
        let chosen = LIMITS.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, of)| of);
        let charges: Vec<_> = chosen
            .map(|&(scope, limit)| {
                let account = Account { scope, name: "team/x".to_owned(), day };
                Charge { account, limit: limit.map(Tokens) }
            })
            .collect();
        let scale = charges.iter().filter_map(|charge| charge.limit).min().unwrap_or(Tokens(5_000_000)).0;
        let tokens = scale * permille / 1_000;
        let outcome = self.state.hold(RequestId(id), charges.clone(), Tokens(tokens), self.now);

        if self.model.open.contains_key(&id) {
            assert_eq!(outcome, Err(Refusal::AlreadyOpen));
            return;
        }
        self.model.latest = self.model.latest.max(day.0);
        let accounts: Vec<_> = charges
            .iter()
            .map(|charge| Account { day: UtcDay(self.model.latest), ..charge.account.clone() })
            .collect();
        let fits = accounts.iter().zip(&charges).all(|(account, charge)| {
            charge.limit.is_none_or(|limit| self.model.used(account) + tokens <= limit.0)
        });
        match outcome {
            Ok(admission) => {
                assert!(fits, "admitted beyond a limit");
                self.model.largest = self.model.largest.max(tokens);
                self.model.open.insert(id, (accounts, tokens, admission));
            }
            Err(refusal) => assert!(!fits, "refused although it fits: {refusal:?}"),
        }
    }

    fn settle(&mut self, id: u128, used: u64, of: impl Fn(u64) -> u64) {
        let usage = Usage { input: Tokens(used / 3), output: Tokens(used - used / 3), ..Usage::default() };
        let settled =
            self.state.settle(RequestId(id), &Settlement { usage, estimated: used.is_multiple_of(2) });
        let was_open = self.model.end(id, of);
        assert_eq!(settled, if was_open { Settled::Within } else { Settled::Unknown });
    }

    fn write(&mut self, which: Which) {
        if self.under_way.is_none() {
            let batch = self.state.next_batch(which, 2);
            for (account, _) in &batch {
                let so_far = self.model.given_back.get(account).copied().unwrap_or(0);
                self.model.given_back_at_write.insert(account.clone(), so_far);
            }
            self.under_way = Some(batch);
        }
    }

    fn land(&mut self) {
        if let Some(batch) = self.under_way.take() {
            MemoryStore::on(&self.disk).commit(&batch).expect("commit");
            self.model.given_back_at_durable_write.clone_from(&self.model.given_back_at_write);
            for RequestId(id) in self.state.durable(&batch) {
                self.model.open.get_mut(&id).expect("granted holds are open").2 = Admission::Granted;
            }
        }
    }

    fn power_cut(&mut self, lands: bool) {
        if lands && let Some(batch) = &self.under_way {
            MemoryStore::on(&self.disk).commit(batch).expect("commit");
            self.model.given_back_at_durable_write.clone_from(&self.model.given_back_at_write);
        }
        self.reopen();
        let accounts: Vec<_> = self.accounts();
        for account in &accounts {
            let after = self.state.balance(account).settled.0;
            let must =
                self.model.settled(account) + self.model.held(account, |phase| phase == Admission::Granted);
            assert!(after >= must, "{account}: {after} after a power cut, {must} before");
            let limit = LIMITS.iter().find(|(scope, _)| *scope == account.scope).expect("known").1;
            let block = self.model.largest.max(limit.map_or(1_000_000, |limit| limit / 100));
            let given_back = self.model.given_back.get(account).copied().unwrap_or(0);
            let told = self.model.given_back_at_durable_write.get(account).copied().unwrap_or(0);
            let may = self.model.used(account) + block + (given_back - told);
            assert!(after <= may, "{account}: {after} after a power cut, at most {may} expected");
        }
        self.model.open.clear();
        for account in accounts {
            self.model.settled.insert(account.clone(), self.state.balance(&account).settled.0);
        }
        self.model.given_back_at_write.clone_from(&self.model.given_back);
        self.model.given_back_at_durable_write.clone_from(&self.model.given_back);
    }

    /// Exact: what was open is charged in full, or not at all if it never was granted.
    fn clean_stop(&mut self) {
        self.land();
        let batch = self.state.finish();
        MemoryStore::on(&self.disk).commit(&batch).expect("commit");
        let ids: Vec<_> = self.model.open.iter().map(|(id, open)| (*id, open.2)).collect();
        for (id, phase) in ids {
            self.model.end(id, |tokens| if phase == Admission::Granted { tokens } else { 0 });
        }
        self.reopen();
    }

    fn reopen(&mut self) {
        self.under_way = None;
        let (state, _) = recover(MemoryStore::on(&self.disk).load().expect("load"));
        self.model.latest = state.latest().0;
        self.state = state;
    }

    fn accounts(&self) -> Vec<Account> {
        let open = self.model.open.values().flat_map(|(accounts, _, _)| accounts.iter());
        let mut accounts: Vec<_> = self.model.settled.keys().chain(open).cloned().collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts
    }

    fn check(&self) {
        assert_eq!(self.state.broken(), None);
        assert_eq!(self.state.open_holds(), self.model.open.len());
        let durable: BTreeMap<_, _> = MemoryStore::on(&self.disk).load().expect("load").into_iter().collect();
        for account in self.accounts() {
            let balance = self.state.balance(&account);
            assert_eq!(balance.settled.0, self.model.settled(&account), "{account} settled");
            assert_eq!(balance.held.0, self.model.held(&account, |_| true), "{account} held");
            let limit =
                LIMITS.iter().find(|(scope, _)| *scope == account.scope).and_then(|(_, limit)| *limit);
            assert!(limit.is_none_or(|limit| balance.used().0 <= limit), "{account} is over its limit");

            let granted = self.model.held(&account, |phase| phase == Admission::Granted);
            let mut mark = durable.get(&account).map_or(0, |record| record.mark.0);
            for (_, record) in self.under_way.iter().flatten().filter(|(of, _)| *of == account) {
                // The power may go before or after it lands.
                mark = mark.min(record.mark.0);
            }
            assert!(mark >= balance.settled.0 + granted, "{account}: a power cut now would forget tokens");
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
        assert!(self.model.open.values().all(|open| open.2 == Admission::Granted), "a hold still waits");
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
