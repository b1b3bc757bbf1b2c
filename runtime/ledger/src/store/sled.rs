//! The embedded store: sled 0.34.7, with the syncs that it leaves out.
//!
//! sled's own `flush` ends in `sync_file_range`, which leaves the disk's write cache and the file's size alone
//! (sled issues 1351 and 1452): in a model of power cuts, writes that it had confirmed were missing in 49 of 49 runs,
//! and in 0 of 49 with one `fdatasync` of our own after it. So `flush` here is always followed by that.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use pai_bundle::unit::UtcDay;

use crate::account::Account;
use crate::record::{self, StoredAccount};
use crate::store::{ReadRecord, Store, StoreError, read_record};

/// sled's default is 1 GiB. Reads only happen when the ledger is opened, so what it takes to write is enough.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// sled's folder below the ledger's.
const DATABASE: &str = "sled";
/// Records deleted in one step of pruning.
const PRUNE_RECORDS: usize = 1_000;
/// sled lets go of its own lock a moment after it was dropped; ours is the one that tells processes apart.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A ledger's folder: our lock, and sled's files below it.
#[derive(Debug)]
pub struct SledStore {
    // Dropped in this order: the database before the lock that guards it.
    db: sled::Db,
    data: File,
    path: PathBuf,
    _lock: File,
}

impl SledStore {
    /// Opens the ledger in the folder `path`, which is created if it is not there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        fs::create_dir_all(path).map_err(io("create", path))?;
        let lock = lock(path)?;
        let folder = path.join(DATABASE);
        if !folder.exists() {
            create_database(path, &folder)?;
        }
        remove_unfinished_snapshots(&folder)?;
        let db = open_database(path, &folder)?;
        let data = open_data(&folder)?;
        let store = Self { db, data, path: path.to_owned(), _lock: lock };
        store.sync("open")?;
        Ok(store)
    }

    /// Whether there is a ledger in the folder `path`, which [`SledStore::open`] would otherwise make.
    pub fn is_in(path: impl AsRef<Path>) -> bool {
        path.as_ref().join(DATABASE).is_dir()
    }

    /// Every record by itself, so that one that cannot be trusted does not hide the others.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn records(&self) -> Result<Vec<ReadRecord>, StoreError> {
        let mut records = Vec::new();
        for item in &*self.db {
            let (key, value) = item.map_err(self.database("read"))?;
            records.push(read_record(&key, &value));
        }
        Ok(records)
    }

    fn sync(&self, action: &'static str) -> Result<(), StoreError> {
        self.db.flush().map_err(self.database(action))?;
        self.data.sync_data().map_err(io("sync", &self.path))
    }

    fn database(&self, action: &'static str) -> impl Fn(sled::Error) -> StoreError {
        let path = self.path.clone();
        move |source| StoreError::Database { action, path: path.clone(), source }
    }
}

impl Store for SledStore {
    fn load(&mut self) -> Result<Vec<(Account, StoredAccount)>, StoreError> {
        self.records()?.into_iter().map(|record| record.map_err(StoreError::from)).collect()
    }

    fn commit(&mut self, batch: &[(Account, StoredAccount)]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut writes = sled::Batch::default();
        for (account, stored) in batch {
            writes.insert(record::key(account), record::value(account, stored));
        }
        self.db.apply_batch(writes).map_err(self.database("write"))?;
        self.sync("write")
    }

    fn prune(&mut self, before: UtcDay) -> Result<(), StoreError> {
        loop {
            let mut removals = sled::Batch::default();
            let mut removed = 0;
            for item in self.db.range(..record::day_prefix(before)).keys().take(PRUNE_RECORDS) {
                removals.remove(item.map_err(self.database("prune"))?);
                removed += 1;
            }
            self.db.apply_batch(removals).map_err(self.database("prune"))?;
            if removed < PRUNE_RECORDS {
                return self.sync("prune");
            }
        }
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.sync("close")
    }
}

/// A database gets its name only when it is whole and durable: sled cannot open one whose first writes were lost.
fn create_database(path: &Path, folder: &Path) -> Result<(), StoreError> {
    let unfinished = path.join("sled.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(io("remove", &unfinished))?;
    }
    let db = open_database(path, &unfinished)?;
    db.flush().map_err(|source| StoreError::Database { action: "create", path: path.to_owned(), source })?;
    open_data(&unfinished)?.sync_all().map_err(io("sync", &unfinished))?;
    let conf_path = unfinished.join("conf");
    File::open(&conf_path).and_then(|file| file.sync_all()).map_err(io("sync", &conf_path))?;
    sync_folder(&unfinished)?;
    let panicked = || std::io::Error::other("the database panicked when it was closed");
    catch_unwind(AssertUnwindSafe(|| drop(db))).map_err(|_| io("create", &unfinished)(panicked()))?;
    fs::rename(&unfinished, folder).map_err(io("create", folder))?;
    sync_folder(path)?;
    // The ledger's folder may be new as well.
    path.parent().map_or(Ok(()), sync_folder)
}

