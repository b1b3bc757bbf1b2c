//! Disks that fail: wherever the fault comes, nothing more is granted, and what was settled is there afterwards.

use crate::worker::{Said, Work, Worker, sums};
use crate::{BLOCK, Disk, Random};

const REQUESTS: u64 = 12;

#[derive(Debug, PartialEq, Eq)]
enum Met {
    /// The fault came, and the ledger stopped or never started.
    Fault,
    /// There are fewer such calls than that.
    Nothing,
}

/// One run with one fault.
async fn fail(call: &str, at: u64, error: &str) -> Met {
    let fault = format!("{call}:{at}:{error}");
    let disk = Disk::new();
    let work = Work { tasks: 1, requests: REQUESTS, seed: at, disk: &[("DISK_FAILS", &fault)] };
    let said = Worker::start(&disk, &work).finish();
    let met = match said.last() {
        Some(Said::Closed) => Met::Nothing,
        Some(Said::NotClosed(why) | Said::NotOpened(why)) => {
            assert!(why.len() > 10, "{fault}: {why}");
            Met::Fault
        }
        other => panic!("{fault}: it ended without a word: {other:?}"),
    };
    let mut refusals = said.iter().skip_while(|said| !matches!(said, Said::Refused { .. }));
    assert!(
        !refusals.any(|said| matches!(said, Said::Granted { .. })),
        "{fault}: a grant after a refusal: {said:?}"
    );
    if met == Met::Nothing {
        assert_eq!(sums(&said).granted as u64, REQUESTS, "{fault}");
    }

    // The process is started again on a disk that works: after a power cut or without one.
    let now = sums(&said);
    for cut in [false, true] {
        if cut {
            disk.lose_power(&mut Random(at));
        }
        let after = disk.recovered(&fault).await;
        assert!(after >= now.settled, "{fault}: {after} of {} are left, power cut: {cut}", now.settled);
        assert!(after <= now.settled + now.open + BLOCK, "{fault}: {after} for {}", now.settled);
    }
    met
}

/// Every call that a run of the ledger makes, one fault in each.
#[tokio::test]
async fn a_fault_at_any_call_to_the_disk_stops_granting_and_loses_nothing() {
    let mut counts = Vec::new();
    for (call, error) in [
        ("write", "EIO"),
        ("write", "ENOSPC"),
        ("sync_file_range", "EIO"),
        ("fdatasync", "EIO"),
        ("fdatasync", "ENOSPC"),
        ("fsync", "EIO"),
        ("rename", "EIO"),
    ] {
        let mut at = 1;
        while fail(call, at, error).await == Met::Fault {
            at += 1;
        }
        counts.push(format!("{call} {error}: {}", at - 1));
    }
    println!("places of faults: {}", counts.join(", "));
}
