//! Requests over connections that stay open, each sent when the answer before it is complete.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::wire::{Wire, find};

/// No answer takes this long; a benchmark that hangs ends with an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// About what makes a request 1 KB.
const PROMPT_BYTES: usize = 800;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A document of 1 KB.
    Plain,
    /// A burst of 56 events.
    Stream,
}

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    pub(crate) requests_at_most: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// Nanoseconds of each request, sorted.
    pub(crate) nanos: Vec<u64>,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Microseconds that `percent` of the requests did not exceed.
    pub(crate) fn percentile_us(&self, percent: usize) -> f64 {
        let at = self.nanos.len().saturating_sub(1) * percent / 100;
        self.nanos.get(at).map_or(0.0, |nanos| *nanos as f64 / 1000.0)
    }
}

/// A request as the Anthropic SDK sends it.
pub(crate) fn request(sort: Sort, key: &str) -> Arc<[u8]> {
    let begin = match sort {
        Sort::Plain => "{\"stream\":false",
        Sort::Stream => "{\"stream\":true",
    };
    let prompt = "word ".repeat(PROMPT_BYTES / 5);
    let body = format!(
        r#"{begin},"model":"claude-sonnet-4-6","max_tokens":1024,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    );
    let head = format!(
        "POST /ext/v1/messages HTTP/1.1\r\nhost: gateway.example\r\nx-api-key: {key}\r\n\
         anthropic-version: 2023-06-01\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         accept-encoding: gzip, deflate\r\nuser-agent: Anthropic/Python 0.75.0\r\nx-stainless-lang: python\r\n\
         x-stainless-os: Linux\r\nx-stainless-retry-count: 0\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes().into()
}

/// Asks until time or number is up; every request that was begun is also completed, and must have succeeded.
pub(crate) async fn run(to: SocketAddr, request: &Arc<[u8]>, amount: Amount) -> Result<Load> {
    let left = Arc::new(AtomicU64::new(amount.requests_at_most));
    let awake = tokio::spawn(stay_awake());
    let started = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..amount.connections {
        connections.spawn(ask(to, request.clone(), started + amount.time, left.clone()));
    }
    let mut load = Load::default();
    while let Some(asked) = connections.join_next().await {
        load.nanos.extend(asked.map_err(Error::other)??);
    }
    load.seconds = started.elapsed().as_secs_f64();
    awake.abort();
    load.requests = load.nanos.len() as u64;
    load.nanos.sort_unstable();
    Ok(load)
}

/// Keeps this thread from sleeping. Waking a sleeper is work of whoever sends to it, so a proxy would pay for each
/// write that finds us idle: a slow one, which leaves us idle more often, looked up to twice as slow as it is, and
/// the same program differed by a third from itself where now it is a twentieth.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

async fn ask(to: SocketAddr, request: Arc<[u8]>, until: Instant, left: Arc<AtomicU64>) -> Result<Vec<u64>> {
    let mut wire = Wire::connect(to).await?;
    let mut nanos = Vec::new();
    let mut now = Instant::now();
    while now < until && take_one(&left) {
        tokio::time::timeout(PATIENCE, exchange(&mut wire, &request)).await??;
        let answered = Instant::now();
        nanos.push(u64::try_from((answered - now).as_nanos()).unwrap_or(u64::MAX));
        now = answered;
    }
    Ok(nanos)
}

fn take_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

/// One request and its answer, which has to be a good and complete one.
async fn exchange(wire: &mut Wire, request: &[u8]) -> Result<()> {
    wire.send(request).await?;
    let Some(answer) = wire.receive().await? else { return Err(Error::other("no answer")) };
    let streamed = find(answer.head, b"text/event-stream").is_some();
    let complete = if streamed { find(answer.body, b"event: message_stop").is_some() } else { true };
    if answer.head.starts_with(b"HTTP/1.1 200") && complete {
        return Ok(());
    }
    let text = [answer.head, answer.body].map(String::from_utf8_lossy).concat();
    Err(Error::other(format!("not a good answer: {text}")))
}

/// Whether somebody answers with 200 to a GET.
pub(crate) async fn answers(to: SocketAddr, path: &str) -> bool {
    let asked = async {
        let mut wire = Wire::connect(to).await.ok()?;
        wire.send(format!("GET {path} HTTP/1.1\r\nhost: gateway.example\r\n\r\n").as_bytes()).await.ok()?;
        let answer = wire.receive().await.ok()??;
        answer.head.starts_with(b"HTTP/1.1 200").then_some(())
    };
    asked.await.is_some()
}
