//! What the ledger adds to a request: CPU time of a hold and its settlement, one after the other, and how many of them
//! become durable in a second when 64 tasks ask at once. On the embedded store, with syncs, in a folder of its own.
//!
//! `cargo bench -p pai-ledger --bench settle [-- FOLDER]`: below FOLDER, or below `target`. It has to be on a disk; in memory,
//! as `/tmp` often is, a sync costs nothing. Reads `/proc`, so on Linux only. Aims: at most 10 µs of CPU, at least 20,000 a
//! second.

#![expect(clippy::print_stdout, reason = "figures on standard output are what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::{Tokens, UnixSeconds, UtcDay};
use pai_ledger::{
    Account, Caps, Charge, HoldError, Ledger, Quantity, RequestId, Settings, Settlement, SledStore, Usage,
};

const NOW: UnixSeconds = UnixSeconds(1_795_392_000);
/// Callers, each with accounts of its own beside the ones that all share.
const CALLERS: usize = 1_000;
/// The fastest round counts, since everything else on the machine only adds; the median says how noisy it was.
const ROUNDS: usize = 7;
/// Some 300 ms, in which 100 ticks of a second leave 3 %.
const REQUESTS_PER_ROUND: u64 = 100_000;
const TASKS: usize = 64;
const STORM: Duration = Duration::from_secs(3);
/// Clock ticks of `/proc/PID/stat` in a second: 100 for every program on Linux, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a request is charged to.
#[derive(Debug, Clone, Copy)]
enum Accounts {
    /// As an access key's: the provider, its external use, the key.
    Three,
    /// One more.
    Four,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let below = arguments.first().map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = tempfile::tempdir_in(below)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(cpu_of_a_request(&folder.path().join("alone")))?;
    runtime.block_on(settlements_per_second(&folder.path().join("storm")))
}

fn open(folder: &Path) -> Result<Ledger, Box<dyn Error>> {
    Ok(Ledger::open(Box::new(SledStore::open(folder)?), Settings::default())?)
}

/// Every account has caps on tokens and on money, none of which is ever reached.
fn charges(accounts: Accounts, caller: usize) -> Vec<Charge> {
    let limit = Caps { tokens: Some(Tokens(1 << 50)), cost: Some(NanoUsd(1 << 60)) };
    let charge = |scope, name: String| Charge {
        account: Account { scope, name: name.into(), day: UtcDay::containing(NOW) },
        limit,
    };
    let mut charges = vec![
        charge(Scope::Provider, "team/claude".to_owned()),
        charge(Scope::ProviderExternal, "team/claude".to_owned()),
        charge(Scope::AccessKey, format!("team/key-{caller}")),
    ];
    if matches!(accounts, Accounts::Four) {
        charges.push(charge(Scope::Agent, format!("team/agent-{caller}")));
    }
    charges
}

/// One request, as far as the ledger has to do with it.
async fn request(ledger: &Ledger, id: u128, charges: Vec<Charge>) -> Result<(), HoldError> {
    let held = Quantity { tokens: Tokens(4_000), cost: NanoUsd(40_000_000) };
    let granted = ledger.hold(RequestId(id), charges, held, NOW).await?;
    let usage = Usage { input: Tokens(900), output: Tokens(100), ..Usage::default() };
    granted.settle(Settlement { usage, cost: NanoUsd(4_200_000), estimated: false });
    Ok(())
}

/// One after the other, with all that the owner's thread does meanwhile.
async fn cpu_of_a_request(folder: &Path) -> Result<(), Box<dyn Error>> {
    let ledger = open(folder)?;
    let kinds = [Accounts::Three, Accounts::Four].map(|accounts| {
        let callers: Vec<_> = (0..CALLERS).map(|caller| charges(accounts, caller)).collect();
        (accounts, callers)
    });
    let mut rounds = kinds.each_ref().map(|_| Vec::new());
    let mut id = 0;
    for _ in 0..ROUNDS {
        for ((_, callers), rounds) in kinds.iter().zip(&mut rounds) {
            let before = cpu_seconds()?;
            for charges in callers.iter().cycle().take(usize::try_from(REQUESTS_PER_ROUND)?) {
                id += 1;
                request(&ledger, id, charges.clone()).await?;
            }
            rounds.push((cpu_seconds()? - before) * 1e6 / REQUESTS_PER_ROUND as f64);
        }
    }
    ledger.close().await?;
    println!("CPU of the whole process for a hold and its settlement:");
    for ((accounts, _), mut rounds) in kinds.into_iter().zip(rounds) {
        rounds.sort_unstable_by(f64::total_cmp);
        let [fastest, median] = [0, ROUNDS / 2].map(|at| rounds.get(at).copied().unwrap_or(f64::NAN));
        println!("  {accounts:>5?} accounts: {fastest:.1} µs (median {median:.1})");
    }
    Ok(())
}

/// All at once; counted again in what a restart finds.
async fn settlements_per_second(folder: &Path) -> Result<(), Box<dyn Error>> {
    let ledger = open(folder)?;
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let tasks: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(requests(ledger.clone(), task, started))).collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    ledger.close().await?;
    let (elapsed, cpu) = (started.elapsed(), cpu_seconds()? - cpu);
    drop(ledger);

    let day = UtcDay::containing(NOW);
    let again = open(folder)?.totals(day..=day);
    let provider = again.iter().find(|(account, _)| account.scope == Scope::Provider);
    let durable = provider.map_or(0, |(_, totals)| totals.requests);
    if durable != waits.len() as u64 {
        return Err(format!("{} settled, and a restart finds {durable}", waits.len()).into());
    }
    waits.sort_unstable();
    let at = |permille: usize| waits.get(waits.len() * permille / 1_000).copied().unwrap_or_default();
    println!("{TASKS} tasks at once, three accounts each, closed and found again:");
    println!("  {:.0} durable settlements a second", durable as f64 / elapsed.as_secs_f64());
    println!("  {:.1} µs of CPU each", cpu * 1e6 / durable as f64);
    println!("  a hold takes {:?} (p50), {:?} (p99), {:?} (p99.9)", at(500), at(990), at(999));
    Ok(())
}

/// Returns how long each hold took.
async fn requests(ledger: Ledger, task: usize, started: Instant) -> Result<Vec<Duration>, HoldError> {
    let mut waits = Vec::new();
    let charges = charges(Accounts::Three, task);
    for turn in 0_u128.. {
        if started.elapsed() > STORM {
            break;
        }
        let asked = Instant::now();
        let held = Quantity { tokens: Tokens(4_000), cost: NanoUsd(40_000_000) };
        let granted = ledger.hold(RequestId((task as u128) << 64 | turn), charges.clone(), held, NOW).await?;
        waits.push(asked.elapsed());
        // Others hold at the same time, as in a gateway.
        tokio::task::yield_now().await;
        let usage = Usage { input: Tokens(900), output: Tokens(100), ..Usage::default() };
        granted.settle(Settlement { usage, cost: NanoUsd(4_200_000), estimated: false });
    }
    Ok(waits)
}

/// CPU time of this process so far, of all its threads, in user and kernel mode.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is a name that may hold spaces; utime and stime are the 14th and 15th.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
    Ok(f64::from(ticks.sum::<u32>()) / TICKS_PER_SECOND)
}
