//! Decision records on their way to the file: written out where they are made, appended by a thread of their own, so that
//! no request waits for the disk.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use pai_ledger::Settlement;

use super::Record;
use crate::metrics::Metrics;
use crate::settings::EchoRecords;

/// The file cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the file of decision records `{path}` cannot be opened for appending: {cause}")]
pub struct RecordError {
    path: PathBuf,
    cause: std::io::Error,
}

/// Where records go, and are counted on the way.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    lines: Sender<Vec<u8>>,
    metrics: Arc<Metrics>,
}

/// Larger than nearly all lines.
const LINE_BYTES: usize = 1_024;

impl Records {
    /// Records, and the lines that become of them.
    pub(crate) fn channel(metrics: Arc<Metrics>) -> (Self, Receiver<Vec<u8>>) {
        let (lines, receiver) = channel();
        (Self { lines, metrics }, receiver)
    }

    /// Adds one, whose last attempt was charged `last`. As a line it is one piece of memory that changes threads; as a record it would be two dozen, each freed by
    /// a thread that did not allocate it, which costs more than writing it out does.
    pub(crate) fn add(&self, record: &Record, last: Option<&Settlement>) {
        // The only place where requests are counted: what is in the records is in the metrics, and nothing else.
        self.metrics.count(record, last);
        let mut line = Vec::with_capacity(LINE_BYTES);
        if let Err(cause) = serde_json::to_writer(&mut line, record) {
            tracing::error!(event = "record.failed", id = %record.id, cause = %cause);
            return;
        }
        line.push(b'\n');
        if self.lines.send(line).is_err() {
            tracing::error!(event = "record.lost", "the writer of decision records is gone");
        }
    }
}

/// The thread that appends.
#[derive(Debug)]
pub(crate) struct Recorder {
    records: Records,
    writer: JoinHandle<()>,
}

impl Recorder {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path, echo: EchoRecords, metrics: Arc<Metrics>) -> Result<Self, RecordError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|cause| RecordError { path: path.to_owned(), cause })?;
        let (records, lines) = Records::channel(metrics);
        let writer = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || append_all(&lines, file, echo))
            .map_err(|cause| RecordError { path: path.to_owned(), cause })?;
        Ok(Self { records, writer })
    }

    /// Where to add records.
    pub(crate) fn records(&self) -> Records {
        self.records.clone()
    }

    /// Writes what is left and closes the file. Every other way to add records must be gone.
    pub(crate) fn close(self) {
        drop(self.records);
        if self.writer.join().is_err() {
            tracing::error!(event = "record.lost", "the writer of decision records had panicked");
        }
    }
}

/// How long a line waits for others: waking the writer for each one costs a request more than its decision does.
/// A kill loses the records of this time; the ledger, which has the tokens, loses none.
const GATHER: Duration = Duration::from_millis(5);

fn append_all(lines: &Receiver<Vec<u8>>, mut file: File, echo: EchoRecords) {
    let mut gathered = Vec::new();
    while let Ok(first) = lines.recv() {
        std::thread::sleep(GATHER);
        gathered.clear();
        gathered.extend_from_slice(&first);
        while let Ok(line) = lines.try_recv() {
            gathered.extend_from_slice(&line);
        }
        if let Err(cause) = file.write_all(&gathered) {
            tracing::error!(event = "record.failed", cause = %cause, "decision records could not be written");
        }
        if echo == EchoRecords::Yes {
            // A closed terminal is no reason to stop serving.
            let _ = std::io::stdout().write_all(&gathered);
        }
    }
}
