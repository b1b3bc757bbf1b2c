//! The failure drill: every way in which a provider fails, seen by every kind of client, at a provider that speaks the
//! client's protocol and at one that does not. Whatever happens, the client gets an error as its own protocol has it, in
//! bounded time and memory, and nothing stays held.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use pai_runtime::Settings;
use pai_simulator::{Fault, Scenario};
use serde_json::{Value, json};

use crate::assemble;
use crate::support::World;

const MANIFESTS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  retry: {maxAttempts: 2, initialBackoffMs: 1, maxBackoffMs: 5}
  maxTokensPerDay: 1000000000
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai}
spec:
  provider: openai
  apiKeySecretRef: {name: key}
  responsesApi: native
  retry: {maxAttempts: 2, initialBackoffMs: 1, maxBackoffMs: 5}
  maxTokensPerDay: 1000000000
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: google}
spec:
  provider: gemini
  apiKeySecretRef: {name: key}
  retry: {maxAttempts: 2, initialBackoffMs: 1, maxBackoffMs: 5}
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

/// Silence for so long is too long, in this drill.
const READ: Duration = Duration::from_millis(700);
/// No answer takes longer: two attempts, each up to its silence, on a machine that has other things to do.
const LONGEST: Duration = Duration::from_secs(20);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Messages,
    Chat,
    Responses,
}

const CLIENTS: [Client; 3] = [Client::Messages, Client::Chat, Client::Responses];

/// One cell of the table.
#[derive(Debug, Clone, Copy)]
struct Cell {
    client: Client,
    /// Whether the provider speaks another protocol than the client.
    translated: bool,
    stream: bool,
}

fn cells() -> impl Iterator<Item = Cell> {
    CLIENTS.into_iter().flat_map(|client| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(translated, stream)| Cell {
            client,
            translated,
            stream,
        })
    })
}

/// What a client saw.
#[derive(Debug)]
struct Saw {
    status: u16,
    kind: String,
    retry_after: Option<String>,
    text: String,
    /// Bytes of the body, of which `text` is the beginning and the end.
    bytes: u64,
    /// Whether the connection broke off before the body's end.
    broke: bool,
    took: Duration,
}

/// Bytes of a body that are kept from either end.
const KEPT: usize = 64 * 1024;

