//! What the simulator puts on the wire and into its log, seen from a bare socket.

use std::io::Read;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use pai_simulator::{Cut, Entry, Fault, Scenario, Settings, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than anything here takes, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(10);
const MESSAGES: &str = "POST /v1/messages";

async fn simulator() -> Simulator {
    Simulator::start(Settings::default()).await.expect("a simulator")
}

fn hello(stream: bool) -> Value {
    json!({ "model": "claude-haiku-4-5", "max_tokens": 100, "stream": stream,
            "messages": [{ "role": "user", "content": "Hello there" }] })
}

/// A socket on which `line` was asked.
async fn ask(simulator: &Simulator, line: &str, body: &str) -> TcpStream {
    let mut socket = TcpStream::connect(simulator.address()).await.expect("a connection");
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: simulated\r\nX-Api-Key: simulated\r\nanthropic-version: 2023-06-01\r\n\
         accept-encoding: gzip\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.expect("the head goes out");
    socket.write_all(body.as_bytes()).await.expect("the body goes out");
    socket
}

/// Everything up to the end of the connection, and in how many reads it came.
async fn rest(socket: &mut TcpStream) -> (Vec<u8>, usize) {
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut reads = 0;
    loop {
        match tokio::time::timeout(PATIENCE, socket.read(&mut buffer)).await.expect("an end") {
            Ok(0) | Err(_) => return (all, reads),
            Ok(count) => {
                reads += 1;
                all.extend_from_slice(&buffer[..count]);
            }
        }
    }
}

/// Head and body of the answer.
async fn answer(simulator: &Simulator, line: &str, body: &str) -> (String, Vec<u8>) {
    let (bytes, _) = rest(&mut ask(simulator, line, body).await).await;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes[end + 4..].to_vec())
}

/// The first entry, once it is as wanted.
async fn entry_that(simulator: &Simulator, wanted: impl Fn(&Entry) -> bool) -> Entry {
    let until = Instant::now() + PATIENCE;
    loop {
        let entries = simulator.log().entries();
        if let Some(entry) = entries.first().filter(|entry| wanted(entry)) {
            return entry.clone();
        }
        assert!(Instant::now() < until, "not in the log: {entries:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn whatever_is_asked_is_logged_and_answered_in_the_apis_shape() {
    let simulator = simulator().await;
    for (line, status, kind) in [
        ("GET /v1/messages", "405", "invalid_request_error"),
        ("DELETE /v1/models", "405", "invalid_request_error"),
        ("POST /v1/nothing?here=1", "404", "not_found_error"),
    ] {
        let (head, body) = answer(&simulator, line, "").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("x-pai-simulated: true") && head.contains("request-id: "), "{head}");
        assert_eq!(serde_json::from_slice::<Value>(&body).expect("json")["error"]["type"], kind);
    }
    assert_eq!(simulator.log().len(), 3);
}

#[tokio::test]
async fn a_cut_never_ends_as_a_whole_answer_does() {
    let simulator = simulator().await;
    for stream in [true, false] {
        for gzip in [true, false] {
            for cut in [Cut::Events(0), Cut::Bytes(0), Cut::Bytes(50)] {
                simulator.log().clear();
                simulator.push(Scenario { cut: Some(cut), gzip, ..Scenario::default() });
                let (head, body) = answer(&simulator, MESSAGES, &hello(stream).to_string()).await;
                let whole = head.contains(&format!("content-length: {}\r", body.len()));
                assert!(!whole && !body.ends_with(b"0\r\n\r\n"), "{cut:?} {head}");
                let entry = entry_that(&simulator, |_| true).await;
                assert!(!entry.finished && !entry.client_gone, "{entry:?}");
                assert_eq!(entry.sent_bytes, if cut == Cut::Bytes(50) { 50 } else { 0 });
            }
        }
    }
}

#[tokio::test]
async fn a_hangup_answers_nothing() {
    let simulator = simulator().await;
    simulator.push(Scenario { fault: Some(Fault::Hangup), ..Scenario::default() });
    let (bytes, _) = rest(&mut ask(&simulator, MESSAGES, &hello(false).to_string()).await).await;
    assert_eq!(bytes, b"");
    let entry = &simulator.log().entries()[0];
    assert!(!entry.finished && !entry.client_gone, "{entry:?}");
}

#[tokio::test]
async fn pieces_are_written_one_by_one() {
    let simulator = simulator().await;
    for stream in [true, false] {
        simulator.push(Scenario { piece_bytes: Some(1), ..Scenario::default() });
        let (bytes, reads) = rest(&mut ask(&simulator, MESSAGES, &hello(stream).to_string()).await).await;
        assert!(reads > 20, "{} bytes in {reads} reads", bytes.len());
        assert!(simulator.log().entries().iter().all(|entry| entry.finished));
    }
}

#[tokio::test]
async fn a_compressed_answer_says_the_same() {
    let simulator = simulator().await;
    let (_, plain) = answer(&simulator, MESSAGES, &hello(false).to_string()).await;
    simulator.push(Scenario { gzip: true, ..Scenario::default() });
    let (head, body) = answer(&simulator, MESSAGES, &hello(false).to_string()).await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut unpacked = Vec::new();
    GzDecoder::new(unchunked(&body).as_slice()).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain);
}

