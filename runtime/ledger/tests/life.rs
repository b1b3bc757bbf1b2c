//! The life of holds through the public interface: how each ends, and what a stop, a crash or a bad disk makes of it.

#![cfg(test)]

use std::sync::mpsc;
use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use pai_ledger::{
    Account, Balance, Caps, Charge, Fault, Hold, HoldError, Ledger, LedgerError, MemoryDisk, MemoryStore,
    Quantity, RequestId, Settings, Settled, Settlement, Shortage, SledStore, Store, StoreError,
    StoredAccount, Unit, Usage,
};

const NOW: UnixSeconds = UnixSeconds(1_795_392_000);
const DAY: u32 = 20_780;

fn agent(name: &str) -> Account {
    Account { scope: Scope::Agent, name: name.into(), day: UtcDay(DAY) }
}

fn charge(name: &str, limit: u64) -> Vec<Charge> {
    vec![Charge { account: agent(name), limit: Caps::of_tokens(Tokens(limit)) }]
}

fn used(input: u64, output: u64) -> Settlement {
    let usage = Usage { input: Tokens(input), output: Tokens(output), ..Usage::default() };
    Settlement { usage, ..Settlement::default() }
}

fn balance(settled: u64, held: u64) -> Balance {
    Balance { settled: Tokens(settled).into(), held: Tokens(held).into() }
}

fn on(disk: &MemoryDisk) -> Ledger {
    Ledger::open(Box::new(MemoryStore::on(disk)), Settings::default()).expect("open")
}

async fn hold(ledger: &Ledger, id: u128, limit: u64, tokens: u64) -> Result<Hold, HoldError> {
    ledger.hold(RequestId(id), charge("team/coder", limit), Tokens(tokens).into(), NOW).await
}

#[tokio::test]
async fn each_way_to_end_a_hold_charges_what_it_says() {
    let ledger = on(&MemoryDisk::default());
    let coder = agent("team/coder");

    let settled = hold(&ledger, 1, 1_000, 100).await.expect("fits");
    assert_eq!((settled.id(), settled.tokens(), settled.day()), (RequestId(1), Tokens(100), UtcDay(DAY)));
    assert_eq!(ledger.balance(&coder), balance(0, 100));
    assert_eq!(settled.settle(used(30, 10)), Settled::Within);
    assert_eq!(ledger.balance(&coder), balance(40, 0));

    hold(&ledger, 1, 1_000, 100).await.expect("the next attempt").release();
    assert_eq!(ledger.balance(&coder), balance(40, 0));

    drop(hold(&ledger, 2, 1_000, 100).await.expect("fits"));
    assert_eq!(ledger.balance(&coder), balance(140, 0));

    hold(&ledger, 3, 1_000, 100).await.expect("fits").settle_in_full();
    assert_eq!(ledger.balance(&coder), balance(240, 0));

    let totals = ledger.totals(UtcDay(DAY)..=UtcDay(DAY));
    let [(account, totals)] = totals.as_slice() else { panic!("one account, not {totals:?}") };
    assert_eq!((account, totals.requests, totals.estimated), (&coder, 3, Tokens(200)));
    assert_eq!(totals.usage, used(30, 210).usage);
    assert_eq!(totals.last_used, Some(NOW));
    assert_eq!((ledger.open_holds(), ledger.breaches(), ledger.unknown_settlements()), (0, 0, 0));
}

#[tokio::test]
async fn a_request_that_panics_is_charged() {
    let ledger = on(&MemoryDisk::default());
    let hold = hold(&ledger, 1, 1_000, 100).await.expect("fits");
    let task = tokio::spawn(async move {
        let _hold = hold;
        panic!("on purpose");
    });
    task.await.expect_err("panicked");
    assert_eq!(ledger.balance(&agent("team/coder")), balance(100, 0));
}

#[tokio::test]
async fn a_hold_is_taken_in_all_accounts_or_in_none() {
    let ledger = on(&MemoryDisk::default());
    let both = || [charge("team/large", 1_000), charge("team/small", 50)].concat();
    let refused =
        ledger.hold(RequestId(1), both(), Tokens(60).into(), NOW).await.expect_err("too much for one");
    let expected = HoldError::OverBudget(Box::new(Shortage {
        account: agent("team/small"),
        unit: Unit::Tokens,
        limit: 50,
        settled: 0,
        held: 0,
        asked: 60,
    }));
    assert_eq!(refused, expected);
    assert_eq!(ledger.balances(&[agent("team/large"), agent("team/small")]), [Balance::default(); 2]);

    let hold = ledger.hold(RequestId(1), both(), Tokens(50).into(), NOW).await.expect("the last token fits");
    assert_eq!(ledger.balances(&[agent("team/large"), agent("team/small")]), [balance(0, 50); 2]);
    hold.release();
}

