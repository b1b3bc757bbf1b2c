//! A ledger at work in a process of its own: this test program, started again for one test, on a disk that a library
//! in front of it plays. It says what it does before and after, a line each.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UtcDay};
use pai_ledger::{
    Account, Caps, Charge, Ledger, Quantity, RequestId, Settings, Settlement, SledStore, Usage,
};

use crate::{Disk, NOW, Random, preload};

/// Tokens a day, in both accounts.
pub(crate) const LIMIT: u64 = 1_000_000_000;
/// Whether requests come one after the other, so that calls to the disk can be counted, or at the same time.
const TASKS: &str = "WORKER_TASKS";
const REQUESTS: &str = "WORKER_REQUESTS";
const SEED: &str = "WORKER_SEED";
const FOLDER: &str = "WORKER_FOLDER";

/// What the process says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Opened,
    NotOpened(String),
    /// Before it asks.
    Asks {
        id: u64,
        tokens: u64,
    },
    /// After it was granted: whatever is used from here on counts.
    Granted {
        id: u64,
    },
    Refused {
        id: u64,
        why: String,
    },
    Settled {
        id: u64,
        tokens: u64,
    },
    Closed,
    NotClosed(String),
}

impl Said {
    fn line(&self) -> String {
        match self {
            Self::Opened => "@opened".to_owned(),
            Self::NotOpened(why) => format!("@not-opened 0 0 {why}"),
            Self::Asks { id, tokens } => format!("@asks {id} {tokens}"),
            Self::Granted { id } => format!("@granted {id}"),
            Self::Refused { id, why } => format!("@refused {id} 0 {why}"),
            Self::Settled { id, tokens } => format!("@settled {id} {tokens}"),
            Self::Closed => "@closed".to_owned(),
            Self::NotClosed(why) => format!("@not-closed 0 0 {why}"),
        }
    }

    /// `None` for what the test harness itself prints, and for a line that was cut off.
    fn read(line: &str) -> Option<Self> {
        let mut parts = line.strip_suffix('\n')?.splitn(4, ' ');
        let what = parts.next()?;
        let mut number = || parts.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let (id, tokens) = (number(), number());
        let why = parts.next().unwrap_or_default().to_owned();
        Some(match what {
            "@opened" => Self::Opened,
            "@not-opened" => Self::NotOpened(why),
            "@asks" => Self::Asks { id, tokens },
            "@granted" => Self::Granted { id },
            "@refused" => Self::Refused { id, why },
            "@settled" => Self::Settled { id, tokens },
            "@closed" => Self::Closed,
            "@not-closed" => Self::NotClosed(why),
            _ => return None,
        })
    }

    fn say(&self) {
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{}\n", self.line()).as_bytes()).expect("somebody listens");
        out.flush().expect("somebody listens");
    }
}

/// How a process works.
pub(crate) struct Work<'a> {
    pub(crate) tasks: u64,
    /// Of each task.
    pub(crate) requests: u64,
    pub(crate) seed: u64,
    /// `DISK_IGNORES`, `DISK_FAILS` with their values.
    pub(crate) disk: &'a [(&'a str, &'a str)],
}

/// A process at work.
pub(crate) struct Worker {
    child: Child,
    said: Receiver<Said>,
    reader: Option<JoinHandle<()>>,
    heard: Vec<Said>,
}