/// sled takes a snapshot that it had not finished writing for the newest one, and then refuses to open
/// (`config.rs`, `get_snapshot_files`; `snapshot.rs`, `write_snapshot`). The one before is still there.
fn remove_unfinished_snapshots(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let path = entry.map_err(io("read", folder))?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            tracing::warn!(path = %path.display(), "ledger.snapshot_unfinished");
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}

/// Names are durable only when the folder that has them is synced.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|file| file.sync_all()).map_err(io("sync", folder))
}

/// sled's file, for our own syncs of it.
fn open_data(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("db");
    File::options().read(true).write(true).open(&path).map_err(io("open", &path))
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = path.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(io("create", &lock_path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::Io { action: "lock", path: lock_path, source }),
    }
}

fn open_database(path: &Path, folder: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    let mut tries = 0;
    loop {
        match config.open() {
            Ok(db) => return Ok(db),
            Err(error) if is_lock_error(&error) => {
                tries += 1;
                if tries == LOCK_TRIES {
                    return Err(StoreError::InUse { path: path.to_owned() });
                }
                thread::sleep(LOCK_PAUSE);
            }
            Err(source) => {
                return Err(StoreError::Database { action: "open", path: path.to_owned(), source });
            }
        }
    }
}

/// sled has no error of its own for this (`config.rs`, `try_lock`).
fn is_lock_error(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io) if io.to_string().starts_with("could not acquire lock"))
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordError;
    use crate::report;
    use crate::store::suite::{self, record};

    #[test]
    fn passes_the_suite() {
        let folder = tempfile::tempdir().expect("folder");
        suite::passes(|before: Option<SledStore>| {
            drop(before);
            SledStore::open(folder.path().join("ledger")).expect("open")
        });
    }

    #[test]
    fn a_record_that_cannot_be_trusted_does_not_hide_the_others() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(!SledStore::is_in(folder.path()));
        let mut store = SledStore::open(folder.path()).expect("open");
        assert!(SledStore::is_in(folder.path()));
        let [first, damaged, last] = ["a", "b", "c"].map(|name| record(name, 5, 70));
        store.commit(&[first.clone(), damaged.clone(), last.clone()]).expect("commit");
        let key = record::key(&damaged.0);
        let mut value = record::value(&damaged.0, &damaged.1);
        value[20] ^= 1;
        store.db.insert(key, value).expect("insert");
        store.db.insert(b"20", record::value(&damaged.0, &damaged.1)).expect("insert");

        let read = report::readable(&store).expect("the store itself is well");
        let named: Vec<_> = read.statements.iter().map(|statement| &statement.account).collect();
        assert_eq!(named, [&first.0, &last.0]);
        let causes: Vec<_> =
            read.corrupt.iter().map(|corrupt| (corrupt.account.as_ref(), &corrupt.cause)).collect();
        assert_eq!(causes, [(Some(&damaged.0), &RecordError::Checksum), (None, &RecordError::Key)]);
        let error = store.load().expect_err("a ledger does not start with it").to_string();
        assert!(error.contains("agent `b` on 1970-01-06 cannot be trusted"), "{error}");
    }

    #[test]
    fn a_second_owner_is_told_who_has_it() {
        let folder = tempfile::tempdir().expect("folder");
        let first = SledStore::open(folder.path()).expect("open");
        let second = SledStore::open(folder.path()).expect_err("in use");
        assert!(matches!(&second, StoreError::InUse { path } if path == folder.path()), "{second}");
        drop(first);
        SledStore::open(folder.path()).expect("free again");
    }

    /// A weak model of a power cut: the copy is taken through the page cache, so it shows that a commit has left our
    /// memory and sled's, not that the disk has it. A file system
    /// that forgets what was not synced (`LazyFS`, a preloaded shim) shows the rest.
    #[test]
    fn what_a_commit_confirmed_is_in_a_copy_taken_at_that_moment() {
        let folder = tempfile::tempdir().expect("folder");
        let original = folder.path().join("original");
        let mut store = SledStore::open(&original).expect("open");
        for round in 1..=20 {
            let batch: Vec<_> =
                (0..50).map(|n| record(&format!("agent-{n:02}"), 5, round * 1_000 + n)).collect();
            store.commit(&batch).expect("commit");
            let copy = folder.path().join(format!("copy-{round}"));
            copy_folder(&original, &copy);
            assert_eq!(SledStore::open(&copy).expect("open").load().expect("load"), batch, "round {round}");
        }
    }

    fn copy_folder(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("create");
        for entry in fs::read_dir(from).expect("read") {
            let entry = entry.expect("entry");
            let target = to.join(entry.file_name());
            if entry.file_type().expect("type").is_dir() {
                copy_folder(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).expect("copy");
            }
        }
    }
}