#[tokio::test]
async fn an_open_request_is_not_held_twice() {
    let ledger = on(&MemoryDisk::default());
    let first = hold(&ledger, 1, 1_000, 10).await.expect("fits");
    assert_eq!(hold(&ledger, 1, 1_000, 10).await.expect_err("open"), HoldError::DuplicateRequest);
    first.release();
    hold(&ledger, 1, 1_000, 10).await.expect("no longer open").release();
}

#[tokio::test]
async fn a_free_call_needs_no_account_and_no_disk() {
    let disk = MemoryDisk::default();
    let ledger = on(&disk);
    let free = ledger.hold(RequestId(1), Vec::new(), Quantity::ZERO, NOW).await.expect("free");
    assert_eq!(ledger.open_holds(), 1);
    free.settle(Settlement::default());
    assert_eq!((ledger.open_holds(), disk.commits()), (0, 0));
}

#[tokio::test]
async fn an_answer_beyond_its_hold_is_charged_in_full_and_counted() {
    let ledger = on(&MemoryDisk::default());
    let hold_100 = hold(&ledger, 1, 1_000, 100).await.expect("fits");
    assert_eq!(hold_100.settle(used(1_000, 50)), Settled::Breach { over: Tokens(950).into() });
    assert_eq!(ledger.balance(&agent("team/coder")), balance(1_050, 0));
    assert_eq!(ledger.breaches(), 1);
    assert!(matches!(hold(&ledger, 2, 1_000, 1).await, Err(HoldError::OverBudget(_))));
    hold(&ledger, 3, 2_000, 1).await.expect("a higher limit goes on from there").release();
    assert_eq!(ledger.failure(), None);
}

#[tokio::test]
async fn a_limit_lowered_below_what_is_used_refuses() {
    let ledger = on(&MemoryDisk::default());
    let open = hold(&ledger, 1, 1_000_000, 900).await.expect("fits");
    assert!(matches!(hold(&ledger, 2, 500, 1).await, Err(HoldError::OverBudget(_))));
    open.settle(used(400, 0));
    hold(&ledger, 2, 500, 100).await.expect("fits the lower limit").release();
    assert!(matches!(hold(&ledger, 3, 500, 101).await, Err(HoldError::OverBudget(_))));
}

#[tokio::test]
async fn a_hold_settles_in_its_day_and_the_next_day_is_fresh() {
    let ledger = on(&MemoryDisk::default());
    let before_midnight = hold(&ledger, 1, 1_000, 1_000).await.expect("fits");
    let tomorrow = UnixSeconds(NOW.0 + 86_400);
    let mut charges = charge("team/coder", 1_000);
    charges[0].account.day = ledger.today(tomorrow);
    let after =
        ledger.hold(RequestId(2), charges.clone(), Tokens(1_000).into(), tomorrow).await.expect("a new day");
    before_midnight.settle(used(10, 0));
    after.settle(used(20, 0));
    assert_eq!(
        ledger.balances(&[agent("team/coder"), charges[0].account.clone()]),
        [balance(10, 0), balance(20, 0)]
    );

    assert_eq!(ledger.today(NOW), UtcDay(DAY + 1), "a clock that steps back does not reopen a day");
    let late = hold(&ledger, 3, 1_000, 5).await.expect("fits");
    assert_eq!(late.day(), UtcDay(DAY + 1));
    late.settle(used(5, 0));
    assert_eq!(ledger.balance(&charges[0].account), balance(25, 0));
}

#[tokio::test]
async fn a_hold_that_waits_past_midnight_names_the_day_that_it_is_charged_to() {
    let ledger = on(&MemoryDisk::default());
    let evening = hold(&ledger, 1, 100, 80).await.expect("fits");
    let wait = Duration::from_secs(60);
    let waits = ledger.hold_within(RequestId(2), charge("team/coder", 100), Tokens(80).into(), NOW, wait);
    let tomorrow = Account { day: UtcDay(DAY + 1), ..agent("team/coder") };
    let midnight = async {
        let now = UnixSeconds(NOW.0 + 86_400);
        ledger.hold(RequestId(3), Vec::new(), Quantity::ZERO, now).await.expect("is free").release();
    };
    let (waited, ()) = tokio::join!(waits, midnight);
    let waited = waited.expect("a fresh budget");
    assert_eq!(waited.day(), UtcDay(DAY + 1));
    assert_eq!(
        (ledger.balance(&agent("team/coder")), ledger.balance(&tomorrow)),
        (balance(0, 80), balance(0, 80))
    );
    waited.settle(used(10, 5));
    evening.settle(used(20, 5));
    assert_eq!(
        (ledger.balance(&agent("team/coder")), ledger.balance(&tomorrow)),
        (balance(25, 0), balance(15, 0))
    );
}

