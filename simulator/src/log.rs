//! What was received, and what was reported to whom: the other end's account of every request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Serialize;

/// Counters as they went over the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// Fresh input.
    pub input: u64,
    /// Written to the five-minute cache.
    pub cache_write_5m: u64,
    /// Written to the one-hour cache.
    pub cache_write_1h: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Output so far.
    pub output: u64,
}

impl Reported {
    /// All classes.
    pub fn total(&self) -> u64 {
        self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read + self.output
    }
}

/// One request.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Entry {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(serialize_with = "as_text")]
    pub body: Bytes,
    /// Status answered.
    pub status: u16,
    /// Usage put on the wire so far.
    pub reported: Option<Reported>,
    /// Whether the answer was sent to its end.
    pub finished: bool,
    /// Whether the connection went away before that.
    pub client_gone: bool,
}

impl Entry {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn as_text<S: serde::Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

/// Every request since the start, or since it was cleared.
#[derive(Debug, Clone, Default)]
pub struct Log {
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Log {
    /// A copy of all entries.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// How many requests were received.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Everything reported to anybody.
    pub fn reported_total(&self) -> u64 {
        self.lock().iter().filter_map(|entry| entry.reported).map(|reported| reported.total()).sum()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn add(&self, entry: Entry) -> Ticket {
        let mut entries = self.lock();
        entries.push(entry);
        Ticket { log: self.clone(), index: entries.len() - 1 }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Write access to one entry.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    log: Log,
    index: usize,
}

impl Ticket {
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.log.lock().get_mut(self.index) {
            change(entry);
        }
    }
}
