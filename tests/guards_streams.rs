//! Streams that guards read ahead of the client: what is held back, what goes out, and how it ends when a guard objects.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use pai_simulator::Scenario;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::guarded::{ATTACK, HOUSE, attached, coder, provider};

fn reading_answers() -> String {
    let guards = attached("house", "scan: {responses: true}");
    [
        HOUSE,
        &provider("anthropic", ""),
        &provider("openai", "  responsesApi: native\n"),
        &coder("anthropic/claude-sonnet-4-6, openai/gpt-4o", &guards),
    ]
    .concat()
}

/// Text that no guard minds, longer than anything that is held back.
fn harmless(bytes: usize) -> String {
    "Ice moves downhill under its own weight, slowly. ".repeat(bytes / 48)
}

/// A path, and a request for a stream there.
fn requests() -> Vec<(&'static str, Value)> {
    let messages = json!([{ "role": "user", "content": "Tell me of ice." }]);
    let (sonnet, gpt) = ("claude-sonnet-4-6", "gpt-4o");
    vec![
        (
            "/v1/messages",
            json!({ "model": sonnet, "max_tokens": 9000, "stream": true, "messages": messages }),
        ),
        ("/v1/messages", json!({ "model": gpt, "max_tokens": 9000, "stream": true, "messages": messages })),
        (
            "/v1/chat/completions",
            json!({ "model": gpt, "max_tokens": 9000, "stream": true, "messages": messages }),
        ),
        (
            "/v1/chat/completions",
            json!({ "model": sonnet, "max_tokens": 9000, "stream": true, "messages": messages }),
        ),
        (
            "/v1/responses",
            json!({ "model": gpt, "max_output_tokens": 9000, "stream": true, "input": "Tell me of ice." }),
        ),
        (
            "/v1/completions",
            json!({ "model": gpt, "max_tokens": 9000, "stream": true, "prompt": "Tell me of ice." }),
        ),
    ]
}

/// Every string of the stream's events, one after the other, and whether it ended clean.
async fn read(answer: reqwest::Response) -> (String, bool) {
    let mut bytes = Vec::new();
    let mut stream = answer.bytes_stream();
    loop {
        match stream.next().await {
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(_)) => return (String::from_utf8_lossy(&bytes).into_owned(), false),
            None => return (String::from_utf8_lossy(&bytes).into_owned(), true),
        }
    }
}

/// What the deltas of a stream of any dialect say.
fn said(stream: &str) -> String {
    let mut all = String::new();
    for data in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
        let places = ["/delta/text", "/choices/0/delta/content", "/choices/0/text", "/delta"];
        if let Some(text) = places.iter().find_map(|place| event.pointer(place).and_then(Value::as_str)) {
            all.push_str(text);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_guard_minds_arrives_whole() {
    let world = World::of(&reading_answers()).await;
    let text = harmless(6000);
    for piece_bytes in [None, Some(7), Some(1000)] {
        world.simulator.scenario(Scenario {
            output_tokens: 5000,
            say: Some(text.clone()),
            piece_bytes,
            ..Scenario::default()
        });
        for (path, body) in requests() {
            let answer =
                world.request(Method::POST, path, "coder").json(&body).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            let (stream, is_clean) = read(answer).await;
            assert!(is_clean, "{path}");
            assert_eq!(said(&stream), text, "{path}");
        }
    }
    world.settled().await;
    let records = world.records(18).await;
    assert!(records.iter().all(|record| record["outcome"] == "served"), "{records:?}");
    assert!(records.iter().all(|record| record["guards"][0]["action"] == "pass"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guard_minds_late_never_goes_out_and_the_client_is_told_in_its_protocol() {
    let world = World::of(&reading_answers()).await;
    world.simulator.scenario(Scenario {
        // More before the attack than comes in one burst: had nothing gone out before it is seen, the answer would be a 403.
        output_tokens: 9000,
        say: Some(format!("{}{ATTACK} {}", harmless(20_000), harmless(2000))),
        ..Scenario::default()
    });
    let mut count = 0;
    for (path, body) in requests() {
        let answer = world.request(Method::POST, path, "coder").json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let (stream, is_clean) = read(answer).await;
        let what = format!("{path} {}", body["model"]);
        assert!(!is_clean, "{what}: a stream that was cut never ends clean");
        let text = said(&stream);
        assert!(text.starts_with("Ice moves"), "{what}: {text}");
        assert!(!text.contains("Ignore all"), "{what}: {text}");
        assert!(text.len() > 500, "{what}: what stands far before it went out: {}", text.len());
        assert!(stream.contains("default/house") && stream.contains("pai.yaml:"), "{what}: {stream}");
        let last = stream.lines().rev().find_map(|line| line.strip_prefix("data: ")).expect("an event");
        let last: Value = serde_json::from_str(last).expect("json");
        let kind = ["/error/type", "/response/error/code", "/code"].iter().find_map(|at| last.pointer(at));
        assert_eq!(kind.and_then(Value::as_str), Some("permission_error"), "{what}: {last}");

        world.settled().await;
        count += 1;
        let record = world.records(count).await.pop().expect("a record");
        assert_eq!(record["outcome"], "withheld", "{what}: {record}");
        assert_eq!(record["code"], "guard_refused", "{what}");
        assert_eq!(record["guards"][0]["action"], "deny", "{what}");
        assert!(record["policies"][0]["source"].as_str().expect("a line").starts_with("pai.yaml:"), "{what}");
        assert!(record["settled"]["output"].as_u64() > Some(0), "{what}: {record}");
        assert!(!record.to_string().contains("previous instructions"), "no text is kept: {record}");
    }
}

/// A model that falls silent in the middle does not keep what it said before from being read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_lets_out_what_was_said_before() {
    let world = World::of(&reading_answers()).await;
    world.simulator.scenario(Scenario {
        output_tokens: 50,
        say: Some("Ice moves. ".repeat(10)),
        stall_after_events: Some(8),
        ..Scenario::default()
    });
    let (path, body) = requests().remove(0);
    let began = Instant::now();
    let answer = world.request(Method::POST, path, "coder").json(&body).send().await.expect("an answer");
    let mut stream = answer.bytes_stream();
    let mut text = String::new();
    while !text.contains("Ice moves") && !text.contains("moves. ") {
        assert!(began.elapsed() < Duration::from_secs(20), "{text}");
        text.push_str(&String::from_utf8_lossy(&stream.next().await.expect("more").expect("bytes")));
    }
    drop(stream);
    world.settled().await;
    assert_eq!(world.records(1).await[0]["outcome"], "client_gone");
}

/// A provider that packs its answer although nobody asked cannot be read: it counts as a guard that failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_not_let_through() {
    let world = World::of(&reading_answers()).await;
    world.simulator.scenario(Scenario { gzip_unasked: true, ..Scenario::default() });
    for stream in [false, true] {
        let (path, mut body) = requests().remove(0);
        body["stream"] = json!(stream);
        let answer = world.request(Method::POST, path, "coder").json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "stream {stream}");
        let refusal: Value = answer.json().await.expect("json");
        assert_eq!(refusal["error"]["details"]["error_code"], "guard_unavailable", "{refusal}");
    }
    world.settled().await;
    let records = world.records(2).await;
    assert!(records.iter().all(|record| record["guards"][0]["unavailable"] == "unreadable"), "{records:?}");
    assert!(
        records.iter().all(|record| record["settled"]["total"].as_u64() > Some(0)),
        "what it cost is counted"
    );
}