#[tokio::test]
async fn a_clean_stop_is_exact() {
    let disk = MemoryDisk::default();
    let ledger = on(&disk);
    hold(&ledger, 1, 1_000_000, 5_000).await.expect("fits").settle(used(100, 23));
    let open = hold(&ledger, 2, 1_000_000, 700).await.expect("fits");
    ledger.close().await.expect("close");
    assert_eq!(hold(&ledger, 3, 1_000, 1).await.expect_err("closed"), HoldError::Closed);
    assert_eq!(open.settle(used(1, 0)), Settled::Unknown);
    ledger.close().await.expect("closing twice is closing once");

    let again = on(&disk);
    assert_eq!(again.balance(&agent("team/coder")), balance(823, 0));
    let totals = again.totals(UtcDay(0)..=UtcDay(DAY));
    let (_, totals) = totals.first().expect("one");
    assert_eq!((totals.requests, totals.recovered, totals.estimated), (2, Tokens::ZERO, Tokens(700)));
}

#[tokio::test]
async fn the_last_ledger_to_go_closes() {
    let folder = tempfile::tempdir().expect("folder");
    let open = || Ledger::open(Box::new(SledStore::open(folder.path())?), Settings::default());
    let ledger = open().expect("open");
    let clone = ledger.clone();
    hold(&ledger, 1, 1_000_000, 5_000).await.expect("fits").settle(used(123, 0));
    drop(ledger);
    let in_use = open().expect_err("a clone has it");
    assert!(matches!(in_use, LedgerError::Store(StoreError::InUse { .. })), "{in_use}");
    drop(clone);
    assert_eq!(open().expect("free").balance(&agent("team/coder")), balance(123, 0));
}

#[tokio::test]
async fn totals_reach_the_disk_soon_without_a_stop() {
    let disk = MemoryDisk::default();
    let ledger = on(&disk);
    hold(&ledger, 1, 1_000_000, 5_000).await.expect("fits").settle(used(123, 0));
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if written(&disk) == Some(Tokens(123)) {
            return;
        }
    }
    panic!("after two seconds the disk has {:?}", written(&disk));
}

fn written(disk: &MemoryDisk) -> Option<Tokens> {
    let records = MemoryStore::on(disk).load().expect("load");
    records.first().map(|(_, stored)| stored.totals.usage.input)
}

#[tokio::test]
async fn a_crash_counts_at_most_a_block_too_much_and_nothing_too_little() {
    let disk = MemoryDisk::default();
    let ledger = on(&disk);
    for id in 0..200 {
        hold(&ledger, id, 100_000, 400).await.expect("fits").settle(used(200, 100));
        let open = hold(&ledger, id + 1_000, 100_000, 50).await.expect("fits");

        let after = on(&disk.after_power_cut()).balance(&agent("team/coder")).settled.tokens.0;
        let before = ledger.balance(&agent("team/coder")).used().tokens.0;
        // What was given back by holds since the last write may be counted as well; 100 of each 400.
        assert!(after >= before, "{after} after, {before} before");
        assert!(after <= before + 1_000 + 20_000, "{after} after, {before} before");
        open.release();
    }
}

#[tokio::test]
async fn in_the_common_case_no_hold_waits_for_the_disk() {
    let disk = MemoryDisk::default();
    let ledger = on(&disk);
    for id in 0..5_000 {
        hold(&ledger, id, 50_000_000, 4_000).await.expect("fits").settle(used(900, 100));
    }
    // 5 million tokens by at most 1 % of 50 million each, plus a write every 200 ms and the first steps up.
    assert!(disk.commits() < 100, "{} commits for 5,000 requests", disk.commits());
}

