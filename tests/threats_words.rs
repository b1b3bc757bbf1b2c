//! Threats 28 and 29 of the list in `threats`: names of models that look like others, and providers that lie.

use std::net::SocketAddr;
use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_bundle::pattern::Pattern;
use pai_simulator::Scenario;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{World, hello};
use crate::threats::{OPEN, bodies};

/// 28. However a model is written: what is sent is what was decided on, to the byte.
#[tokio::test]
async fn the_model_that_is_called_is_the_one_that_was_decided_on() {
    let manifests = OPEN
        .replacen("apiKeySecretRef", "allowedModels: [claude-haiku-4-5, 'claude-sonnet-*'], deniedModels: [claude-sonnet-4-6], apiKeySecretRef", 1)
        .replace("providers: [anthropic, openai, google]", "providers: [anthropic]");
    let world = World::of(&manifests).await;
    let names = [
        "claude-haiku-4-5",
        "anthropic/claude-haiku-4-5",
        "claude-sonnet-4-5",
        "claude-sonnet-4-6",
        "Claude-Sonnet-4-6",
        "CLAUDE-HAIKU-4-5",
        "claude-sonnet-4-6 ",
        " claude-sonnet-4-6",
        "claude-sonnet-4-6\n",
        "claude-sonnet-4-6\0",
        "claude-sonnet-4-6\u{a0}",
        "claude-sonnet-4-6\u{200b}",
        "claude-s\u{43e}nnet-4-6",
        "\u{ff43}laude-sonnet-4-6",
        "claude\u{2010}sonnet\u{2010}4\u{2010}6",
        "anthropic/anthropic/claude-sonnet-4-6",
        "anthropic//claude-sonnet-4-6",
        "Anthropic/claude-haiku-4-5",
        "openai/gpt-4o",
        "anthropic/../openai/gpt-4o",
        "claude-haiku-4-5/../claude-sonnet-4-6",
        "claude-haiku-4-5?model=claude-sonnet-4-6",
        "claude-haiku-4-5#x",
        "claude-haiku-4-5,claude-sonnet-4-6",
        "claude-haiku-4-5;claude-sonnet-4-6",
        "*",
        "claude-*",
        "",
        "default",
        "claude-sonnet-4-6:online",
        "claude-haiku-4-5%20",
        "[claude-haiku-4-5]",
        "..",
        "anthropic/",
        "/claude-haiku-4-5",
    ];
    let allowed = |model: &str| {
        (model == "claude-haiku-4-5" || Pattern::new("claude-sonnet-*").matches(model))
            && model != "claude-sonnet-4-6"
    };
    let mut answered = 0;
    for name in names {
        for (path, mut body) in bodies(&json!("hi")) {
            body["model"] = json!(name);
            // What other APIs take beside it, and this one must not come to take for it.
            body["fallback_model"] = json!("claude-sonnet-4-6");
            body["metadata"] = json!({ "model": "claude-sonnet-4-6" });
            let request =
                world.request(Method::POST, &format!("/ext/v1/{path}?model=claude-sonnet-4-6"), "laptop");
            let request = request.header("x-model", "claude-sonnet-4-6").json(&body);
            let status = request.send().await.expect("an answer").status().as_u16();
            for entry in world.simulator.log().entries() {
                let sent: Value = serde_json::from_slice(&entry.body).expect("json");
                let model = sent["model"].as_str().expect("a model");
                assert!(allowed(model), "{name:?} by {path} became {model:?}");
                assert!(name.ends_with(model), "{name:?} by {path} became {model:?}");
                let text = String::from_utf8(entry.body.to_vec()).expect("text");
                let members = text.matches("\"model\"").count();
                assert!(members <= 2, "its own, and the client's metadata: {text}");
                answered += usize::from(status == 200);
            }
            world.simulator.log().clear();
            if !allowed(name) && !allowed(name.rsplit('/').next().unwrap_or_default()) {
                assert!((400..500).contains(&status), "{name:?} by {path}: {status}");
            }
        }
    }
    assert!(answered >= 12, "{answered}");
    // OpenRouter would take these in the place of the one that was allowed.
    for (path, mut body) in bodies(&json!("hi")).into_iter().filter(|(path, _)| *path == "chat/completions") {
        body["model"] = json!("claude-haiku-4-5");
        body["models"] = json!(["claude-sonnet-4-6"]);
        let request = world.request(Method::POST, &format!("/ext/v1/{path}"), "laptop").json(&body);
        assert_eq!(request.send().await.expect("an answer").status(), 400);
    }
    assert_eq!(world.simulator.log().len(), 0);
}

