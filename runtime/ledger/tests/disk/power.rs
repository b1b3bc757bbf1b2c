//! Power cuts at random moments, on one disk after the other: no settled token is ever lost.

use std::thread;
use std::time::Duration;

use crate::worker::{Said, Work, Worker, sums};
use crate::{BLOCK, Disk, Random};

/// So many cuts meet one and the same folder, so that recovered ledgers are cut as well.
const CUTS_OF_A_DISK: u64 = 10;

/// How often to cut: few times in every run, and as often as asked for by hand.
fn cuts() -> u64 {
    std::env::var("PAI_POWER_CUTS").ok().and_then(|cuts| cuts.parse().ok()).unwrap_or(40)
}

/// What cuts have lost and added.
#[derive(Debug, Default)]
struct Outcome {
    settled: u64,
    /// Settled tokens that were gone, per cut in which some were.
    lost: Vec<u64>,
    /// Tokens counted that nobody used, per cut.
    over: Vec<u64>,
}

async fn lose_power(cuts: u64, seed: u64, disk: &[(&str, &str)]) -> Outcome {
    let mut random = Random(seed);
    let mut outcome = Outcome::default();
    let mut place = Disk::new();
    let mut before = 0;
    for cut in 0..cuts {
        if cut % CUTS_OF_A_DISK == 0 {
            place = Disk::new();
            before = 0;
        }
        let mut worker =
            Worker::start(&place, &Work { tasks: 6, requests: 1_000_000, seed: seed ^ cut, disk });
        // One in five while the ledger is opened, the others under load.
        if random.below(5) > 0 {
            worker.wait_for(|said| matches!(said, Said::Settled { .. }));
        }
        thread::sleep(Duration::from_micros(random.below(60_000)));
        let said = worker.kill();
        assert!(
            !said.iter().any(|said| matches!(said, Said::NotOpened(_) | Said::Refused { .. })),
            "{said:?}"
        );
        let now = sums(&said);
        place.lose_power(&mut random);
        let after = place.recovered(&format!("cut {cut}")).await;
        place.settle();
        let must = before + now.settled;
        if after < must {
            outcome.lost.push(must - after);
        }
        let over = after.saturating_sub(must);
        assert!(over <= now.open + BLOCK, "cut {cut}: {over} too many, {} open", now.open);
        outcome.over.push(over);
        outcome.settled += now.settled;
        before = after;
    }
    outcome
}

#[tokio::test]
async fn a_power_cut_loses_no_settled_token() {
    let mut outcome = lose_power(cuts(), 0x9e37_79b9_7f4a_7c15, &[]).await;
    assert_eq!(outcome.lost, [] as [u64; 0], "tokens lost, by cut");
    assert!(outcome.settled > 0, "nothing was at stake");
    outcome.over.sort_unstable();
    let over = &outcome.over;
    println!(
        "{} power cuts, {} tokens settled, none lost; counted too many: median {}, most {}; one block is {BLOCK}",
        over.len(),
        outcome.settled,
        over[over.len() / 2],
        over[over.len() - 1],
    );
}

/// The test above can fail: with the syncs of sled alone, which is what is left when ours makes nothing durable.
#[tokio::test]
async fn without_its_own_sync_the_ledger_would_lose_tokens() {
    let outcome = lose_power(10, 7, &[("DISK_IGNORES", "fdatasync")]).await;
    assert!(
        !outcome.lost.is_empty(),
        "plain flush() would be enough, or the disk plays nothing: {outcome:?}"
    );
    println!(
        "without fdatasync tokens were lost in {} of 10 power cuts: {:?}",
        outcome.lost.len(),
        outcome.lost
    );
}
