//! Attacks on the wire: heads that two readers could take for different requests, leftover bodies, bombs. The numbers
//! are those of the list in `tests/threats.rs`.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use pai_bundle::limit::Scope;
use pai_simulator::{Fault, Scenario};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{MANIFESTS, World, hello};

/// What a smuggled request asks, so that it can be told in a log.
const SMUGGLED: &str = "smuggled in";

/// Sends bytes as they stand; what comes back until the gateway closes, and whether it did before a second had passed.
async fn send_raw(world: &World, bytes: &[u8]) -> (String, bool) {
    let mut socket = TcpStream::connect(world.gateway.address()).await.expect("a connection");
    // The gateway may close before it has read everything.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match tokio::time::timeout(Duration::from_secs(1), socket.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => return (String::from_utf8_lossy(&answer).into_owned(), true),
            Ok(Ok(count)) => answer.extend_from_slice(&piece[..count]),
            Err(_) => return (String::from_utf8_lossy(&answer).into_owned(), false),
        }
    }
}

fn status_of(answer: &str) -> Option<u16> {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok())
}

/// A whole request of the agent's.
fn request(world: &World, prompt: &str) -> String {
    let body = json!({ "model": "claude-sonnet-4-6", "max_tokens": 5,
        "messages": [{ "role": "user", "content": prompt }] });
    let body = body.to_string();
    format!("{}content-length: {}\r\n\r\n{body}", head(world), body.len())
}

/// The head of a request without its framing.
fn head(world: &World) -> String {
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {}\r\nanthropic-version: 2023-06-01\r\n",
        world.token("coder")
    )
}