impl Cell {
    /// An agent that has nothing but the provider in question.
    fn agent(self) -> &'static str {
        match (self.client, self.translated) {
            (Client::Messages, false) | (Client::Chat, true) => "anthropic-only",
            (Client::Messages, true) | (Client::Chat | Client::Responses, false) => "openai-only",
            (Client::Responses, true) => "google-only",
        }
    }

    fn path(self) -> &'static str {
        match self.client {
            Client::Messages => "/v1/messages",
            Client::Chat => "/v1/chat/completions",
            Client::Responses => "/v1/responses",
        }
    }

    fn body(self, prompt: &str) -> Value {
        let messages = json!([{ "role": "user", "content": prompt }]);
        let mut body = match self.client {
            Client::Messages => json!({ "max_tokens": 100, "messages": messages }),
            Client::Chat => json!({ "max_completion_tokens": 100, "messages": messages }),
            Client::Responses => json!({ "max_output_tokens": 100, "input": prompt }),
        };
        body["model"] = json!("default");
        body["stream"] = json!(self.stream);
        body
    }

    async fn ask(self, world: &World, prompt: &str) -> Saw {
        let started = Instant::now();
        let request =
            world.request(reqwest::Method::POST, self.path(), self.agent()).json(&self.body(prompt));
        let asked = tokio::time::timeout(LONGEST, async {
            let response = request.send().await.expect("a head");
            let header = |name: &str| {
                let value = response.headers().get(name).and_then(|value| value.to_str().ok());
                value.map(str::to_owned)
            };
            let (kind, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
            let status = response.status().as_u16();
            let (mut kept, mut bytes, mut broke) = (Vec::new(), 0, false);
            let mut body = response.bytes_stream();
            while let Some(piece) = body.next().await {
                let Ok(piece) = piece else {
                    broke = true;
                    break;
                };
                bytes += piece.len() as u64;
                kept.extend_from_slice(&piece);
                if kept.len() > 4 * KEPT {
                    kept.drain(KEPT..kept.len() - KEPT);
                }
            }
            let text = String::from_utf8_lossy(&kept).into_owned();
            Saw { status, kind, retry_after, text, bytes, broke, took: started.elapsed() }
        });
        asked.await.unwrap_or_else(|_| panic!("{self:?} takes longer than {LONGEST:?}: {prompt}"))
    }

    /// Whether this is an error object as the client's protocol has it, with a message.
    fn is_error(self, text: &str) -> bool {
        let Ok(body) = serde_json::from_str::<Value>(text) else { return false };
        let error = &body["error"];
        let is_of_anthropic = body["type"] == "error";
        let is_said = error["message"].as_str().is_some_and(|message| !message.is_empty());
        is_said && error["type"].is_string() && is_of_anthropic == (self.client == Client::Messages)
    }

    /// Whether a stream ends with its protocol's own error event.
    fn ends_with_an_error(self, text: &str) -> bool {
        let events = assemble::events(text);
        let last = |place: usize| {
            let event = events.len().checked_sub(place).and_then(|at| events.get(at));
            event.map(|(name, data)| (name.as_str(), serde_json::from_str::<Value>(data).unwrap_or_default()))
        };
        match self.client {
            Client::Messages => last(1).is_some_and(|(name, data)| {
                name == "error" && data["type"] == "error" && data["error"]["message"].is_string()
            }),
            Client::Chat => last(1).is_some_and(|(_, data)| data["error"]["message"].is_string()),
            // What was begun is said to have failed, or the stream's own error stands there.
            Client::Responses => last(1).is_some_and(|(name, data)| {
                (name == "error" && data["message"].is_string())
                    || (name == "response.failed" && data["response"]["error"]["message"].is_string())
            }),
        }
    }

    /// Whether a stream says anywhere that it is complete.
    fn is_complete(self, text: &str) -> bool {
        let events = assemble::events(text);
        events.iter().any(|(name, data)| match self.client {
            Client::Messages => name == "message_stop",
            Client::Chat => data == "[DONE]",
            Client::Responses => name == "response.completed" || name == "response.incomplete",
        })
    }

    /// A refusal before anything of an answer.
    fn assert_refused(self, saw: &Saw, status: u16, what: &str) {
        assert_eq!(saw.status, status, "{what}, {self:?}: {saw:?}");
        assert!(saw.kind.starts_with("application/json"), "{what}, {self:?}: {saw:?}");
        assert!(self.is_error(&saw.text) && !saw.broke, "{what}, {self:?}: {saw:?}");
    }

    /// A stream that stopped in the middle: said so, and never as if it were whole.
    fn assert_broken(self, saw: &Saw, what: &str) {
        assert_eq!(saw.status, 200, "{what}, {self:?}: {saw:?}");
        assert!(!self.is_complete(&saw.text), "{what}, {self:?}: {saw:?}");
        assert!(saw.broke && self.ends_with_an_error(&saw.text), "{what}, {self:?}: {saw:?}");
    }
}

fn quick(settings: &mut Settings) {
    settings.upstream.read = READ;
    settings.hold_wait = Duration::ZERO;
}

