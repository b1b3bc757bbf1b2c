//! Holds and settlements per second on the embedded store: 64 tasks, three accounts each, for two seconds.
//!
//! `cargo run --release -p pai-ledger --example throughput -- FOLDER`, with a folder on the disk to measure.

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_ledger::{Account, Charge, Ledger, RequestId, Settings, Settlement, SledStore, Usage};

const TASKS: u128 = 64;
const NOW: UnixSeconds = UnixSeconds(1_795_392_000);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("say in which folder")?;
    let ledger = Ledger::open(Box::new(SledStore::open(folder)?), Settings::default())?;
    let started = Instant::now();
    let tasks: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(requests(ledger.clone(), task, started))).collect();
    let (mut settled, mut waits) = (0, Vec::new());
    for task in tasks {
        let of_task = task.await??;
        settled += of_task.len();
        waits.extend(of_task);
    }
    let elapsed = started.elapsed();
    waits.sort_unstable();
    let at = |permille: usize| waits.get(waits.len() * permille / 1_000).copied().unwrap_or_default();
    let per_second = settled as u128 * 1_000 / elapsed.as_millis().max(1);
    writeln!(
        std::io::stdout(),
        "{per_second} settled/s; hold p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500),
        at(990),
        at(999)
    )?;
    ledger.close().await?;
    Ok(())
}

/// Returns how long each hold took.
async fn requests(
    ledger: Ledger,
    task: u128,
    started: Instant,
) -> Result<Vec<Duration>, pai_ledger::HoldError> {
    let charge = |scope, name: &str, limit: Option<Tokens>| Charge {
        account: Account { scope, name: name.to_owned(), day: ledger.today(NOW) },
        limit: limit.into(),
    };
    let charges = vec![
        charge(Scope::Provider, "team/claude", Some(Tokens(u64::MAX / 4))),
        charge(Scope::ProviderExternal, "team/claude", None),
        charge(Scope::AccessKey, &format!("team/key-{task}"), Some(Tokens(20_000_000_000))),
    ];
    let mut waits = Vec::new();
    for turn in 0.. {
        if started.elapsed() > Duration::from_secs(2) {
            break;
        }
        let asked = Instant::now();
        let hold =
            ledger.hold(RequestId(task << 64 | turn), charges.clone(), Tokens(4_000).into(), NOW).await?;
        waits.push(asked.elapsed());
        tokio::task::yield_now().await;
        let usage = Usage { input: Tokens(900), output: Tokens(100), ..Usage::default() };
        hold.settle(Settlement { usage, ..Settlement::default() });
    }
    Ok(waits)
}