/// 11. Every head whose length two readers could understand differently is refused and its connection closed; nothing
/// behind it is read as a request.
#[tokio::test]
async fn a_head_with_two_lengths_is_refused_and_nothing_behind_it_is_a_request() {
    let world = World::of(MANIFESTS).await;
    let inner = request(&world, SMUGGLED);
    let chunk = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    let all = inner.len() + 5;
    let framings = [
        // The chunks are over before the length is; and the other way round.
        format!("content-length: {all}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\ncontent-length: {all}\r\n\r\n0\r\n\r\n{inner}"),
        format!("content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"),
        format!("content-length: 0\r\ncontent-length: {}\r\n\r\n{inner}", inner.len()),
        format!("content-length: 0, {}\r\n\r\n{inner}", inner.len()),
        format!("content-length: +0\r\n\r\n{inner}"),
        format!("content-length: -1\r\n\r\n{inner}"),
        format!("content-length: 0x0\r\n\r\n{inner}"),
        format!("content-length: 0 0\r\n\r\n{inner}"),
        format!("content-length: \u{b}0\r\n\r\n{inner}"),
        format!("content-length : 0\r\n\r\n{inner}"),
        format!("content-length: 18446744073709551616\r\n\r\n{inner}"),
        format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding: identity\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n{inner}"),
        format!("x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("x: y\rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
        format!("x: y\0z\r\ncontent-length: 0\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\n\r\n+0\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\n\r\n10000000000000000\r\n\r\n{inner}"),
        format!("transfer-encoding: chunked\r\n\r\n1\n{inner}"),
    ];
    for framing in &framings {
        let name = framing.split("POST").next().unwrap_or_default();
        let (answer, closed) = send_raw(&world, format!("{}{framing}", head(&world)).as_bytes()).await;
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "two answers to {name:?}: {answer}");
        assert!(status_of(&answer).is_none_or(|status| status == 400), "{name:?}: {answer}");
        assert!(closed, "{name:?}: stays open after {answer}");
        assert_eq!(world.simulator.log().len(), 0, "{name:?} reached the provider");
    }
    // Version 1.0 has no chunks.
    let old = head(&world).replace("HTTP/1.1", "HTTP/1.0");
    let (answer, closed) =
        send_raw(&world, format!("{old}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}").as_bytes()).await;
    assert!(closed && answer.matches("HTTP/1").count() <= 1, "{answer}");
    assert_eq!(world.simulator.log().len(), 0);
    // The same twice is one, and what is in order is served, twice over one connection.
    let both = format!("{}{}", request(&world, "first"), request(&world, "second"));
    let (answer, _) = send_raw(&world, both.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert_eq!(world.simulator.log().len(), 2);
}

/// 12. What is refused before its body was read leaves nothing behind that is taken for the next request.
#[tokio::test]
async fn the_body_of_a_refused_request_is_never_a_request() {
    let world = World::of(MANIFESTS).await;
    let inner = request(&world, SMUGGLED);
    let padded = format!("{}{inner}", " ".repeat(100_000));
    let key = format!("x-api-key: {}\r\n", world.token("coder"));
    let nobody = head(&world).replace(&key, "");
    let two = head(&world) + "api-key: pak_other\r\n";
    let nowhere = head(&world).replace("/v1/messages", "/v1/nothing");
    let wrong_method = head(&world).replace("POST", "PUT");
    let unmetered = head(&world).replace("/v1/messages", "/v1/messages/batches");
    let waiting = nobody.clone() + "expect: 100-continue\r\n";
    for (what, head) in [
        ("no credential", nobody),
        ("two credentials", two),
        ("no such path", nowhere),
        ("another method", wrong_method),
        ("unmetered", unmetered),
        ("waits to be asked on", waiting),
    ] {
        for body in [&inner, &padded] {
            let plain = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let chunked =
                format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            for bytes in [plain, chunked] {
                let (answer, _) = send_raw(&world, bytes.as_bytes()).await;
                let finals = answer.matches("HTTP/1.1 4").count();
                assert_eq!(finals, 1, "{what}: {answer}");
                assert!(!answer.contains("HTTP/1.1 2"), "{what}: {answer}");
                assert_eq!(world.simulator.log().len(), 0, "{what} reached the provider");
            }
        }
    }
    assert_eq!(world.gateway.ledger().open_holds(), 0);
}

/// 15. A body over the limit is refused whether or not it says its length; `refusals` has the one that does.
#[tokio::test]
async fn a_body_over_the_limit_without_a_length_is_refused() {
    let world = World::of(MANIFESTS).await;
    let piece = Bytes::from(vec![b' '; 1024 * 1024]);
    let pieces = (0..33).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let sent = world.request(Method::POST, "/v1/messages", "coder").body(body).send().await;
    // It may close while the rest is still being sent.
    if let Ok(answer) = sent {
        assert_eq!(answer.status(), 413);
    }
    assert_eq!((world.simulator.log().len(), world.gateway.ledger().open_holds()), (0, 0));
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(text).expect("memory");
    packer.finish().expect("memory")
}

/// A gigabyte, packed into about one megabyte: many packs in a row are one.
fn bomb() -> Vec<u8> {
    packed(&vec![b' '; 1024 * 1024]).repeat(1024)
}

/// 16, towards us: nothing is unpacked, and nothing that a provider might unpack is sent there unread.
#[tokio::test]
async fn a_packed_request_is_refused_and_not_unpacked() {
    let world = World::of(MANIFESTS).await;
    let plain = hello(false).to_string();
    for (coding, body) in [
        ("gzip", bomb()),
        ("gzip", packed(plain.as_bytes())),
        // What is in order as it stands could be anything once it is unpacked.
        ("deflate", plain.clone().into_bytes()),
        ("br", plain.clone().into_bytes()),
        ("zstd", plain.clone().into_bytes()),
        ("identity, br", plain.clone().into_bytes()),
    ] {
        let request =
            world.request(Method::POST, "/v1/messages", "coder").header("content-type", "application/json");
        let answer = request.header("content-encoding", coding).body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 400, "{coding}");
        let body: Value = answer.json().await.expect("json");
        let message = body["error"]["message"].as_str().expect("a message");
        assert!(message.contains("content-encoding"), "{message}");
    }
    assert_eq!(world.simulator.log().len(), 0);
    let request =
        world.request(Method::POST, "/v1/messages", "coder").header("content-type", "application/json");
    let answer = request.header("content-encoding", "identity").body(plain).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[cfg(target_os = "linux")]
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// 16, towards the client: the meter stops to read, the bytes pass as they are, and the hold is counted in full.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_packed_answer_that_unpacks_without_end_is_passed_on_packed_and_counted_in_full() {
    let world = World::of(MANIFESTS).await;
    let bomb = Bytes::from(bomb());
    for kind in ["application/json", "text/event-stream"] {
        let headers = [("content-encoding", "gzip"), ("content-type", kind)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let fault = Fault::Verbatim { status: 200, headers, body: bomb.clone() };
        world.simulator.push(Scenario { fault: Some(fault), ..Scenario::default() });
        let before = resident_kib();
        let asked = tokio::spawn(world.message("coder", &hello(kind.starts_with("text"))).send());
        let mut most = 0;
        while !asked.is_finished() {
            most = most.max(resident_kib());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let answer = asked.await.expect("joined").expect("an answer");
        let body = answer.bytes().await.unwrap_or_default();
        assert!(body.len() <= bomb.len(), "{kind}: {} bytes", body.len());
        world.settled().await;
        let grown = most.saturating_sub(before);
        assert!(grown < 96 * 1024, "{kind}: {grown} KiB");
    }
    for record in world.records(2).await {
        let (total, held) = (record["settled"]["total"].as_u64(), record["held"].as_u64());
        assert!(total >= held && total > Some(0), "{record}");
    }
    assert!(world.balance(Scope::Agent, "coder").held.0 == 0);
}

/// Agents for every dialect, at a provider that speaks it and at one that does not.
const ALL: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec: {provider: anthropic, apiKeySecretRef: {name: key}, maxTokensPerDay: 100000000}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai}
spec: {provider: openai, apiKeySecretRef: {name: key}, responsesApi: native, maxTokensPerDay: 100000000}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: google}
spec: {provider: gemini, apiKeySecretRef: {name: key}, maxTokensPerDay: 100000000}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: anthropic-only}
spec: {models: [anthropic/claude-sonnet-4-6]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: openai-only}
spec: {models: [openai/gpt-4o]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: google-only}
spec: {models: [google/gemini-2.5-flash]}
";

