//! A store in memory, with a disk that fails on request: for tests and for gateways that need no memory of yesterday.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pai_bundle::unit::UtcDay;

use crate::account::Account;
use crate::record::{self, StoredAccount};
use crate::store::{Store, StoreError, read_record};

/// How the disk fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    #[default]
    None,
    /// A commit fails and leaves nothing behind.
    LoseAndFail,
    /// A commit fails although everything was written: the sync was interrupted after it had worked.
    KeepAndFail,
    /// A commit says that it worked and keeps nothing. No store may do this; tests break the promise with it.
    LoseAndLie,
}

/// What survives a store. Stores on clones of a disk share it, one after the other.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    commits: u64,
    fault: Fault,
    fault_after: u64,
}

impl MemoryDisk {
    /// From the `n`-th commit from now on (0 is the next), commits fail in this way.
    pub fn fail_after(&self, n: u64, fault: Fault) {
        let mut contents = self.contents();
        contents.fault = fault;
        contents.fault_after = contents.commits.saturating_add(n);
    }

    /// How many commits were tried.
    pub fn commits(&self) -> u64 {
        self.contents().commits
    }

    /// A copy of what a power cut would leave now, without faults.
    #[must_use]
    pub fn after_power_cut(&self) -> Self {
        let records = self.contents().records.clone();
        Self(Arc::new(Mutex::new(Contents { records, ..Contents::default() })))
    }

    /// Flips one bit of an account's record.
    pub fn corrupt(&self, account: &Account) {
        if let Some(byte) = self.contents().records.get_mut(&record::key(account)).and_then(|v| v.last_mut())
        {
            *byte ^= 1;
        }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store on a [`MemoryDisk`]; the default one is on a disk of its own.
#[derive(Debug, Default)]
pub struct MemoryStore {
    disk: MemoryDisk,
}

impl MemoryStore {
    /// A store that reads and writes this disk.
    pub fn on(disk: &MemoryDisk) -> Self {
        Self { disk: disk.clone() }
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Vec<(Account, StoredAccount)>, StoreError> {
        let contents = self.disk.contents();
        contents.records.iter().map(|(key, value)| Ok(read_record(key, value)?)).collect()
    }

    fn commit(&mut self, batch: &[(Account, StoredAccount)]) -> Result<(), StoreError> {
        let mut contents = self.disk.contents();
        let fault = if contents.commits < contents.fault_after { Fault::None } else { contents.fault };
        contents.commits += 1;
        if matches!(fault, Fault::None | Fault::KeepAndFail) {
            for (account, stored) in batch {
                contents.records.insert(record::key(account), record::value(account, stored));
            }
        }
        match fault {
            Fault::None | Fault::LoseAndLie => Ok(()),
            Fault::LoseAndFail | Fault::KeepAndFail => Err(StoreError::Injected),
        }
    }

    fn prune(&mut self, before: UtcDay) -> Result<(), StoreError> {
        let mut contents = self.disk.contents();
        let kept = contents.records.split_off(record::day_prefix(before).as_slice());
        drop(mem::replace(&mut contents.records, kept));
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pai_bundle::unit::Tokens;

    use super::*;
    use crate::store::suite;

    #[test]
    fn passes_the_suite() {
        let disk = MemoryDisk::default();
        suite::passes(|_| MemoryStore::on(&disk));
    }

    #[test]
    fn a_corrupt_record_is_named() {
        let disk = MemoryDisk::default();
        let mut store = MemoryStore::on(&disk);
        let (account, stored) = suite::record("team/coder", 20_780, 7);
        store.commit(&[(account.clone(), stored)]).expect("commit");
        disk.corrupt(&account);
        let error = store.load().expect_err("corrupt").to_string();
        assert_eq!(
            error,
            "the ledger's record of agent `team/coder` on 2026-11-23 cannot be trusted: its checksum does not match"
        );
    }

    #[test]
    fn a_fault_starts_at_the_commit_asked_for() {
        let disk = MemoryDisk::default();
        disk.fail_after(1, Fault::KeepAndFail);
        let mut store = MemoryStore::on(&disk);
        store.commit(&[suite::record("a", 1, 1)]).expect("the first is good");
        store.commit(&[suite::record("a", 1, 2)]).expect_err("the second is not");
        let left = MemoryStore::on(&disk.after_power_cut()).load().expect("load");
        assert_eq!(left.first().map(|(_, stored)| stored.mark.tokens), Some(Tokens(2)));
    }
}