/// An answer of each dialect with this in the place of every counter, and this behind its end.
fn lying(path: &str, stream: bool, number: &str, behind: &str) -> String {
    match (path, stream) {
        ("messages", false) => format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"hi"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":{number},"output_tokens":{number}}}}}"#
        ),
        ("messages", true) => format!(
            "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{{\"input_tokens\":{number},\"output_tokens\":{number}}}}}}}\n\n\
             event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\n\
             event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"hi\"}}}}\n\n\
             event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":0}}\n\n\
             event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{{\"output_tokens\":{number}}}}}\n\n\
             event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n{behind}"
        ),
        ("chat/completions", false) => format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{number},"completion_tokens":{number},"total_tokens":{number}}}}}"#
        ),
        ("chat/completions", true) => format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"hi\"}},\"finish_reason\":\"stop\"}}]}}\n\n\
             data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{{\"prompt_tokens\":{number},\"completion_tokens\":{number},\"total_tokens\":{number}}}}}\n\n\
             data: [DONE]\n\n{behind}"
        ),
        (_, false) => format!(
            r#"{{"id":"r","object":"response","status":"completed","model":"m","output":[],"usage":{{"input_tokens":{number},"output_tokens":{number},"total_tokens":{number}}}}}"#
        ),
        (_, true) => format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":0,\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,\"delta\":\"hi\"}}\n\n\
             event: response.completed\ndata: {{\"type\":\"response.completed\",\"sequence_number\":1,\"response\":{{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"model\":\"m\",\"output\":[],\"usage\":{{\"input_tokens\":{number},\"output_tokens\":{number},\"total_tokens\":{number}}}}}}}\n\n{behind}"
        ),
    }
}

/// Budgets that lies could be told about.
const CAPPED: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec: {provider: anthropic, apiKeySecretRef: {name: key}, maxTokensPerDay: 1000000}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai}
spec: {provider: openai, apiKeySecretRef: {name: key}, responsesApi: native, maxTokensPerDay: 1000000}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: same-messages}
spec: {models: [anthropic/claude-sonnet-4-6]}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: same-openai}
spec: {models: [openai/gpt-4o]}
";

/// 29. Counters that cannot be are worth the hold; those that are too large are charged in full, with an alarm.
#[tokio::test]
async fn usage_that_cannot_be_true_is_bounded_or_an_alarm() {
    let cannot_be = [
        "-1",
        "-9223372036854775808",
        "1e308",
        "1.5",
        "\"7\"",
        "null",
        "[]",
        "{}",
        "true",
        "99999999999999999999999",
    ];
    let too_large = ["10000000", "18446744073709551615", "9223372036854775807"];
    // The path, who asks, and in which dialect the provider answers.
    let ways = [
        ("messages", "same-messages", "messages"),
        ("chat/completions", "same-openai", "chat/completions"),
        ("responses", "same-openai", "responses"),
        ("messages", "same-openai", "chat/completions"),
        ("chat/completions", "same-messages", "messages"),
        ("responses", "same-messages", "messages"),
    ];
    for (path, agent, spoken) in ways {
        for stream in [false, true] {
            let world = World::of(CAPPED).await;
            let mut number_of_records = 0;
            let mut send = async |number: &str, behind: &str| {
                let text = lying(spoken, stream, number, behind);
                world.simulator.push(Scenario { verbatim: Some(text.into()), ..Scenario::default() });
                let mut body =
                    bodies(&json!("hi")).into_iter().find(|(known, _)| *known == path).expect("it").1;
                body["model"] = json!("default");
                body["stream"] = json!(stream);
                match path {
                    "responses" => body["max_output_tokens"] = json!(16),
                    _ => body["max_tokens"] = json!(16),
                }
                let request = world.request(Method::POST, &format!("/v1/{path}"), agent).json(&body);
                let answer = request.send().await.expect("an answer");
                let status = answer.status().as_u16();
                let text = answer.text().await.unwrap_or_default();
                world.settled().await;
                number_of_records += 1;
                let record = world.records(number_of_records).await.pop().expect("a record");
                (status, text, record)
            };
            for number in cannot_be {
                let (status, _, record) = send(number, "").await;
                assert!([200, 502].contains(&status), "{path}, {stream}, {number}: {status}");
                let total = record["settled"]["total"].as_u64().expect("settled");
                let most = record["held"].as_u64().unwrap_or(0)
                    * record["attempts"].as_array().map_or(1, |all| all.len() as u64);
                assert!(total > 0 && total <= most, "{path}, {stream}, {number}: {record}");
                assert_eq!(record["settled"]["estimated"], true, "{path}, {stream}, {number}: {record}");
            }
            assert_eq!(world.gateway.ledger().breaches(), 0, "{path}, {stream}");
            // Told again, and after the end: what was said first, or last, and never both.
            if stream {
                let usage = lying(spoken, true, "7", "");
                let (status, text, record) = send("5", &usage).await;
                assert_eq!(status, 200, "{path}: {text}");
                let total = record["settled"]["total"].as_u64().expect("settled");
                assert!((10..=14).contains(&total), "{path}: {record}");
            }
            for number in too_large {
                let (status, _, record) = send(number, "").await;
                assert!([200, 429].contains(&status), "{path}, {stream}, {number}: {status}: {record}");
            }
            assert!(world.gateway.ledger().breaches() > 0, "{path}, {stream}: nobody was told");
            let provider = if agent == "same-messages" { "anthropic" } else { "openai" };
            let balance = world.balance(Scope::Provider, provider);
            assert!(balance.settled.0 >= 10_000_000 && balance.held.0 == 0, "{balance:?}");
            let (status, text, _) = send("5", "").await;
            assert_eq!(status, 429, "a budget that is overdrawn is spent: {text}");
        }
    }
}

