//! Answers as providers send them, byte by byte, and what each is charged: `tests/golden/metering` has an answer and
//! beside it the settlement; other dialects than Anthropic's have folders of their own. The bytes that the client gets are
//! the provider's, or always the same translation of them, however they are cut and packed.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use pai_simulator::Scenario;
use serde_json::{Value, json};
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::support::World;
use crate::wires::client::Client;
use crate::wires::exchange::fixed;
use crate::wires::{PROVIDERS, reference, spoken, token};

/// Answers, with whether each is a stream.
fn answers(folder: &str) -> Vec<(PathBuf, bool)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metering").join(folder);
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_answer = |path: &PathBuf| path.extension().is_some_and(|extension| extension != "txt");
    let mut answers: Vec<_> = entries
        .filter(is_answer)
        .map(|path| (path.clone(), path.extension().is_some_and(|of| of == "sse")))
        .collect();
    answers.sort();
    answers
}

/// A request that an answer of any size fits.
fn asking(client: Client, model: &str, stream: bool) -> Value {
    let mut body = client.says(model, "Hello there");
    match client {
        Client::Messages => body["max_tokens"] = json!(20_000),
        Client::Chat => body["max_completion_tokens"] = json!(16_000),
        Client::Responses => body["max_output_tokens"] = json!(16_000),
        Client::Completions => body["max_tokens"] = json!(16_000),
        Client::Embeddings => return body,
    }
    body["stream"] = json!(stream);
    if stream && matches!(client, Client::Chat | Client::Completions) {
        body["stream_options"] = json!({ "include_usage": true });
    }
    body
}

/// A line for each class, as people add them up.
fn settlement(record: &Value) -> String {
    let held = record["held"].as_u64().unwrap_or_default();
    let settled = &record["settled"];
    let classes =
        ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "web_searches", "total"];
    let mut lines: Vec<_> = classes
        .into_iter()
        .filter_map(|class| {
            let number = settled[class].as_u64()?;
            // The prompt decides how much is held, and it is not what this is about.
            let number = if number == held { "all that was held".to_owned() } else { number.to_string() };
            Some(format!("{class}: {number}"))
        })
        .collect();
    if settled["total"] != record["held"] {
        lines.push(format!("cost: {} USD", settled["cost_usd"]));
    }
    lines.push(format!("estimated: {}", settled["estimated"]));
    lines.push(format!("outcome: {}\n", record["outcome"].as_str().unwrap_or_default()));
    lines.join("\n")
}

/// Cut and packed in these ways, an answer is the same.
const WAYS: [(Option<usize>, bool); 4] = [(None, false), (Some(2), false), (None, true), (Some(7), true)];

/// Folders of answers, with who asks which kind of provider for them.
async fn is_metered_as_written_and_delivered_as_sent(wires: &[(&str, Client, &str)]) {
    let world = World::of(PROVIDERS).await;
    let mut count = 0;
    for (folder, client, kind) in wires {
        let (client, kind) = (*client, *kind);
        let is_same = spoken(client, kind) == Some(client.dialect());
        for (path, stream) in answers(folder) {
            let answer = Bytes::from(std::fs::read(&path).expect("an answer"));
            let body = asking(client, &reference(kind), stream);
            let mut seen = Vec::new();
            for (piece_bytes, gzip) in WAYS {
                let verbatim = Some(answer.clone());
                // The gateway asks for streams that are not packed; some are all the same.
                let gzip_unasked = gzip && (stream || !is_same);
                world.simulator.push(Scenario {
                    verbatim,
                    piece_bytes,
                    gzip,
                    gzip_unasked,
                    ..Scenario::default()
                });
                let mut request = world.client.post(world.url(client.path())).json(&body);
                for (name, value) in client.headers(token(&world, kind)) {
                    request = request.header(name, value);
                }
                if gzip {
                    request = request.header("accept-encoding", "gzip");
                }
                let response = request.send().await.expect("an answer");
                assert_eq!(response.status(), 200, "{}", path.display());
                let is_packed = response.headers().contains_key("content-encoding");
                assert_eq!(is_packed, gzip && is_same, "{}", path.display());
                let delivered = response.bytes().await.expect("a whole body");
                let as_sent = delivered == answer;
                assert!(!is_same || gzip || as_sent, "{}: what was sent arrives", path.display());
                world.settled().await;
                count += 1;
                let settled = settlement(world.records(count).await.last().expect("a record"));
                let translated = (!is_same).then(|| fixed(&String::from_utf8_lossy(&delivered)));
                seen.push((settled, translated));
            }
            let first = seen.swap_remove(0);
            for other in seen {
                assert_eq!(other, first, "{}: cut or packed in another way", path.display());
            }
            is_written(&path, first.0);
        }
    }
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

#[tokio::test]
async fn every_message_is_metered_as_written_and_delivered_as_sent() {
    is_metered_as_written_and_delivered_as_sent(&[("", Client::Messages, "anthropic")]).await;
}

#[tokio::test]
async fn every_answer_of_openais_is_metered_as_written_and_delivered_as_sent() {
    is_metered_as_written_and_delivered_as_sent(&[
        ("chat", Client::Chat, "openai"),
        ("responses", Client::Responses, "openai"),
        ("completions", Client::Completions, "openai"),
        ("embeddings", Client::Embeddings, "openai"),
    ])
    .await;
}

#[tokio::test]
async fn every_accent_of_chat_completions_is_metered_as_written_and_delivered_as_sent() {
    is_metered_as_written_and_delivered_as_sent(&[
        ("azure-openai", Client::Chat, "azure-openai"),
        ("openrouter", Client::Chat, "openrouter"),
        ("vllm", Client::Chat, "vllm"),
    ])
    .await;
}

/// No client speaks Google's dialect.
#[tokio::test]
async fn every_answer_of_googles_is_metered_as_written_and_always_translated_alike() {
    is_metered_as_written_and_delivered_as_sent(&[("gemini", Client::Messages, "gemini")]).await;
}

/// Compares with the file beside the answer, or writes it.
fn is_written(answer: &Path, settlement: String) {
    let name = answer.file_name().and_then(|name| name.to_str()).expect("text");
    let expected = answer.with_file_name(format!("{name}.txt"));
    if !expected.exists() && std::env::var_os("SNAPSHOTS").is_some() {
        std::fs::write(&expected, "").expect("written");
    }
    let expected = Data::read_from(&expected, Some(DataFormat::Text)).raw();
    Assert::new().action_env("SNAPSHOTS").eq(Data::text(settlement).raw(), expected);
}
