//! Streams that end in every way there is: never as if complete when cut, always settled, never below what the
//! provider reported.

use std::time::Duration;

use futures_util::StreamExt;
use pai_bundle::limit::Scope;
use pai_simulator::{Cut, Fault, Scenario, UsageReport};
use serde_json::Value;

use crate::support::{MANIFESTS, World, hello, settled};

/// Everything that arrives, and whether the connection broke.
async fn read(response: reqwest::Response) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(_) => return (bytes, true),
        }
    }
    (bytes, false)
}

#[tokio::test]
async fn a_cut_stream_never_ends_clean() {
    let world = World::of(MANIFESTS).await;
    // The first three are the start, a ping and an empty block: before content, another attempt is made.
    for events in 3..9 {
        world.simulator.push(Scenario {
            cut: Some(Cut::Events(events)),
            output_tokens: 16,
            ..Scenario::default()
        });
        let response = world.message("coder", &hello(true)).send().await.expect("headers");
        let (bytes, broke) = read(response).await;
        let text = String::from_utf8(bytes).expect("text");
        assert!(broke, "after {events} events");
        assert!(!text.contains("message_stop"), "after {events} events");
        assert!(text.ends_with("in the middle of its answer\"}}\n\n"), "after {events} events: {text}");
    }
    world.settled().await;
    let records = world.records(6).await;
    assert!(records.iter().all(|record| record["outcome"] == "cut"), "{records:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_before_any_content_is_asked_for_again() {
    let world = World::of(MANIFESTS).await;
    let breaks = [
        Scenario { cut: Some(Cut::Events(0)), ..Scenario::default() },
        Scenario { cut: Some(Cut::Events(1)), ..Scenario::default() },
        Scenario { error_after_events: Some(2), ..Scenario::default() },
    ];
    for (number, broken) in breaks.into_iter().enumerate() {
        world.simulator.push(broken);
        let response = world.message("coder", &hello(true)).send().await.expect("headers");
        assert_eq!(response.status(), 200);
        let (bytes, broke) = read(response).await;
        let text = String::from_utf8(bytes).expect("text");
        assert!(!broke && text.ends_with("message_stop\"}\n\n"), "{number}: {text}");
        assert_eq!(text.matches("message_start\n").count(), 1, "{number}: {text}");
        let record = world.records(number + 1).await.pop().expect("a record");
        assert_eq!(record["attempts"].as_array().map(Vec::len), Some(2), "{record}");
        assert_eq!(record["outcome"], "served", "{record}");
    }
    world.settled().await;
    assert!(world.balance(Scope::Agent, "coder").settled.0 >= world.simulator.log().reported_total());
}

#[tokio::test]
async fn a_provider_that_never_gets_to_its_content_is_an_error_of_the_callers_protocol() {
    let world = World::of(MANIFESTS).await;
    world.simulator.scenario(Scenario { error_after_events: Some(1), ..Scenario::default() });
    let response = world.message("coder", &hello(true)).send().await.expect("headers");
    assert_eq!(response.status(), 529);
    let body: Value = response.json().await.expect("json");
    assert_eq!(body["error"]["type"], "overloaded_error", "{body}");
    world.settled().await;
    let record = world.records(1).await.remove(0);
    assert_eq!(record["outcome"], "upstream_error", "{record}");
    assert_eq!(record["settled"]["total"].as_u64(), Some(world.simulator.log().reported_total()), "{record}");
}

#[tokio::test]
async fn a_stream_cut_at_any_byte_is_broken_and_charged_at_least_what_was_reported() {
    let world = World::of(MANIFESTS).await;
    let whole = read(world.message("coder", &hello(true)).send().await.expect("headers")).await.0;
    world.settled().await;
    let before = world.balance(Scope::Agent, "coder").settled.0;
    world.simulator.log().clear();
    let content = String::from_utf8_lossy(&whole).find("event: content_block_delta").expect("content");
    for at in (content..whole.len()).step_by(37) {
        world.simulator.push(Scenario { cut: Some(Cut::Bytes(at)), ..Scenario::default() });
        let response = world.message("coder", &hello(true)).send().await.expect("headers");
        let (bytes, broke) = read(response).await;
        assert!(broke, "cut at {at}");
        assert!(bytes.starts_with(&whole[..at]), "cut at {at}: delivered bytes are the provider's");
    }
    world.settled().await;
    let counted = world.balance(Scope::Agent, "coder").settled.0 - before;
    assert!(counted >= world.simulator.log().reported_total());
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

#[tokio::test]
async fn any_split_gives_the_same_bytes_and_the_same_usage() {
    let world = World::of(MANIFESTS).await;
    let mut seen = Vec::new();
    for piece_bytes in [None, Some(1), Some(7), Some(100)] {
        world.simulator.push(Scenario { piece_bytes, cache_read: 3, ..Scenario::default() });
        let (bytes, broke) = read(world.message("coder", &hello(true)).send().await.expect("headers")).await;
        assert!(!broke);
        seen.push(bytes);
    }
    assert!(seen.iter().all(|bytes| *bytes == seen[0]));
    let settlements: Vec<Value> =
        world.records(4).await.iter().map(|record| record["settled"].clone()).collect();
    assert!(settlements.iter().all(|settled| *settled == settlements[0]), "{settlements:?}");
    assert_eq!(settlements[0]["estimated"], false);
}

#[tokio::test]
async fn a_client_that_leaves_is_charged_and_the_provider_is_told_at_once() {
    let world = World::of(MANIFESTS).await;
    world.simulator.push(Scenario { stall_after_events: Some(4), output_tokens: 60, ..Scenario::default() });
    let response = world.message("coder", &hello(true)).send().await.expect("headers");
    let mut stream = response.bytes_stream();
    stream.next().await.expect("a piece").expect("bytes");
    drop(stream);
    world.settled().await;
    let record = world.records(1).await.remove(0);
    assert_eq!(record["outcome"], "client_gone");
    assert_eq!(record["settled"]["estimated"], true);
    let (total, held) = (record["settled"]["total"].as_u64(), record["held"].as_u64());
    assert!(total <= held && total >= Some(world.simulator.log().reported_total()), "{record}");
    for _ in 0..100 {
        if world.simulator.log().entries()[0].client_gone {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the provider goes on generating");
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_pays_its_hold() {
    let world = World::of(MANIFESTS).await;
    let slow = Scenario { first_byte_delay: Duration::from_secs(30), ..Scenario::default() };
    world.simulator.push(slow);
    let waiting = world.message("coder", &hello(false)).timeout(Duration::from_millis(200)).send();
    assert!(waiting.await.expect_err("a timeout").is_timeout());
    world.settled().await;
    let record = world.records(1).await.remove(0);
    assert_eq!(record["outcome"], "client_gone");
    assert_eq!(record["settled"]["total"], record["held"]);
    assert_eq!(world.balance(Scope::Agent, "coder").settled.0, record["held"].as_u64().expect("a number"));
}

#[tokio::test]
async fn errors_in_the_middle_pass_through_and_are_settled() {
    let world = World::of(MANIFESTS).await;
    world.simulator.push(Scenario { error_after_events: Some(4), ..Scenario::default() });
    let (bytes, broke) = read(world.message("coder", &hello(true)).send().await.expect("headers")).await;
    let text = String::from_utf8(bytes).expect("text");
    assert!(
        !broke && text.contains("overloaded_error") && text.matches("event: error").count() == 1,
        "{text}"
    );
    world.settled().await;
    assert!(world.balance(Scope::Agent, "coder").settled.0 >= world.simulator.log().reported_total());
}

#[tokio::test]
async fn usage_that_is_missing_keeps_the_hold_and_usage_that_is_repeated_counts_once() {
    let world = World::of(MANIFESTS).await;
    for stream in [false, true] {
        world.simulator.push(Scenario { usage: UsageReport::Omitted, ..Scenario::default() });
        read(world.message("coder", &hello(stream)).send().await.expect("headers")).await;
    }
    world.simulator.push(Scenario { fault: Some(Fault::Garbage), ..Scenario::default() });
    read(world.message("coder", &hello(false)).send().await.expect("headers")).await;
    for record in world.records(3).await {
        assert_eq!(
            (&record["settled"]["total"], &record["settled"]["estimated"]),
            (&record["held"], &Value::Bool(true))
        );
    }
    world.simulator.log().clear();
    let before = world.balance(Scope::Agent, "coder").settled.0;
    world.simulator.push(Scenario { usage: UsageReport::Twice, input_raised_by: 30, ..Scenario::default() });
    read(world.message("coder", &hello(true)).send().await.expect("headers")).await;
    world.settled().await;
    let reported = world.simulator.log().reported_total();
    assert_eq!(world.balance(Scope::Agent, "coder"), settled(before + reported));
}

#[tokio::test]
async fn shutting_down_cuts_what_is_left_after_the_deadline_and_settles_it() {
    let world = World::with(MANIFESTS, |settings| settings.drain = Duration::from_millis(200)).await;
    world.simulator.push(Scenario { stall_after_events: Some(4), ..Scenario::default() });
    let response = world.message("coder", &hello(true)).send().await.expect("headers");
    let reading = tokio::spawn(read(response));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ledger = world.gateway.ledger().clone();
    world.gateway.shutdown().await.expect("a clean stop");
    assert!(reading.await.expect("joined").1, "the stream is broken, not ended");
    assert_eq!(ledger.open_holds(), 0);
}
