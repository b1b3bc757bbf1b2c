//! Where marks and totals survive: the trait, its errors, and the suite that every store passes.

pub mod memory;
pub mod sled;

use std::io;
use std::path::PathBuf;

use pai_bundle::unit::UtcDay;

use crate::account::Account;
use crate::record::{RecordError, StoredAccount};

/// Keeps a record per account. One thread owns it, so nothing here is shared.
///
/// After any error but [`StoreError::InUse`] the ledger stops granting and never tries again: a second sync that
/// succeeds says nothing about what the first one lost (`PostgreSQL` stops the server for that reason since 2018).
pub trait Store: Send {
    /// All records. One that cannot be read is an error, not an account at zero.
    fn load(&mut self) -> Result<Vec<(Account, StoredAccount)>, StoreError>;

    /// Replaces these records, all or none. When it returns they survive a power cut.
    fn commit(&mut self, batch: &[(Account, StoredAccount)]) -> Result<(), StoreError>;

    /// Forgets the accounts of days before this one. Need not be durable at once.
    fn prune(&mut self, before: UtcDay) -> Result<(), StoreError>;

    /// The last call.
    fn close(&mut self) -> Result<(), StoreError>;
}

/// A store cannot keep its promise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another ledger has it open.
    #[error("the ledger in `{path}` is in use by another process; a ledger has one owner")]
    InUse {
        /// The ledger's folder.
        path: PathBuf,
    },
    /// A record is torn or changed.
    #[error(transparent)]
    Corrupt(#[from] CorruptRecord),
    /// The operating system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The embedded database refused.
    #[error("cannot {action} the database in `{path}`")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The ledger's folder.
        path: PathBuf,
        /// Why not.
        source: ::sled::Error,
    },
    /// A fault that a test asked for.
    #[error("the disk failed on request")]
    Injected,
}

/// A record that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger's record of {name} cannot be trusted: {cause}")]
pub struct CorruptRecord {
    /// The account; `None` where the key is what is wrong.
    pub account: Option<Account>,
    /// The account for people, or the key.
    pub name: String,
    /// What is wrong with it.
    pub cause: RecordError,
}

/// A record of a store, or what is wrong with it.
pub type ReadRecord = Result<(Account, StoredAccount), CorruptRecord>;

/// A key and value as an account, or an error that names the account.
pub(crate) fn read_record(key: &[u8], value: &[u8]) -> ReadRecord {
    crate::record::read(key, value).map_err(|cause| {
        let account = crate::record::read_key(key).ok();
        let name = account.as_ref().map_or_else(|| format!("the key {key:02x?}"), ToString::to_string);
        CorruptRecord { account, name, cause }
    })
}

/// What every store promises. `reopen` is a process that ends without a word and starts again.
#[cfg(test)]
pub(crate) mod suite {
    use pai_bundle::limit::Scope;
    use pai_bundle::unit::Tokens;

    use super::*;

    pub(crate) fn record(name: &str, day: u32, mark: u64) -> (Account, StoredAccount) {
        let account = Account { scope: Scope::Agent, name: name.into(), day: UtcDay(day) };
        (account, StoredAccount { sequence: 1, mark: Tokens(mark).into(), ..StoredAccount::default() })
    }

    pub(crate) fn passes<S: Store>(mut reopen: impl FnMut(Option<S>) -> S) {
        let mut store = reopen(None);
        assert_eq!(store.load().expect("load"), [], "a new store is empty");

        store.commit(&[record("b", 1, 10), record("a", 2, 20)]).expect("commit");
        store.commit(&[record("b", 1, 30)]).expect("commit");
        store.commit(&[]).expect("an empty batch is nothing");
        let mut store = reopen(Some(store));
        assert_eq!(
            store.load().expect("load"),
            [record("b", 1, 30), record("a", 2, 20)],
            "the last one counts"
        );

        store.prune(UtcDay(2)).expect("prune");
        assert_eq!(store.load().expect("load"), [record("a", 2, 20)], "only older days are forgotten");

        let large: Vec<_> = (0..5_000).map(|n| record(&format!("agent-{n:04}"), 3, n)).collect();
        store.commit(&large).expect("commit");
        store.prune(UtcDay(3)).expect("prune");
        store.close().expect("close");
        let mut store = reopen(Some(store));
        assert_eq!(store.load().expect("load"), large);
    }
}