const AGENTS: [&str; 3] = ["anthropic-only", "openai-only", "google-only"];

/// Every path, and a request in order without its opening brace.
const REST: [(&str, &str); 6] = [
    ("messages", r#""max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#),
    ("messages/count_tokens", r#""messages":[{"role":"user","content":"hi"}]}"#),
    ("chat/completions", r#""messages":[{"role":"user","content":"hi"}]}"#),
    ("responses", r#""input":"hi"}"#),
    ("completions", r#""prompt":"hi"}"#),
    ("embeddings", r#""input":"hi"}"#),
];

/// 17. Members that stand twice, and what no reader agrees on, are refused before anybody is asked.
#[tokio::test]
async fn json_that_readers_could_take_differently_is_refused_in_every_dialect() {
    let world = World::of(ALL).await;
    let (deep, wide) = ("[".repeat(10_000), "]".repeat(10_000));
    let bodies = |rest: &str, name: &str| {
        let start = |text: &str| format!("{{{text},{rest}").into_bytes();
        let mut bodies = vec![
            ("model twice", start(r#""model":"default","model":"gpt-4o""#)),
            ("model twice, the same", start(r#""model":"default","model":"default""#)),
            ("model twice, one escaped", start(r#""model":"default","mod\u0065l":"gpt-4o""#)),
            ("a model that is a number", start(r#""model":7"#)),
            ("a model that is a list", start(r#""model":["default"]"#)),
            ("a lone surrogate in the model", start(r#""model":"\ud800""#)),
            ("no text", b"\xff\xfe{}".to_vec()),
            ("broken text in the model", [b"{\"model\":\"\xc3\x28\",".as_slice(), rest.as_bytes()].concat()),
            ("a mark of byte order", format!("\u{feff}{{{rest}").into_bytes()),
            ("two documents", format!("{{{rest}{{{rest}").into_bytes()),
            ("something behind", format!("{{{rest}]").into_bytes()),
            ("a list", format!("[{{{rest}]").into_bytes()),
            ("a comment", format!("{{/**/{rest}").into_bytes()),
            ("a line break in a name", start("\"a\nb\":1")),
            ("depth as the whole", format!("{deep}{wide}").into_bytes()),
            ("depth without an end", deep.clone().into_bytes()),
            ("objects without an end", "{\"a\":".repeat(10_000).into_bytes()),
        ];
        if name != "embeddings" {
            bodies.push(("stream twice", start(r#""stream":false,"stream":true"#)));
        }
        if name != "embeddings" && name != "messages/count_tokens" {
            let limit = match name {
                "responses" => "max_output_tokens",
                _ => "max_tokens",
            };
            // Members that come with the rest are written twice by it.
            for value in ["-1", "1e400", "0.5", "99999999999999999999", "\"9\"", "[9]", "true"] {
                let rest = rest.replace("\"max_tokens\":9,", "");
                bodies.push(("a maximum that is none", format!("{{\"{limit}\":{value},{rest}").into_bytes()));
            }
            bodies
                .push(("a maximum twice", format!("{{\"{limit}\":1,\"{limit}\":100000,{rest}").into_bytes()));
        }
        bodies
    };
    for (path, rest) in REST {
        for (what, body) in bodies(rest, path) {
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            // Whoever is asked: it is refused before that is known.
            let request = world.request(Method::POST, &format!("/v1/{path}"), "openai-only");
            let answer = request.header("content-type", "application/json").body(body).send().await;
            let status = answer.expect("an answer").status().as_u16();
            assert_eq!(status, 400, "{path}, {what}: {shown}");
        }
    }
    assert_eq!(world.simulator.log().len(), 0);
    assert_eq!(world.gateway.ledger().open_holds(), 0);
}

/// 17. Depth, numbers and halves of characters where no decision rests on them: the provider's to judge, or refused,
/// and never the gateway's end.
#[tokio::test]
async fn json_that_is_only_unusual_never_hurts_the_gateway() {
    let world = World::of(ALL).await;
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let (object, brace) = ("{\"a\":".repeat(10_000), "}".repeat(10_000));
    let deep = format!("{open}{close}");
    let deeper = format!("{object}1{brace}");
    let values = [deep.as_str(), &deeper, "1e400", "123456789012345678901234567890", r#""\ud800""#];
    for value in values {
        let places = [
            (
                "messages",
                format!(
                    r#"{{"max_tokens":9,"metadata":{value},"messages":[{{"role":"user","content":"hi"}}]}}"#
                ),
            ),
            ("messages", format!(r#"{{"max_tokens":9,"messages":[{{"role":"user","content":{value}}}]}}"#)),
            (
                "messages",
                format!(
                    r#"{{"max_tokens":9,"messages":[{{"role":"assistant","content":[{{"type":"tool_use","id":"a","name":"b","input":{value}}}]}}]}}"#
                ),
            ),
            (
                "messages",
                format!(
                    r#"{{"max_tokens":9,"tools":[{{"name":"a","input_schema":{value}}}],"messages":[{{"role":"user","content":"hi"}}]}}"#
                ),
            ),
            ("messages/count_tokens", format!(r#"{{"messages":[{{"role":"user","content":{value}}}]}}"#)),
            (
                "chat/completions",
                format!(r#"{{"logit_bias":{value},"messages":[{{"role":"user","content":"hi"}}]}}"#),
            ),
            ("chat/completions", format!(r#"{{"messages":[{{"role":"user","content":{value}}}]}}"#)),
            (
                "chat/completions",
                format!(
                    r#"{{"tools":[{{"type":"function","function":{{"name":"a","parameters":{value}}}}}],"messages":[{{"role":"user","content":"hi"}}]}}"#
                ),
            ),
            ("responses", format!(r#"{{"input":{value}}}"#)),
            ("responses", format!(r#"{{"input":"hi","metadata":{value}}}"#)),
            ("completions", format!(r#"{{"prompt":{value}}}"#)),
            ("embeddings", format!(r#"{{"input":{value}}}"#)),
        ];
        for (path, body) in places {
            for agent in AGENTS {
                let shown: String = body.chars().take(120).collect();
                let request = world.request(Method::POST, &format!("/v1/{path}"), agent);
                let answer =
                    request.header("content-type", "application/json").body(body.clone()).send().await;
                let status = answer.expect("an answer").status().as_u16();
                assert!((200..500).contains(&status), "{path} of {agent}: {status} to {shown}");
            }
        }
    }
    world.settled().await;
    assert_eq!(world.gateway.ledger().breaches(), 0);
    let answer = world.message("anthropic-only", &hello(false)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "it still serves");
}