#[tokio::test]
async fn a_disk_that_fails_once_is_not_asked_again() {
    for fault in [Fault::LoseAndFail, Fault::KeepAndFail] {
        let disk = MemoryDisk::default();
        let ledger = on(&disk);
        hold(&ledger, 1, 1_000, 10).await.expect("fits").settle(used(1, 0));
        disk.fail_after(0, fault);
        assert_eq!(hold(&ledger, 2, 1_000, 500).await.expect_err("needs the disk"), HoldError::Unavailable);
        disk.fail_after(0, Fault::None);
        let commits = disk.commits();
        assert_eq!(hold(&ledger, 3, 1_000, 1).await.expect_err("stopped"), HoldError::Unavailable);
        assert_eq!(ledger.failure().as_deref(), Some("the disk failed on request"));
        assert_eq!(ledger.balance(&agent("team/coder")), balance(1, 0), "the one that failed holds nothing");
        ledger.close().await.expect_err("not exact");
        assert_eq!(disk.commits(), commits);
    }
}

/// A store whose commits happen when the test says so.
struct Gated {
    inner: MemoryStore,
    gate: mpsc::Receiver<()>,
}

impl Store for Gated {
    fn load(&mut self) -> Result<Vec<(Account, StoredAccount)>, StoreError> {
        self.inner.load()
    }
    fn commit(&mut self, batch: &[(Account, StoredAccount)]) -> Result<(), StoreError> {
        self.gate.recv().expect("the test panics this store by hanging up");
        self.inner.commit(batch)
    }
    fn prune(&mut self, before: UtcDay) -> Result<(), StoreError> {
        self.inner.prune(before)
    }
    fn close(&mut self) -> Result<(), StoreError> {
        self.inner.close()
    }
}

fn gated() -> (Ledger, mpsc::Sender<()>) {
    gated_with(Settings::default())
}

fn gated_with(settings: Settings) -> (Ledger, mpsc::Sender<()>) {
    let (open, gate) = mpsc::channel();
    let store = Gated { inner: MemoryStore::default(), gate };
    (Ledger::open(Box::new(store), settings).expect("open"), open)
}

#[tokio::test]
async fn a_disk_that_does_not_answer_keeps_nobody_waiting() {
    let settings = Settings { store_answers_within: Duration::from_millis(50), ..Settings::default() };
    let (ledger, gate) = gated_with(settings);
    let refused = hold(&ledger, 1, 1_000, 100).await;
    assert!(matches!(refused, Err(HoldError::Unavailable)), "{refused:?}");
    let reason = ledger.failure().expect("it has failed");
    assert!(reason.starts_with("the disk has not answered for "), "{reason}");
    // It answers after all; what it says now is not believed.
    gate.send(()).expect("a commit");
    assert!(matches!(hold(&ledger, 2, 1_000, 100).await, Err(HoldError::Unavailable)));
    ledger.close().await.expect_err("not exact");
}

#[tokio::test]
async fn a_ledger_on_a_disk_that_does_not_answer_can_be_dropped() {
    let settings = Settings { store_answers_within: Duration::from_millis(50), ..Settings::default() };
    let (ledger, _gate) = gated_with(settings);
    hold(&ledger, 1, 1_000, 100).await.expect_err("no answer");
    drop(ledger);
}

#[tokio::test]
async fn nothing_is_granted_before_its_mark_is_durable() {
    let (ledger, gate) = gated();
    let mut waiting = Box::pin(hold(&ledger, 1, 1_000, 100));
    tokio::time::timeout(Duration::from_millis(100), &mut waiting).await.expect_err("waits for the disk");
    assert_eq!(ledger.balance(&agent("team/coder")), balance(0, 100), "but counts already");
    gate.send(()).expect("a commit");
    waiting.await.expect("durable").release();
    for _ in 0..10 {
        let _ = gate.send(());
    }
}

#[tokio::test]
async fn a_request_that_stops_waiting_holds_nothing() {
    let (ledger, gate) = gated();
    let waiting = hold(&ledger, 1, 1_000, 100);
    tokio::time::timeout(Duration::from_millis(50), waiting).await.expect_err("waits, then gives up");
    assert_eq!(ledger.balance(&agent("team/coder")), Balance::default());
    assert_eq!(ledger.open_holds(), 0);
    for _ in 0..10 {
        gate.send(()).expect("commits");
    }
    hold(&ledger, 1, 1_000, 1_000).await.expect("all is free").release();
}

#[tokio::test]
async fn a_store_that_panics_stops_the_ledger_and_wakes_who_waits() {
    let (ledger, gate) = gated();
    drop(gate);
    assert_eq!(hold(&ledger, 1, 1_000, 100).await.expect_err("no store"), HoldError::Unavailable);
    assert_eq!(ledger.failure().as_deref(), Some("the ledger's thread has ended"));
    ledger.close().await.expect_err("not exact");
}

