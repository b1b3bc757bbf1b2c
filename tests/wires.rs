//! What goes over the wire between every kind of client and every kind of provider, message by message:
//! `tests/golden/wires/CLIENT-to-PROVIDER` has a file for each case. Where both speak one dialect, the bytes are the same.

pub(crate) mod client;
pub(crate) mod exchange;
pub(crate) mod recorded;

use std::collections::BTreeSet;

use bytes::Bytes;
use pai_protocol::Dialect;
use pai_simulator::{Fault, Scenario};
use serde_json::{Value, json};
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::support::World;
use client::Client;
use exchange::{Exchange, exchange};
use recorded::folder;

/// A provider of each kind, named as its kind, and for each an agent that may use no other.
pub(crate) const PROVIDERS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec: {provider: anthropic, apiKeySecretRef: {name: key}, retry: {maxAttempts: 1}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai}
spec: {provider: openai, apiKeySecretRef: {name: key}, retry: {maxAttempts: 1}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: gemini}
spec: {provider: gemini, apiKeySecretRef: {name: key}, retry: {maxAttempts: 1}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openrouter}
spec: {provider: openrouter, apiKeySecretRef: {name: key}, retry: {maxAttempts: 1}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: azure-openai}
spec:
  provider: azure-openai
  endpoint: https://resource.openai.azure.com
  apiVersion: '2024-10-21'
  apiKeySecretRef: {name: key}
  retry: {maxAttempts: 1}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: vllm}
spec: {provider: vllm, endpoint: 'http://127.0.0.1:8000/v1', retry: {maxAttempts: 1}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: of-anthropic}
spec: {models: [anthropic/claude-sonnet-4-6], tokens: {maxPerDay: 10000000000}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: of-openai}
spec: {models: [openai/gpt-4o], tokens: {maxPerDay: 10000000000}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: of-gemini}
spec: {models: [gemini/gemini-3-pro-preview], tokens: {maxPerDay: 10000000000}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: of-openrouter}
spec: {models: [openrouter/meta-llama/llama-3.3-70b], tokens: {maxPerDay: 10000000000}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: of-azure-openai}
spec: {models: [azure-openai/chat-deployment], tokens: {maxPerDay: 10000000000}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: of-vllm}
spec: {models: [vllm/llama], tokens: {maxPerDay: 10000000000}}
";

/// Kinds of providers, each with the model that it is asked for.
pub(crate) const KINDS: [(&str, &str); 6] = [
    ("anthropic", "claude-sonnet-4-6"),
    ("openai", "gpt-4o"),
    ("gemini", "gemini-3-pro-preview"),
    ("openrouter", "meta-llama/llama-3.3-70b"),
    ("azure-openai", "chat-deployment"),
    ("vllm", "llama"),
];

/// The model that a kind is asked for, as its provider's.
pub(crate) fn reference(kind: &str) -> String {
    let (_, model) = KINDS.iter().find(|(known, _)| *known == kind).expect("a kind");
    format!("{kind}/{model}")
}

/// The credential of the agent for a kind.
pub(crate) fn token<'a>(world: &'a World, kind: &str) -> &'a str {
    world.token(&format!("of-{kind}"))
}

/// What a provider of a kind is spoken to in, for this client; `None` where there is nothing of the kind.
pub(crate) fn spoken(client: Client, kind: &str) -> Option<Dialect> {
    match (client, kind) {
        (Client::Embeddings, "anthropic") | (Client::Completions, "anthropic" | "gemini") => None,
        (Client::Embeddings | Client::Completions, _) | (Client::Responses, "openai") => {
            Some(client.dialect())
        }
        (_, "anthropic") => Some(Dialect::Messages),
        (_, "gemini") => Some(Dialect::Gemini),
        _ => Some(Dialect::Chat),
    }
}

/// One case: what is asked, and how it is answered.
struct Script {
    name: &'static str,
    ask: fn(Client, &str) -> Value,
    stream: bool,
    /// The tools are called, and the conversation goes on with their results.
    goes_on: bool,
    scenario: fn() -> Scenario,
}

fn thoughtful() -> Scenario {
    Scenario { thinking_tokens: 6, cache_read: 5, ..Scenario::default() }
}

fn broken(fault: Fault) -> Scenario {
    Scenario { fault: Some(fault), ..Scenario::default() }
}

