//! What was received, and what was reported to whom: the other end's account of every request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
    /// Headers in the order in which they came, names in lower case; a repeated name stands beside its first.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(serialize_with = "as_text")]
    pub body: Bytes,
    /// Status answered.
    pub status: u16,
    /// Usage put on the wire so far.
    pub reported: Option<Reported>,
    /// Bytes of the answer's body handed to the socket, before the framing of HTTP.
    pub sent_bytes: usize,
    /// Events of a stream handed over whole; a plain answer is one.
    pub sent_events: usize,
    /// Whether the answer was sent to its end.
    pub finished: bool,
    /// Whether the connection went away before that, by the client's doing.
    pub client_gone: bool,
    /// Milliseconds from the request to that moment.
    pub client_gone_after_ms: Option<u64>,
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
    pages: Arc<Mutex<Pages>>,
}

#[derive(Debug, Default)]
struct Pages {
    entries: Vec<Entry>,
    /// How often it was cleared: who began to write before that must not write over what came later.
    clearings: u64,
    /// Connections end from here on because the simulator does, not because clients leave.
    closed: bool,
}

impl Log {
    /// A copy of all entries.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// How many requests were received.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// Everything reported to anybody.
    pub fn reported_total(&self) -> u64 {
        self.lock().entries.iter().filter_map(|entry| entry.reported).map(|reported| reported.total()).sum()
    }

    /// Forgets everything, also what requests under way would still add.
    pub fn clear(&self) {
        let mut pages = self.lock();
        pages.entries.clear();
        pages.clearings += 1;
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    pub(crate) fn add(&self, entry: Entry) -> Ticket {
        let mut pages = self.lock();
        pages.entries.push(entry);
        let (index, clearings) = (pages.entries.len() - 1, pages.clearings);
        drop(pages);
        Ticket { log: self.clone(), index, clearings, received: Instant::now(), end: End::Dropped }
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Write access to one entry, held as long as its request lives: how the answer ended is written when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    log: Log,
    index: usize,
    clearings: u64,
    received: Instant,
    end: End,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All of it was handed to the socket.
    Sent,
    /// The scenario wanted it broken.
    CutOnOrder,
    /// Nobody was left to read it.
    Dropped,
}

impl Ticket {
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Entry)) {
        let mut pages = self.log.lock();
        if pages.clearings != self.clearings {
            return;
        }
        if let Some(entry) = pages.entries.get_mut(self.index) {
            change(entry);
        }
    }

    pub(crate) fn ends(&mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let (end, waited) = (self.end, self.received.elapsed());
        let closed = self.log.lock().closed;
        self.edit(|entry| {
            entry.finished = end == End::Sent;
            entry.client_gone = end == End::Dropped && !closed;
            if entry.client_gone {
                entry.client_gone_after_ms = u64::try_from(waited.as_millis()).ok();
            }
        });
    }
}
