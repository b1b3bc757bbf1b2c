//! The one owner of the store: a thread that makes marks durable.
//!
//! It starts the next commit as soon as the last one has ended, and takes with it whatever came in meanwhile: a fixed
//! wait to gather more was measured to be slower (64 waiters: 123,600 a second without, 22,800 with 2 ms).

use std::error::Error;

use super::shared::{Shared, Work};
use crate::account::Account;
use crate::record::StoredAccount;
use crate::store::{Store, StoreError};

/// The owner's life. Ends with the ledger, or with the first error: a disk that failed once is not asked again.
pub(crate) fn run(shared: &Shared, mut store: Box<dyn Store>) {
    let last_words = LastWords(shared);
    while let Some(work) = shared.next_work() {
        let result = match work {
            Work::Commit(batch) => store.commit(&batch).map(|()| shared.publish(&batch)),
            Work::Prune(before) => store.prune(before),
            Work::Close(batch) => {
                let result = close(store.as_mut(), &batch, shared.settings.records_per_commit);
                if let Err(error) = result {
                    shared.fail(describe(&error));
                }
                break;
            }
        };
        if let Err(error) = result {
            shared.fail(describe(&error));
            break;
        }
    }
    // The store goes first: whoever sees the ledger closed may open it again.
    drop(store);
    drop(last_words);
}

fn close(
    store: &mut dyn Store,
    batch: &[(Account, StoredAccount)],
    records_per_commit: usize,
) -> Result<(), StoreError> {
    for part in batch.chunks(records_per_commit.max(1)) {
        store.commit(part)?;
    }
    store.close()
}

struct LastWords<'a>(&'a Shared);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn describe(error: &StoreError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