/// Every case of a client of conversations.
const SCRIPTS: [Script; 9] = [
    Script { name: "words", ask: Client::words, stream: false, goes_on: false, scenario: Scenario::default },
    Script {
        name: "words-stream",
        ask: Client::words,
        stream: true,
        goes_on: false,
        scenario: Scenario::default,
    },
    Script { name: "tools", ask: Client::tools, stream: false, goes_on: true, scenario: Scenario::default },
    Script {
        name: "tools-stream",
        ask: Client::tools,
        stream: true,
        goes_on: true,
        scenario: Scenario::default,
    },
    Script { name: "thinking", ask: Client::thinking, stream: false, goes_on: true, scenario: thoughtful },
    Script {
        name: "thinking-stream",
        ask: Client::thinking,
        stream: true,
        goes_on: true,
        scenario: thoughtful,
    },
    Script {
        name: "refused",
        ask: Client::words,
        stream: false,
        goes_on: false,
        scenario: || broken(Fault::Status { status: 400, retry_after: None }),
    },
    Script {
        name: "busy",
        ask: Client::words,
        stream: true,
        goes_on: false,
        scenario: || broken(Fault::Status { status: 429, retry_after: Some(7) }),
    },
    Script {
        name: "error-in-the-stream",
        ask: Client::words,
        stream: true,
        goes_on: false,
        scenario: || Scenario { output_tokens: 40, error_after_events: Some(6), ..Scenario::default() },
    },
];

/// Chat completions tell what they used only to who asks.
const TELLING: Script = Script {
    name: "words-stream-with-usage",
    ask: |client, model| {
        let mut body = client.words(model);
        body["stream_options"] = json!({ "include_usage": true });
        body
    },
    stream: true,
    goes_on: false,
    scenario: thoughtful,
};

fn scripts(client: Client) -> Vec<&'static Script> {
    let all = SCRIPTS.iter();
    match client {
        Client::Chat => all.chain([&TELLING]).collect(),
        Client::Messages | Client::Responses => all.collect(),
        Client::Completions => all.filter(|script| !script.goes_on).chain([&TELLING]).collect(),
        Client::Embeddings => all.filter(|script| !script.goes_on && !script.stream).collect(),
    }
}

impl Script {
    /// Plays it: the exchanges, in order.
    async fn play(&self, world: &World, client: Client, kind: &str, write: Write) -> Vec<Exchange> {
        let scenario = (self.scenario)();
        let as_wished = |mut body: Value| {
            if self.stream {
                body["stream"] = json!(true);
            }
            write(client, body)
        };
        let body = (self.ask)(client, &reference(kind));
        let mut exchanges = vec![exchange(world, client, kind, as_wished(body.clone()), &scenario).await];
        if self.goes_on {
            // A stream's answer put together is the plain one.
            let plain = exchange(world, client, kind, write(client, body.clone()), &scenario).await;
            let next = client.goes_on(&body, &plain.client_is_answered.json());
            exchanges.push(exchange(world, client, kind, as_wished(next), &scenario).await);
        }
        exchanges
    }
}

/// The bytes of a body.
type Write = fn(Client, Value) -> Bytes;

#[expect(clippy::needless_pass_by_value, reason = "one of several with this signature")]
fn plainly(_: Client, body: Value) -> Bytes {
    body.to_string().into()
}

async fn every_message_is_as_written_for(client: Client) {
    let world = World::of(PROVIDERS).await;
    let kinds = KINDS.iter().filter(|(kind, _)| spoken(client, kind).is_some());
    for (kind, _) in kinds {
        let folder = folder(client, kind);
        let mut written = BTreeSet::new();
        for script in scripts(client) {
            let exchanges = script.play(&world, client, kind, plainly).await;
            let expected = if matches!(script.name, "refused" | "busy") { [400, 429] } else { [200, 200] };
            for exchange in &exchanges {
                let status = exchange.client_is_answered.line.parse::<u16>().expect("a status");
                assert!(expected.contains(&status), "{client:?} to {kind}, {}: {exchange:?}", script.name);
            }
            let shown: Vec<String> =
                exchanges.iter().map(|exchange| exchange.shown(token(&world, kind))).collect();
            let path = folder.join(format!("{}.txt", script.name));
            if !path.exists() && std::env::var_os("SNAPSHOTS").is_some() {
                std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, "")).expect("written");
            }
            let expected = Data::read_from(&path, Some(DataFormat::Text)).raw();
            Assert::new().action_env("SNAPSHOTS").eq(Data::text(shown.join("\n")).raw(), expected);
            written.insert(path);
        }
        let entries = std::fs::read_dir(&folder).expect("a folder");
        let there: BTreeSet<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(there, written, "files without a case");
    }
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

