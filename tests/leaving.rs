//! Clients that close their connection as soon as they have read the end of a stream, before the provider has closed its
//! own, as the official clients of OpenAI do: they have their answer, and are charged what the provider reported.

use std::time::Duration;

use futures_util::StreamExt;
use pai_protocol::Dialect;
use pai_protocol::sse::Splitter;
use pai_simulator::Scenario;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::guarded::HOUSE;
use crate::wires::client::Client;
use crate::wires::{KINDS, PROVIDERS, reference, spoken};

/// Longer than the pause after which a guarded stream goes out, whatever else may come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks for a stream and reads it up to its end, not a byte further.
async fn read_and_leave(world: &World, client: Client, kind: &str) -> String {
    let mut body = client.says(&reference(kind), "Hi [[simulate: output=12 pieces=9]]");
    body["stream"] = json!(true);
    let request = world.request(Method::POST, client.path(), &format!("of-{kind}")).json(&body);
    let answer = request.send().await.expect("an answer");
    let id = answer.headers()["x-pai-request-id"].to_str().expect("text").to_owned();
    let (mut stream, mut splitter, mut is_over) = (answer.bytes_stream(), Splitter::default(), false);
    while !is_over {
        let piece = tokio::time::timeout(PATIENCE, stream.next()).await;
        let piece = piece.unwrap_or_else(|_| panic!("{client:?} to {kind}: the end does not come"));
        splitter.feed(&piece.expect("a piece").expect("bytes"), |event| {
            is_over |= client.is_clean_end(&String::from_utf8_lossy(event.data));
        });
    }
    id
}

async fn all_leave(manifests: &str) {
    let world = World::of(manifests).await;
    world.simulator.scenario(Scenario { lingers: true, ..Scenario::default() });
    let clients = [Client::Messages, Client::Chat, Client::Responses, Client::Completions];
    let mut asked = Vec::new();
    for client in clients {
        for (kind, _) in KINDS {
            // Gemini's streams have no end but the connection's, and clients are told of it no sooner.
            if spoken(client, kind).is_none_or(|dialect| dialect == Dialect::Gemini) {
                continue;
            }
            asked.push((client, kind, read_and_leave(&world, client, kind).await));
        }
    }
    world.settled().await;
    let records = world.records(asked.len()).await;
    for (client, kind, id) in asked {
        let record = records.iter().find(|record| record["id"] == id).expect("a record");
        let settled: &Value = &record["settled"];
        assert_eq!(record["outcome"], "served", "{client:?} to {kind}: {record}");
        assert_eq!(settled["output"], 12, "{client:?} to {kind}: {record}");
        assert_eq!(settled["estimated"], false, "{client:?} to {kind}: {record}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_at_the_end_has_its_answer() {
    all_leave(PROVIDERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_at_the_end_of_a_guarded_answer_has_it_too() {
    let budget = "tokens: {maxPerDay: 10000000000}";
    let guarded = format!("{budget}, guards: [{{binding: house, scan: {{responses: true}}}}]");
    let manifests = PROVIDERS.replace(budget, &guarded);
    assert_ne!(manifests, PROVIDERS, "each agent has a guard");
    all_leave(&format!("{HOUSE}---\n{manifests}")).await;
}