/// The data of a chunked body.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n").expect("a size");
        let size = std::str::from_utf8(&body[..line]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a number");
        if size == 0 {
            return data;
        }
        data.extend_from_slice(&body[line + 2..line + 2 + size]);
        body = &body[line + 2 + size + 2..];
    }
}

#[tokio::test]
async fn a_fault_is_worded_as_the_test_wants_it() {
    let simulator = simulator().await;
    simulator.push(Scenario {
        fault: Some(Fault::Worded {
            status: 400,
            kind: "invalid_request_error".to_owned(),
            message: "prompt is too long: 7 tokens > 5 maximum".to_owned(),
            headers: vec![("x-should-retry".to_owned(), "false".to_owned())],
        }),
        ..Scenario::default()
    });
    let (head, body) = answer(&simulator, MESSAGES, &hello(false).to_string()).await;
    assert!(head.contains("400 Bad Request") && head.contains("x-should-retry: false"), "{head}");
    let body: Value = serde_json::from_slice(&body).expect("json");
    assert_eq!(body["error"]["message"], "prompt is too long: 7 tokens > 5 maximum");
}

#[tokio::test]
async fn a_delay_before_the_first_byte_is_waited_once() {
    let simulator = simulator().await;
    let delay = Duration::from_millis(400);
    simulator.push(Scenario { first_byte_delay: delay, ..Scenario::default() });
    let before = Instant::now();
    answer(&simulator, MESSAGES, &hello(true).to_string()).await;
    assert!(before.elapsed() >= delay && before.elapsed() < 2 * delay, "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_before_and_in_the_answer() {
    let simulator = simulator().await;
    let slow = Scenario { first_byte_delay: Duration::from_secs(60), ..Scenario::default() };
    let stalled = Scenario { stall_after_events: Some(2), ..Scenario::default() };
    for (scenario, events) in [(slow, 0), (stalled, 2)] {
        simulator.log().clear();
        simulator.push(scenario);
        let socket = ask(&simulator, MESSAGES, &hello(true).to_string()).await;
        entry_that(&simulator, |entry| entry.sent_events == events).await;
        drop(socket);
        let entry = entry_that(&simulator, |entry| entry.client_gone).await;
        assert!(!entry.finished && entry.client_gone_after_ms.is_some(), "{entry:?}");
        assert_eq!(entry.reported.is_some(), events > 0, "{entry:?}");
    }
}

#[tokio::test]
async fn what_was_under_way_writes_nothing_into_a_cleared_log() {
    let simulator = simulator().await;
    simulator.push(Scenario { first_byte_delay: Duration::from_millis(200), ..Scenario::default() });
    let mut early = ask(&simulator, MESSAGES, &hello(false).to_string()).await;
    entry_that(&simulator, |_| true).await;
    simulator.log().clear();
    answer(&simulator, "GET /v1/models", "").await;
    rest(&mut early).await;
    let entries = simulator.log().entries();
    assert_eq!((entries.len(), entries[0].reported), (1, None), "{entries:?}");
}

#[tokio::test]
async fn a_stop_breaks_off_what_is_open_and_another_may_take_the_place() {
    let simulator = simulator().await;
    simulator.push(Scenario { stall_after_events: Some(2), ..Scenario::default() });
    let mut socket = ask(&simulator, MESSAGES, &hello(true).to_string()).await;
    entry_that(&simulator, |entry| entry.sent_events == 2).await;
    let (address, log) = (simulator.address(), simulator.log().clone());
    simulator.stop().await;
    assert!(!rest(&mut socket).await.0.ends_with(b"0\r\n\r\n"));
    assert!(!log.entries()[0].client_gone, "it was the simulator that left");
    assert!(TcpStream::connect(address).await.is_err(), "refused");
    let again = Simulator::start(Settings { listen: address }).await.expect("the same address");
    assert!(answer(&again, MESSAGES, &hello(false).to_string()).await.0.contains("200 OK"));
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_as_the_api_does_and_one_below_is_read() {
    let simulator = simulator().await;
    for (megabytes, status) in [(31, "200"), (40, "413")] {
        let mut body = hello(false);
        body["messages"][0]["content"] = json!("x".repeat(megabytes * 1024 * 1024));
        let (head, _) = answer(&simulator, MESSAGES, &body.to_string()).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
}

#[tokio::test]
async fn the_log_is_read_and_cleared_over_http() {
    let simulator = simulator().await;
    answer(&simulator, "POST /v1/messages?beta=true", &hello(false).to_string()).await;
    let (_, log) = answer(&simulator, "GET /__simulator/log", "").await;
    let log: Value = serde_json::from_slice(&log).expect("json");
    assert_eq!(log[0]["target"], "/v1/messages?beta=true");
    assert_eq!(log[0]["headers"][1], json!(["x-api-key", "simulated"]));
    assert_eq!(log[0]["reported"]["output"], 12);
    assert_eq!(
        serde_json::from_str::<Value>(log[0]["body"].as_str().expect("text")).ok(),
        Some(hello(false))
    );
    answer(&simulator, "DELETE /__simulator/log", "").await;
    assert!(simulator.log().is_empty());
}
