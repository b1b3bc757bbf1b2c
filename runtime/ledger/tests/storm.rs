//! Many requests at once: the limit holds at every moment that anyone looks.

#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use pai_ledger::{
    Account, Balance, Charge, HoldError, Ledger, MemoryStore, Quantity, RequestId, Settings, Settlement,
    SledStore, Store, Usage,
};
use tokio::sync::Barrier;

const NOW: UnixSeconds = UnixSeconds(1_795_392_000);

fn charge(scope: Scope, name: &str, limit: Option<u64>) -> Charge {
    let account = Account { scope, name: name.into(), day: UtcDay(20_780) };
    Charge { account, limit: limit.map(Tokens).into() }
}

fn open(store: impl Store + 'static) -> Ledger {
    Ledger::open(Box::new(store), Settings::default()).expect("open")
}

/// Looks at the account without pause until told to stop; returns the most that was ever used.
fn watch(ledger: &Ledger, account: &Account, stop: &Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    let (ledger, account, stop) = (ledger.clone(), account.clone(), Arc::clone(stop));
    thread::spawn(move || {
        let mut most = 0;
        while !stop.load(Ordering::Relaxed) {
            most = most.max(ledger.balance(&account).used().tokens.0);
            thread::yield_now();
        }
        most
    })
}

async fn of_a_thousand_ten_are_granted(ledger: Ledger) {
    let provider = charge(Scope::Provider, "team/claude", Some(10_000));
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch(&ledger, &provider.account, &stop);
    let all_tried = Arc::new(Barrier::new(1_000));
    let tasks: Vec<_> = (0..1_000)
        .map(|id| {
            let charges =
                vec![provider.clone(), charge(Scope::Agent, &format!("team/agent-{}", id % 7), None)];
            let (ledger, all_tried) = (ledger.clone(), Arc::clone(&all_tried));
            tokio::spawn(async move {
                let outcome = ledger.hold(RequestId(id), charges, Tokens(1_000).into(), NOW).await;
                all_tried.wait().await;
                match outcome {
                    Ok(hold) => {
                        hold.settle_in_full();
                        1
                    }
                    Err(HoldError::OverBudget(_)) => 0,
                    Err(error) => panic!("{error}"),
                }
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += task.await.expect("task");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(watcher.join().expect("watcher") <= 10_000);
    assert_eq!(granted, 10);
    assert_eq!(
        ledger.balance(&provider.account),
        Balance { settled: Tokens(10_000).into(), held: Quantity::ZERO }
    );
    ledger.close().await.expect("close");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_and_room_for_ten() {
    of_a_thousand_ten_are_granted(open(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_and_room_for_ten_on_disk() {
    let folder = tempfile::tempdir().expect("folder");
    of_a_thousand_ten_are_granted(open(SledStore::open(folder.path()).expect("store"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_given_back_is_used_again_and_the_sum_is_exact() {
    let folder = tempfile::tempdir().expect("folder");
    let ledger = open(SledStore::open(folder.path()).expect("store"));
    let provider = charge(Scope::Provider, "team/claude", Some(200_000));
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch(&ledger, &provider.account, &stop);
    let sum = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..64_u128)
        .map(|task| {
            let (ledger, sum) = (ledger.clone(), Arc::clone(&sum));
            let charges =
                vec![provider.clone(), charge(Scope::AccessKey, &format!("team/key-{task}"), Some(50_000))];
            tokio::spawn(async move {
                for turn in 0..200_u64 {
                    let tokens = 500 + (turn * 37) % 900;
                    let id = RequestId(task * 1_000 + u128::from(turn));
                    let Ok(hold) = ledger.hold(id, charges.clone(), Tokens(tokens).into(), NOW).await else {
                        continue;
                    };
                    tokio::task::yield_now().await;
                    match turn % 10 {
                        0 => hold.release(),
                        1 => {
                            sum.fetch_add(tokens, Ordering::Relaxed);
                            drop(hold);
                        }
                        _ => {
                            let usage = Usage { output: Tokens(tokens / 40), ..Usage::default() };
                            sum.fetch_add(tokens / 40, Ordering::Relaxed);
                            hold.settle(Settlement { usage, ..Settlement::default() });
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("task");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(watcher.join().expect("watcher") <= 200_000);
    let sum = Tokens(sum.load(Ordering::Relaxed));
    assert_eq!(ledger.balance(&provider.account), Balance { settled: sum.into(), held: Quantity::ZERO });
    assert_eq!((ledger.open_holds(), ledger.breaches(), ledger.failure()), (0, 0, None));
    drop(ledger);
    let again = open(SledStore::open(folder.path()).expect("store"));
    assert_eq!(again.balance(&provider.account).settled, sum.into(), "a clean stop is exact");
}