/// A provider that answers every request with these bytes and closes.
async fn scripted(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                // The head and the small body come at once, or in two pieces.
                let _ = tokio::time::timeout(Duration::from_millis(100), async {
                    while socket.read(&mut request).await.is_ok_and(|count| count > 0) {}
                })
                .await;
                let _ = socket.write_all(&bytes).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    address
}

/// 29. Heads that are no HTTP, or that would be two answers to some client, end at the gateway.
#[tokio::test(flavor = "multi_thread")]
async fn heads_that_a_provider_should_not_send_do_not_reach_the_client() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
    let length = body.len();
    let whole = |head: &str| format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes();
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let evil = "HTTP/1.1 200 OK\r\nx-evil: 1\r\ncontent-length: 0\r\n\r\n";
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a carriage return in a value", whole(&format!("{ok}x-a: b\rx-evil: 1\r\n"))),
        ("a zero in a value", whole(&format!("{ok}x-a: b\0x-evil: 1\r\n"))),
        ("a folded line", whole(&format!("{ok}x-a: b\r\n x-evil: 1\r\n"))),
        ("a space in a name", whole(&format!("{ok}x evil: 1\r\n"))),
        ("two lengths", whole(&format!("{ok}content-length: 5\r\n"))),
        ("a negative length", format!("{ok}content-length: -5\r\n\r\n{body}").into_bytes()),
        (
            "length and chunks",
            format!("{ok}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{evil}")
                .into_bytes(),
        ),
        ("a second answer behind the first", [whole(ok), evil.as_bytes().to_vec()].concat()),
        (
            "a broken chunk",
            format!("{ok}transfer-encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n").into_bytes(),
        ),
        (
            "a chunk without an end",
            format!("{ok}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}").into_bytes(),
        ),
        ("a status that is none", whole("HTTP/1.1 99 X\r\n")),
        ("a status of four digits", whole("HTTP/1.1 2000 X\r\n")),
        ("another version", whole("HTTP/9.9 200 OK\r\n")),
        ("no HTTP", b"220 smtp.example ESMTP\r\n".to_vec()),
        ("nothing", Vec::new()),
        (
            "switching protocols",
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nx-evil: 1"
                .to_vec(),
        ),
        ("a head that is too long", format!("{ok}x-evil: {}\r\n\r\n", "a".repeat(1024 * 1024)).into_bytes()),
        ("too many headers", whole(&format!("{ok}{}", "x-evil: 1\r\n".repeat(10_000)))),
    ];
    for (what, bytes) in cases {
        let address = scripted(bytes).await;
        let alter = |bundle: &mut pai_bundle::Bundle| {
            for provider in &mut bundle.providers {
                provider.endpoint = format!("http://{address}");
                provider.retry.max_attempts = 1;
            }
        };
        let world =
            World::altered(CAPPED, alter, |settings| settings.upstream.read = Duration::from_secs(2)).await;
        let sent = world.message("same-messages", &hello(false)).send();
        let answer = tokio::time::timeout(Duration::from_secs(10), sent).await;
        let answer = answer
            .unwrap_or_else(|_| panic!("{what}: no answer"))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let status = answer.status().as_u16();
        assert!([200, 502].contains(&status), "{what}: {status}");
        assert!(!answer.headers().contains_key("x-evil"), "{what}: {:?}", answer.headers());
        let text = answer.text().await.unwrap_or_default();
        assert!(!text.contains("x-evil"), "{what}: {text}");
        world.settled().await;
        assert_eq!(world.gateway.ledger().breaches(), 0, "{what}");
    }
}