/// Plays one prompt in every cell, a few at a time; afterwards nothing is held.
async fn drill(world: &World, prompt: &str, check: impl Fn(Cell, &Saw)) {
    let asked =
        futures_util::stream::iter(cells()).map(|cell| async move { (cell, cell.ask(world, prompt).await) });
    let saw: Vec<(Cell, Saw)> = asked.buffer_unordered(4).collect().await;
    assert_eq!(saw.len(), 12);
    for (cell, saw) in &saw {
        check(*cell, saw);
    }
    world.settled().await;
    assert_eq!(world.gateway.ledger().breaches(), 0, "{prompt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_provider_are_errors_of_the_clients_protocol_with_their_status() {
    let world = World::with(MANIFESTS, quick).await;
    for status in [500, 503, 529, 429] {
        drill(&world, &format!("[[simulate: error={status}]]"), |cell, saw| {
            cell.assert_refused(saw, status, "an error");
            assert_eq!(saw.retry_after, None, "{cell:?}: {saw:?}");
        })
        .await;
    }
    for status in [429, 503] {
        drill(&world, &format!("[[simulate: error={status} retry_after=31]]"), |cell, saw| {
            cell.assert_refused(saw, status, "an error with a time");
            assert_eq!(saw.retry_after.as_deref(), Some("31"), "{cell:?}: {saw:?}");
        })
        .await;
    }
    // Nobody charges for an error.
    let text = std::fs::read_to_string(world.state.path().join("records.jsonl")).expect("records");
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        assert!(record["settled"].is_null(), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_nothing_or_hangs_up_is_a_bad_gateway() {
    let world = World::with(MANIFESTS, quick).await;
    drill(&world, "[[simulate: hangup]]", |cell, saw| cell.assert_refused(saw, 502, "hung up")).await;
    drill(&world, "[[simulate: silence]]", |cell, saw| {
        cell.assert_refused(saw, 502, "silent");
        assert!(saw.took >= READ, "{cell:?}: {saw:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_nobody_reaches_is_a_bad_gateway() {
    let alter = |bundle: &mut pai_bundle::Bundle| {
        for provider in &mut bundle.providers {
            // Nothing listens there.
            "http://127.0.0.1:9".clone_into(&mut provider.endpoint);
        }
    };
    let world = World::altered(MANIFESTS, alter, quick).await;
    drill(&world, "Hello", |cell, saw| cell.assert_refused(saw, 502, "unreachable")).await;
    assert_eq!(world.simulator.log().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stops_in_the_middle_says_so_in_the_clients_protocol() {
    let world = World::with(MANIFESTS, quick).await;
    for order in ["cut_at_event=6", "stall_at_event=6"] {
        // Gemini's answers have fewer events, so that all of them have more than six.
        drill(&world, &format!("[[simulate: {order} output=80]]"), |cell, saw| {
            if cell.stream {
                cell.assert_broken(saw, order);
            } else {
                // One document is one event: it comes whole.
                assert_eq!((saw.status, saw.broke), (200, false), "{order}, {cell:?}: {saw:?}");
            }
        })
        .await;
    }
    for order in ["cut_at_byte=40", "stall_at_byte=40"] {
        // Stalls by bytes have no word in prompts.
        let (prompt, stall) = if order.starts_with("cut") {
            ("[[simulate: cut_at_byte=40]]", None)
        } else {
            ("Hello", Some(40))
        };
        world.simulator.scenario(Scenario { stall_after_bytes: stall, ..Scenario::default() });
        drill(&world, prompt, |cell, saw| {
            if cell.stream || cell.translated {
                // Before anything of the answer.
                cell.assert_refused(saw, 502, order);
            } else {
                assert_eq!((saw.status, saw.broke, saw.bytes), (200, true, 40), "{order}, {cell:?}: {saw:?}");
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_stream_is_an_error_of_the_clients_protocol() {
    let world = World::with(MANIFESTS, quick).await;
    drill(&world, "[[simulate: error_at_event=0]]", |cell, saw| {
        if cell.stream {
            assert!(saw.status >= 500, "{cell:?}: {saw:?}");
            cell.assert_refused(saw, saw.status, "an error before content");
        }
    })
    .await;
    drill(&world, "[[simulate: error_at_event=6 output=80]]", |cell, saw| {
        if cell.stream {
            assert_eq!(saw.status, 200, "{cell:?}: {saw:?}");
            assert!(!cell.is_complete(&saw.text), "{cell:?}: {saw:?}");
            assert!(cell.ends_with_an_error(&saw.text), "{cell:?}: {saw:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_place_of_an_error_is_passed_on_or_an_error_of_the_clients_protocol() {
    let world = World::with(MANIFESTS, quick).await;
    drill(&world, "[[simulate: html]]", |cell, saw| {
        if cell.translated {
            cell.assert_refused(saw, 502, "a page");
            assert!(!saw.text.contains('<'), "{cell:?}: {saw:?}");
        } else {
            // A provider's own words are not touched, whatever they are.
            assert_eq!(
                (saw.status, saw.kind.as_str(), saw.broke),
                (502, "text/html", false),
                "{cell:?}: {saw:?}"
            );
        }
    })
    .await;
}

/// An answer with status 200 that is none: passed on where the client can judge it, refused where it would have to be
/// translated, and charged in full wherever it is not known what was used.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_never_translated_into_one() {
    let world = World::with(MANIFESTS, quick).await;
    let page = Scenario {
        verbatim: Some("<html><body>[simulated] Welcome</body></html>".into()),
        content_type: Some("text/html".to_owned()),
        ..Scenario::default()
    };
    let garbage = Scenario { fault: Some(Fault::Garbage), ..Scenario::default() };
    let empty = Scenario {
        verbatim: Some("{}".into()),
        content_type: Some("application/json".to_owned()),
        ..Scenario::default()
    };
    for (what, scenario) in [("a page", page), ("garbage", garbage), ("an empty object", empty)] {
        world.simulator.scenario(scenario);
        drill(&world, "Hello", |cell, saw| {
            if cell.translated {
                cell.assert_refused(saw, 502, what);
            } else {
                assert_eq!((saw.status, saw.broke), (200, false), "{what}, {cell:?}: {saw:?}");
            }
        })
        .await;
    }
    let text = std::fs::read_to_string(world.state.path().join("records.jsonl")).expect("records");
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        let (held, attempts) =
            (record["held"].as_u64(), record["attempts"].as_array().map_or(0, Vec::len) as u64);
        assert_eq!(record["settled"]["total"].as_u64(), held.map(|held| held * attempts), "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_content_type_is_never_taken_for_the_other_form() {
    let world = World::with(MANIFESTS, quick).await;
    for kind in ["text/plain", "application/octet-stream", "TEXT/EVENT-STREAM"] {
        world.simulator.scenario(Scenario { content_type: Some(kind.to_owned()), ..Scenario::default() });
        drill(&world, "Hello", |cell, saw| {
            let is_named_stream = kind.eq_ignore_ascii_case("text/event-stream");
            if (cell.translated || is_named_stream) && cell.stream != is_named_stream {
                cell.assert_refused(saw, 502, kind);
            } else if !cell.translated {
                assert_eq!((saw.status, saw.kind.as_str()), (200, kind), "{cell:?}: {saw:?}");
            } else {
                assert_eq!((saw.status, saw.broke), (200, false), "{kind}, {cell:?}: {saw:?}");
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_between_events_never_becomes_an_answer_that_is_whole_and_broken_at_once() {
    let world = World::with(MANIFESTS, quick).await;
    drill(&world, "[[simulate: garbage_at_event=6 output=80]]", |cell, saw| {
        if !cell.stream {
            return;
        }
        assert_eq!(saw.status, 200, "{cell:?}: {saw:?}");
        let (complete, failed) = (cell.is_complete(&saw.text), cell.ends_with_an_error(&saw.text));
        assert!(complete != failed, "{cell:?}: {saw:?}");
        if !cell.translated {
            assert!(
                complete && saw.text.contains("[simulated] {{{ not json"),
                "{cell:?}: bytes pass untouched"
            );
        }
    })
    .await;
}

/// What this process has resident.
#[cfg(target_os = "linux")]
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Events and documents larger than anything that may be kept, the client and the provider in the same process as the
/// gateway: none of the three keeps them.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_end_costs_no_memory_and_disturbs_no_other_stream() {
    const EVENT: u64 = 128 * 1024 * 1024;
    // Documents that are translated are kept up to 32 MiB, twice: by the meter and by the translation. While their
    // vectors grow, half as much again.
    const MOST_KIB: u64 = 112 * 1024;
    let world = World::with(MANIFESTS, |settings| settings.upstream.read = Duration::from_secs(30)).await;
    let prompt = format!("[[simulate: huge_event={EVENT}]]");
    let before = resident_kib();
    let mut most = 0;
    for cell in cells() {
        let asked = cell.ask(&world, &prompt);
        tokio::pin!(asked);
        let saw = loop {
            tokio::select! {
                saw = &mut asked => break saw,
                () = tokio::time::sleep(Duration::from_millis(5)) => most = most.max(resident_kib()),
            }
        };
        if cell.translated && !cell.stream {
            cell.assert_refused(&saw, 502, "an endless document");
        } else if cell.translated {
            // An event that cannot be read may have been anything: the answer is not whole.
            assert!(!cell.is_complete(&saw.text), "{cell:?}: {saw:?}");
            assert!(saw.bytes < 1024 * 1024, "{cell:?}: {}", saw.bytes);
        } else {
            assert!(saw.bytes > EVENT && !saw.broke, "{cell:?}: {}", saw.bytes);
        }
    }
    world.settled().await;
    let grown = most.saturating_sub(before);
    println!("{grown} KiB more while {} MiB went through", 12 * EVENT / 1024 / 1024);
    assert!(grown < MOST_KIB, "{grown} KiB");
    // The next answer is like any other.
    let cell = Cell { client: Client::Messages, translated: false, stream: true };
    assert!(cell.is_complete(&cell.ask(&world, "Hello").await.text));
}
