//! The ledger on disks that lose power and that fail: in processes of their own, because only those can die.

#![cfg(all(test, target_os = "linux"))]
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot set up has to stop")]

mod broken;
mod power;
mod preload;
mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::{Ledger, Settings, SledStore};
use tempfile::TempDir;

use crate::worker::LIMIT;

/// The time at which everything happens.
const NOW: UnixSeconds = UnixSeconds(1_795_392_000);
/// The most that an account is ahead of its use.
const BLOCK: u64 = LIMIT / 100;
/// What a disk writes whole.
const SECTOR: usize = 512;

/// A folder on a disk, and what a power cut would leave of it.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir(disk.folder()).expect("a folder");
        fs::create_dir(disk.durable()).expect("a folder");
        disk
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("folder")
    }

    fn durable(&self) -> PathBuf {
        self.0.path().join("durable")
    }

    /// The power goes: of what was not synced each sector is there or is not.
    fn lose_power(&self, random: &mut Random) {
        let kept = [0, random.below(101), 100][usize::try_from(random.below(3)).expect("small")];
        for file in files(&self.folder()) {
            let name = file.strip_prefix(self.folder()).expect("below");
            let twin = self.durable().join(name);
            let written = fs::read(&file).expect("read");
            let Ok(mut left) = fs::read(&twin) else {
                // Never synced: at best its name is there.
                fs::remove_file(&file).expect("removed");
                continue;
            };
            if random.below(100) < kept {
                left.resize(written.len(), 0);
            }
            for (old, new) in left.chunks_mut(SECTOR).zip(written.chunks(SECTOR)) {
                if random.below(100) < kept {
                    let length = old.len().min(new.len());
                    old[..length].copy_from_slice(&new[..length]);
                }
            }
            fs::write(&file, &left).expect("written");
            fs::write(&twin, &left).expect("written");
        }
    }

    /// The total of the one agent, as a ledger that opens here finds it; and that it grants again.
    async fn recovered(&self, context: &str) -> u64 {
        let path = self.folder().join("ledger");
        let store = SledStore::open(path).unwrap_or_else(|error| panic!("{context}: {error:?}"));
        let ledger = Ledger::open(Box::new(store), Settings::default()).expect("the ledger opens");
        let totals = ledger.totals(UtcDay(0)..=UtcDay(u32::MAX));
        let of_accounts: Vec<_> = totals.iter().map(|(_, totals)| totals.tokens().0).collect();
        ledger
            .hold(worker::fresh_id(), worker::charges(), worker::tokens(1), NOW)
            .await
            .expect("granted")
            .release();
        ledger.close().await.expect("closed");
        // Both accounts count every request.
        let (least, most) = (of_accounts.iter().min(), of_accounts.iter().max());
        assert!(most.zip(least).is_none_or(|(most, least)| most - least <= BLOCK), "{of_accounts:?}");
        least.copied().unwrap_or(0)
    }

    /// Makes what is there durable, as a ledger that was opened and closed without a fault leaves it.
    fn settle(&self) {
        for file in files(&self.folder()) {
            let twin = self.durable().join(file.strip_prefix(self.folder()).expect("below"));
            fs::create_dir_all(twin.parent().expect("a folder")).expect("a folder");
            fs::copy(file, twin).expect("copied");
        }
        for twin in files(&self.durable()) {
            if !self.folder().join(twin.strip_prefix(self.durable()).expect("below")).exists() {
                fs::remove_file(twin).expect("removed");
            }
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A small generator, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
