//! A gateway that is killed in the middle of streams, again and again: never fewer tokens counted than the provider
//! reported, never more than one block per account too many.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::processes::{BLOCK, Place};
use crate::random::Random;
use crate::support;

/// Streams at the same time.
const CLIENTS: usize = 6;

/// How often to kill: few times in every run, and as often as asked for by hand.
fn kills() -> u64 {
    std::env::var("PAI_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_gateway_never_forgets_a_token() {
    let place = Place::new().await;
    let mut random = Random::of(1);
    let mut over = Vec::new();
    let mut before = 0;
    for kill in 0..kills() {
        place.simulator.log().clear();
        let mut gateway = place.start();
        let url = gateway.url().await;
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(stream_for_ever(url.clone(), place.token.clone()))).collect();
        // On a busy machine the first request takes its time; a kill before it would test nothing.
        let first = async {
            while place.simulator.log().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), first).await.expect("a request arrives");
        tokio::time::sleep(Duration::from_millis(60 + random.below(250))).await;
        gateway.kill();
        clients.iter().for_each(tokio::task::JoinHandle::abort);
        let reported = place.simulator.log().reported_total();
        let counted = place.counted().await;
        assert!(
            counted
                .iter()
                .all(|(_, tokens)| *tokens == counted[0].1 || tokens.abs_diff(counted[0].1) <= BLOCK),
            "{counted:?}"
        );
        let total = counted[0].1;
        assert!(
            total >= before + reported,
            "kill {kill}: {total} counted, {before} before, {reported} reported since"
        );
        let too_many = total - before - reported;
        assert!(too_many <= BLOCK, "kill {kill}: {too_many} too many");
        over.push(too_many);
        before = total;
    }
    over.sort_unstable();
    println!(
        "{} kills; tokens counted too many per kill: median {}, most {}; one block is {BLOCK}; {before} in all",
        over.len(),
        over[over.len() / 2],
        over[over.len() - 1],
    );
    println!("{}", histogram(&over));
}

/// In tenths of the largest.
fn histogram(sorted: &[u64]) -> String {
    let tenth = sorted.last().map_or(1, |most| most / 10 + 1);
    let lines = (0..10).map(|number| number * tenth).map(|from| {
        let kills = sorted.iter().filter(|over| (from..from + tenth).contains(*over)).count();
        let to = from + tenth - 1;
        format!("{from:>7} to {to:>7}: {kills:>5} {}", "#".repeat(kills * 60 / sorted.len()))
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn stream_for_ever(url: String, token: String) {
    let client = reqwest::Client::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        let request = client
            .post(format!("{url}/v1/messages"))
            .header("x-api-key", &token)
            .header("anthropic-version", "2023-06-01")
            .json(&support::asking("claude-haiku-4-5", "Hello there", true));
        let Ok(response) = request.send().await else { return };
        if response.bytes().await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_ledger_in_use_is_a_clear_error_and_changes_nothing() {
    let place = Place::new().await;
    let mut first = place.start();
    first.url().await;
    let (code, said) = place.start().wait();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    assert!(Path::new(&place.state()).exists());
}
