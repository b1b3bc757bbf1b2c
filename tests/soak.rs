//! Traffic at the highest rate that the machine allows, every tenth request given up by its client: afterwards no hold
//! is open, and neither memory nor file descriptors have grown.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use pai_simulator::Scenario;
use serde_json::Value;

use crate::processes::Place;
use crate::random::Random;
use crate::support;

const CLIENTS: u64 = 48;

/// A minute in every run, and as long as asked for by hand.
fn duration() -> Duration {
    let asked = std::env::var("PAI_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(asked.unwrap_or(60))
}

/// What a process has in use.
#[derive(Debug, Clone, Copy)]
struct InUse {
    resident_kib: u64,
    /// `None` where only root may look into a process that has keys in its memory.
    descriptors: Option<usize>,
}

impl InUse {
    fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        Self {
            resident_kib: resident.trim().trim_end_matches(" kB").parse().expect("a number"),
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).ok().map(Iterator::count),
        }
    }
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    given_up: AtomicU64,
}

/// One client: plain requests and streams, every tenth given up somewhere in the middle.
async fn client(url: String, token: String, mut random: Random, stop: Arc<AtomicBool>, counts: Arc<Counts>) {
    let client = reqwest::Client::new();
    while !stop.load(Ordering::Relaxed) {
        let body = support::asking("claude-haiku-4-5", "Hello there", random.below(2) == 0);
        let request = client
            .post(format!("{url}/v1/messages"))
            .header("x-api-key", &token)
            .header("anthropic-version", "2023-06-01")
            .json(&body)
            .send();
        counts.sent.fetch_add(1, Ordering::Relaxed);
        let gives_up = random.below(10) == 0;
        if gives_up && random.below(2) == 0 {
            counts.given_up.fetch_add(1, Ordering::Relaxed);
            let _ = tokio::time::timeout(Duration::from_micros(random.below(20_000)), request).await;
            continue;
        }
        let response = request.await.expect("an answer");
        assert_eq!(response.status(), 200);
        let mut pieces = response.bytes_stream();
        if gives_up {
            counts.given_up.fetch_add(1, Ordering::Relaxed);
            let _ = pieces.next().await;
            continue;
        }
        while let Some(piece) = pieces.next().await {
            piece.expect("bytes");
        }
    }
}

/// Traffic for so long, then quiet.
async fn traffic(place: &Place, url: &str, time: Duration, seed: u64) -> Arc<Counts> {
    let (stop, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Counts::default()));
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|number| {
            let random = Random::of(seed * 1_000 + number);
            tokio::spawn(client(url.to_owned(), place.token.clone(), random, stop.clone(), counts.clone()))
        })
        .collect();
    let end = Instant::now() + time;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // What was received would fill the memory of the test itself.
        place.simulator.log().clear();
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no panic");
    }
    counts
}

/// What `/readyz` says, once no request is under way.
async fn quiet(admin: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..300 {
        let response = reqwest::get(format!("http://{admin}/readyz")).await.expect("an answer");
        last = response.json().await.expect("json");
        if last["open_holds"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_with_disconnects_leaves_nothing_behind() {
    let place = Place::with_limit(1_000_000_000_000).await;
    place.simulator.scenario(Scenario { output_tokens: 20, ..Scenario::default() });
    fs::create_dir_all(place.state()).expect("a folder");
    // Records are written, and take no room.
    symlink("/dev/null", place.state().join("records.jsonl")).expect("a link");
    let mut gateway = place.start_with(&[("PAI_LOG", "info".into())]);
    let url = gateway.url().await;
    let admin = gateway.says("admin=").await;

    // A quarter of the time to fill pools, caches and the allocator.
    let time = duration();
    traffic(&place, &url, time / 4, 1).await;
    quiet(&admin).await;
    let before = InUse::of(gateway.id());
    let started = Instant::now();
    let counts = traffic(&place, &url, time / 4 * 3, 2).await;
    let took = started.elapsed();
    let ready = quiet(&admin).await;
    let after = InUse::of(gateway.id());

    assert_eq!((&ready["open_holds"], &ready["bound_breaches"]), (&0.into(), &0.into()), "{ready}");
    assert_eq!(ready["ready"], true, "{ready}");
    let sent = counts.sent.load(Ordering::Relaxed);
    let given_up = counts.given_up.load(Ordering::Relaxed);
    println!(
        "{sent} requests in {} s, {given_up} given up; KiB resident {} and {}, descriptors {:?} and {:?}",
        took.as_secs(),
        before.resident_kib,
        after.resident_kib,
        before.descriptors,
        after.descriptors
    );
    assert!(given_up * 20 > sent, "{given_up} of {sent} were given up");
    assert!(after.resident_kib < before.resident_kib * 5 / 4 + 8_192, "{before:?} grew to {after:?}");
    let most = before.descriptors.map(|descriptors| descriptors + 48);
    assert!(after.descriptors <= most, "{before:?} grew to {after:?}");

    gateway.terminate();
    assert_eq!(gateway.wait().0, Some(0), "a clean stop");
    let counted = place.counted().await;
    assert!(counted.len() == 2 && counted[0].1 == counted[1].1, "exact after a clean stop: {counted:?}");
}