#[tokio::test]
async fn a_close_that_could_not_write_says_so() {
    let (ledger, gate) = gated();
    gate.send(()).expect("one commit");
    hold(&ledger, 1, 1_000, 100).await.expect("durable").settle(used(1, 0));
    drop(gate);
    ledger.close().await.expect_err("the store panicked");
}

#[tokio::test]
async fn a_corrupt_record_is_an_error_and_not_a_fresh_budget() {
    let disk = MemoryDisk::default();
    let ledger = on(&disk);
    hold(&ledger, 1, 1_000, 100).await.expect("fits").settle(used(100, 0));
    ledger.close().await.expect("close");
    disk.corrupt(&agent("team/coder"));
    let error = Ledger::open(Box::new(MemoryStore::on(&disk)), Settings::default()).expect_err("corrupt");
    assert!(error.to_string().contains("agent `team/coder` on 2026-11-23"), "{error}");
}

#[tokio::test]
async fn old_days_are_forgotten_and_stay_closed() {
    let disk = MemoryDisk::default();
    let settings = Settings { keep_days: 2, ..Settings::default() };
    let ledger = Ledger::open(Box::new(MemoryStore::on(&disk)), settings).expect("open");
    for day in 0..4 {
        let now = UnixSeconds(NOW.0 + day * 86_400);
        let hold = ledger
            .hold(RequestId(1), charge("team/coder", 1_000), Tokens(10).into(), now)
            .await
            .expect("fits");
        hold.settle(used(10, 0));
        // The owner forgets between two commits.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ledger.close().await.expect("close");
    let days: Vec<_> = MemoryStore::on(&disk).load().expect("load").iter().map(|(a, _)| a.day.0).collect();
    assert_eq!(days, [DAY + 2, DAY + 3]);
    let late = on(&disk);
    assert_eq!(hold(&late, 1, 1_000, 10).await.expect("fits").day(), UtcDay(DAY + 3));
}

#[tokio::test(start_paused = true)]
async fn a_patient_hold_waits_for_room_and_no_longer_than_it_said() {
    let ledger = on(&MemoryDisk::default());
    let wait = |id, tokens: u64, patience| {
        let (ledger, charges) = (ledger.clone(), charge("team/coder", 1_000));
        async move { ledger.hold_within(RequestId(id), charges, Tokens(tokens).into(), NOW, patience).await }
    };
    let first = hold(&ledger, 1, 1_000, 900).await.expect("fits");
    let second = tokio::spawn(wait(2, 500, Duration::from_secs(2)));
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    assert!(!second.is_finished());
    first.settle(used(100, 0));
    let second = second.await.expect("no panic").expect("there is room now");
    assert_eq!(ledger.balance(&agent("team/coder")), balance(100, 500));

    let started = tokio::time::Instant::now();
    let late = wait(3, 500, Duration::from_secs(2)).await.expect_err("nobody ends");
    assert_eq!(started.elapsed(), Duration::from_secs(2));
    let HoldError::OverBudget(shortage) = late else { panic!("{late}") };
    assert!(shortage.is_held_by_others(), "{shortage}");
    let never = wait(4, 901, Duration::from_secs(2)).await.expect_err("more than what is left of the day");
    assert_eq!(started.elapsed(), Duration::from_secs(2), "no wait can help");
    let HoldError::OverBudget(shortage) = never else { panic!("{never}") };
    assert!(!shortage.is_held_by_others(), "{shortage}");

    drop(second);
    assert_eq!((ledger.open_holds(), ledger.balance(&agent("team/coder"))), (0, balance(600, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_patient_hold_that_is_dropped_leaves_nothing_behind() {
    let ledger = on(&MemoryDisk::default());
    let first = hold(&ledger, 1, 1_000, 900).await.expect("fits");
    let waiting = ledger.hold_within(
        RequestId(2),
        charge("team/coder", 1_000),
        Tokens(500).into(),
        NOW,
        Duration::from_secs(60),
    );
    let given_up = tokio::time::timeout(Duration::from_millis(10), waiting).await;
    assert!(given_up.is_err());
    first.release();
    assert_eq!((ledger.open_holds(), ledger.balance(&agent("team/coder"))), (0, balance(0, 0)));
    hold(&ledger, 2, 1_000, 1_000).await.expect("all of it is free").release();
}