impl Worker {
    pub(crate) fn start(disk: &Disk, work: &Work) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["worker::at_work", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env("LD_PRELOAD", preload::library())
            .env("DISK_FOLDER", disk.folder())
            .env("DISK_DURABLE", disk.durable())
            .env(FOLDER, disk.folder().join("ledger"))
            .env(TASKS, work.tasks.to_string())
            .env(REQUESTS, work.requests.to_string())
            .env(SEED, work.seed.to_string())
            .envs(work.disk.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let out = child.stdout.take().expect("piped");
        let (sender, said) = channel();
        let reader = thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut line = String::new();
            while out.read_line(&mut line).is_ok_and(|length| length > 0) {
                // libtest names the test without ending the line.
                if let Some(said) = line.find('@').and_then(|at| Said::read(&line[at..])) {
                    let _ = sender.send(said);
                }
                line.clear();
            }
        });
        Self { child, said, reader: Some(reader), heard: Vec::new() }
    }

    /// Waits until it says something of this kind, or ends.
    pub(crate) fn wait_for(&mut self, is_it: impl Fn(&Said) -> bool) {
        loop {
            match self.said.recv_timeout(Duration::from_secs(30)) {
                Ok(said) => {
                    let found = is_it(&said);
                    self.heard.push(said);
                    if found {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("it hangs after {:?}", self.heard.last()),
            }
        }
    }

    /// Kills it where it is. All that it has said.
    pub(crate) fn kill(mut self) -> Vec<Said> {
        self.child.kill().expect("killed");
        self.rest()
    }

    /// Waits until it has ended. All that it has said.
    pub(crate) fn finish(mut self) -> Vec<Said> {
        self.wait_for(|said| matches!(said, Said::Closed | Said::NotClosed(_) | Said::NotOpened(_)));
        self.rest()
    }

    fn rest(&mut self) -> Vec<Said> {
        self.child.wait().expect("ended");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("read");
        }
        self.heard.extend(self.said.try_iter());
        std::mem::take(&mut self.heard)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sums of what a process has said.
pub(crate) struct Sums {
    pub(crate) settled: u64,
    /// Asked for, and neither settled nor refused.
    pub(crate) open: u64,
    pub(crate) granted: usize,
}

pub(crate) fn sums(said: &[Said]) -> Sums {
    let mut open = std::collections::BTreeMap::new();
    let mut sums = Sums { settled: 0, open: 0, granted: 0 };
    for said in said {
        match said {
            Said::Asks { id, tokens } => drop(open.insert(*id, *tokens)),
            Said::Granted { .. } => sums.granted += 1,
            Said::Refused { id, .. } => drop(open.remove(id)),
            Said::Settled { id, tokens } => {
                open.remove(id);
                sums.settled += tokens;
            }
            Said::Opened | Said::NotOpened(_) | Said::Closed | Said::NotClosed(_) => {}
        }
    }
    sums.open = open.values().sum();
    sums
}

pub(crate) fn charges() -> Vec<Charge> {
    let charge = |scope| Charge {
        account: Account { scope, name: "team/x".into(), day: UtcDay::containing(NOW) },
        limit: Caps::of_tokens(Tokens(LIMIT)),
    };
    [Scope::Provider, Scope::Agent].map(charge).into()
}

pub(crate) fn tokens(tokens: u64) -> Quantity {
    Tokens(tokens).into()
}

pub(crate) fn fresh_id() -> RequestId {
    RequestId(u128::from(next_id()))
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn number(name: &str) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

#[test]
#[ignore = "runs in a process of its own, started by the tests beside it"]
fn at_work() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let store = match SledStore::open(folder) {
            Ok(store) => store,
            Err(error) => return Said::NotOpened(error.to_string()).say(),
        };
        let settings = Settings { store_answers_within: Duration::from_millis(500), ..Settings::default() };
        let ledger = match Ledger::open(Box::new(store), settings) {
            Ok(ledger) => ledger,
            Err(error) => return Said::NotOpened(error.to_string()).say(),
        };
        Said::Opened.say();
        let tasks = (0..number(TASKS)).map(|task| {
            tokio::spawn(requests(ledger.clone(), number(SEED).wrapping_add(task + 1), number(REQUESTS)))
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
        match ledger.close().await {
            Ok(()) => Said::Closed.say(),
            Err(error) => Said::NotClosed(error.to_string()).say(),
        }
    });
}

async fn requests(ledger: Ledger, seed: u64, requests: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..requests {
        let id = next_id();
        let most = 1_000 + random.below(1_000);
        Said::Asks { id, tokens: most }.say();
        match ledger.hold(RequestId(u128::from(id)), charges(), tokens(most), NOW).await {
            Ok(hold) => {
                Said::Granted { id }.say();
                let used = most - random.below(most / 20);
                let usage = Usage { output: Tokens(used), ..Usage::default() };
                hold.settle(Settlement { usage, ..Settlement::default() });
                Said::Settled { id, tokens: used }.say();
            }
            Err(error) => Said::Refused { id, why: error.to_string() }.say(),
        }
    }
}