#[tokio::test]
async fn every_message_of_clients_of_messages_is_as_written() {
    every_message_is_as_written_for(Client::Messages).await;
}

#[tokio::test]
async fn every_message_of_clients_of_chat_completions_is_as_written() {
    every_message_is_as_written_for(Client::Chat).await;
}

#[tokio::test]
async fn every_message_of_clients_of_responses_is_as_written() {
    every_message_is_as_written_for(Client::Responses).await;
}

#[tokio::test]
async fn every_message_of_clients_of_completions_and_embeddings_is_as_written() {
    every_message_is_as_written_for(Client::Completions).await;
    every_message_is_as_written_for(Client::Embeddings).await;
}

/// A body as no library writes it, with spaces, line ends, an escape and a field that nobody knows; and one to which
/// nothing need be added.
fn oddly(client: Client, mut body: Value) -> Bytes {
    client.bounded(&mut body);
    if matches!(client, Client::Chat | Client::Completions) && body["stream"] == true {
        body["stream_options"] = json!({ "include_usage": true });
    }
    let text = serde_json::to_string_pretty(&body).expect("text");
    let text = text.replacen('{', "\t{ \"future\" :{\"b\":1e2,\"a\":[ ]}\r\n,", 1);
    text.replace("Hello", "H\\u0065llo 🙂\\/").replace("\": ", "\"  :").into()
}

/// Pairs that speak one dialect.
fn of_one_dialect() -> Vec<(Client, &'static str)> {
    let clients =
        [Client::Messages, Client::Chat, Client::Responses, Client::Completions, Client::Embeddings];
    let pairs = clients.into_iter().flat_map(|client| KINDS.map(|(kind, _)| (client, kind)));
    pairs.filter(|(client, kind)| spoken(*client, kind) == Some(client.dialect())).collect()
}

#[tokio::test]
async fn where_both_speak_one_dialect_bytes_are_the_same_but_for_credential_and_model() {
    let world = World::of(PROVIDERS).await;
    let pairs = of_one_dialect();
    assert_eq!(pairs.len(), 1 + 4 + 1 + 4 + 5);
    for (client, kind) in pairs {
        for script in scripts(client) {
            for exchange in script.play(&world, client, kind, oddly).await {
                let place = format!("{client:?} to {kind}, {}", script.name);
                let Exchange { client_asks, provider_is_asked, provider_answers, client_is_answered } =
                    exchange;
                let asked = String::from_utf8(client_asks.body.to_vec()).expect("text");
                let sent = String::from_utf8(provider_is_asked.body.to_vec()).expect("text");
                assert!(asked.contains("{\"b\":1e2,\"a\":[ ]}\r\n,"), "{place}: {asked}");
                assert_eq!(sent, asked.replace(&format!("\"{kind}/"), "\""), "{place}");
                assert_eq!(client_is_answered.line, provider_answers.line, "{place}");
                assert_eq!(client_is_answered.body, provider_answers.body, "{place}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_that_was_not_asked_what_it_used_is_the_same_but_for_that_chunk() {
    let world = World::of(PROVIDERS).await;
    let pairs = of_one_dialect();
    let counting = |(client, _): &&(Client, _)| matches!(client, Client::Chat | Client::Completions);
    for (client, kind) in pairs.iter().filter(counting) {
        let mut body = client.words(&reference(kind));
        client.bounded(&mut body);
        body["stream"] = json!(true);
        let exchange = exchange(&world, *client, kind, body.to_string().into(), &Scenario::default()).await;
        let asked = body.to_string().replace(&format!("{kind}/"), "");
        let asked = asked.replacen('{', "{\"stream_options\":{\"include_usage\":true},", 1);
        assert_eq!(exchange.provider_is_asked.body, asked, "{client:?} to {kind}");
        let given = String::from_utf8(exchange.provider_answers.body.to_vec()).expect("text");
        let tells = |event: &str| event.contains("\"choices\":[]") && event.contains("\"usage\":{");
        let events = given.split_inclusive("\n\n");
        assert_eq!(events.clone().filter(|event| tells(event)).count(), 1, "{client:?} to {kind}: {given}");
        let expected: String = events.filter(|event| !tells(event)).collect();
        assert_eq!(exchange.client_is_answered.body, expected, "{client:?} to {kind}");
    }
}
