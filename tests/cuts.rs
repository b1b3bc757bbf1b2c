//! Streams that are cut at any byte: whatever the pair of dialects, the client is told so in its own protocol, never
//! that the answer is complete; and what was held is settled, with at least what the provider reported.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use pai_protocol::conversation::Renamed;
use pai_protocol::sse::Splitter;
use pai_protocol::translate::{Over, Question, StreamTranslator};
use pai_simulator::{Entry, Scenario};
use serde_json::{Value, json};

use crate::support::World;
use crate::wires::client::Client;
use crate::wires::exchange::{Said, ask, exchange};
use crate::wires::recorded::streams;
use crate::wires::{KINDS, PROVIDERS, reference, spoken};

/// Bytes between two cuts through the gateway. A prime, so that pairs whose events are of one length are not cut in the
/// same places of each.
const STRIDE: usize = 13;
/// Requests at once: a cut waits for its bytes to go out.
const AT_ONCE: usize = 16;

/// Whole events.
fn events(bytes: &[u8]) -> Vec<(String, String)> {
    let mut events = Vec::new();
    Splitter::default().feed(bytes, |event| {
        events.push((event.name.to_owned(), String::from_utf8_lossy(event.data).into_owned()));
    });
    events
}

/// Whether the last event is whole, so that one of ours can follow.
fn is_between_events(bytes: &[u8]) -> bool {
    let mut splitter = Splitter::default();
    splitter.feed(bytes, |_| {});
    splitter.is_between_events() && (bytes.is_empty() || bytes.ends_with(b"\n"))
}

/// A short question, with an order for the cut in it: all are of one length, and so are their answers.
fn question(client: Client, model: &str, at: usize) -> Value {
    let mut body = client.says(model, &format!("Hi [[simulate: output=6 cut_at_byte={at:06}]]"));
    body["stream"] = json!(true);
    body
}

/// Where the order in a request wants the cut.
fn cut_of(entry: &Entry) -> usize {
    let body = String::from_utf8_lossy(&entry.body);
    let (_, rest) = body.split_once("cut_at_byte=").expect("an order");
    rest.get(..6).and_then(|digits| digits.parse().ok()).expect("a number")
}

/// What was given up is told as such.
fn is_told(client: Client, answered: &Said, given: &[u8], is_same: bool, place: &str) {
    if answered.line != "200" {
        assert!(client.is_error_object(&answered.json()), "{place}: {answered:?}");
        return;
    }
    assert!(answered.broke, "{place}: ends as if complete: {answered:?}");
    let events = events(&answered.body);
    assert!(!events.iter().any(|(_, data)| client.is_clean_end(data)), "{place}: {events:?}");
    let is_told = events.last().is_some_and(|(name, data)| client.is_error(name, data));
    // In the middle of the provider's own event nothing can be said: the broken connection does.
    assert!(is_told || (is_same && !is_between_events(given)), "{place}: {answered:?}");
}

/// The records so far, once they have one of each of these answers.
async fn records_of(world: &World, answers: &[(usize, Said)]) -> Vec<Value> {
    for _ in 0..500 {
        let records = world.records(answers.len()).await;
        let ids: BTreeSet<&str> = records.iter().filter_map(|record| record["id"].as_str()).collect();
        let has_all = answers
            .iter()
            .all(|(_, said)| said.header("x-pai-request-id").is_some_and(|id| ids.contains(id)));
        if has_all {
            return records;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("some answers have no record");
}

async fn cut_anywhere_for(client: Client) {
    let world = World::of(PROVIDERS).await;
    for (number, (kind, _)) in KINDS.into_iter().enumerate() {
        let Some(from) = spoken(client, kind) else { continue };
        let model = reference(kind);
        let body = question(client, &model, 999_999).to_string();
        let whole = exchange(&world, client, kind, body.into(), &Scenario::default()).await;
        let events = events(&whole.client_is_answered.body);
        assert!(events.iter().any(|(_, data)| client.is_clean_end(data)), "{client:?} to {kind}: {events:?}");
        let given = whole.provider_answers.body;
        world.simulator.log().clear();

        let places: Vec<usize> = (number..given.len()).step_by(STRIDE).chain([given.len() - 1]).collect();
        let cuts = futures_util::stream::iter(&places).map(async |at| {
            let body = question(client, &model, *at).to_string();
            (*at, ask(&world, client, kind, body.into()).await)
        });
        let answers: Vec<(usize, Said)> = cuts.buffer_unordered(AT_ONCE).collect().await;
        world.settled().await;

        let records = records_of(&world, &answers).await;
        let charged: BTreeMap<&str, &Value> =
            records.iter().map(|record| (record["id"].as_str().expect("an id"), record)).collect();
        let reported: BTreeMap<usize, u64> = world
            .simulator
            .log()
            .entries()
            .iter()
            .map(|entry| (cut_of(entry), entry.reported.map_or(0, |reported| reported.total())))
            .collect();
        for (at, answered) in answers {
            let place = format!("{client:?} to {kind}, cut at {at} of {}", given.len());
            is_told(client, &answered, &given[..at], from == client.dialect(), &place);
            let record = charged[answered.header("x-pai-request-id").expect("an id")];
            let settled = record["settled"]["total"].as_u64().unwrap_or(0);
            assert!(settled >= reported[&at], "{place}: {} reported: {record}", reported[&at]);
            assert!(record["settled"]["total"].as_u64() <= record["held"].as_u64(), "{place}: {record}");
            let outcome = if answered.line == "200" { "cut" } else { "upstream_failed" };
            assert_eq!(record["outcome"], outcome, "{place}: {record}");
        }
    }
    assert_eq!(world.gateway.ledger().open_holds(), 0);
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

#[tokio::test]
async fn a_cut_at_any_byte_is_told_to_clients_of_messages() {
    cut_anywhere_for(Client::Messages).await;
}

#[tokio::test]
async fn a_cut_at_any_byte_is_told_to_clients_of_chat_completions() {
    cut_anywhere_for(Client::Chat).await;
}

#[tokio::test]
async fn a_cut_at_any_byte_is_told_to_clients_of_responses() {
    cut_anywhere_for(Client::Responses).await;
}

/// As some proxies do: the body ends properly, and the answer does not.
#[tokio::test]
async fn an_answer_that_ends_too_early_is_told_as_one_that_is_cut() {
    let world = World::of(PROVIDERS).await;
    for client in [Client::Messages, Client::Chat, Client::Responses] {
        for (kind, _) in KINDS {
            let Some(from) = spoken(client, kind) else { continue };
            let body = question(client, &reference(kind), 999_999).to_string();
            let whole = exchange(&world, client, kind, body.clone().into(), &Scenario::default()).await;
            let given = whole.provider_answers.body;
            let count = events(&given).len();
            for at in (0..given.len()).step_by(61).filter(|at| events(&given[..*at]).len() < count) {
                let verbatim = Some(given.slice(..at));
                world.simulator.push(Scenario { verbatim, ..Scenario::default() });
                let answered = ask(&world, client, kind, body.clone().into()).await;
                let place = format!("{client:?} to {kind}, ends at {at} of {}", given.len());
                is_told(client, &answered, &given[..at], from == client.dialect(), &place);
            }
        }
    }
    world.settled().await;
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

/// Where the last event that says anything is whole: Google's ends with a carriage return already, and the line feed
/// after it tells nothing.
fn end_of_the_last_event(bytes: &[u8]) -> usize {
    let count = events(bytes).len();
    let is_whole = |at: &usize| events(&bytes[..*at]).len() == count;
    (0..=bytes.len()).rev().take_while(is_whole).last().unwrap_or(bytes.len())
}

#[test]
fn a_translated_stream_that_stops_at_any_byte_ends_with_an_error() {
    for recorded in streams("words-stream") {
        let (client, bytes) = (recorded.client, recorded.bytes.as_slice());
        if recorded.from == client.dialect() {
            continue;
        }
        for at in 0..end_of_the_last_event(bytes) {
            let question =
                Question { id: "req_1".to_owned(), model: "m".to_owned(), created: 1, stream_usage: true };
            let mut translator =
                StreamTranslator::new(recorded.from, client.dialect(), question, Renamed::default())
                    .expect("a translation");
            let mut text = Vec::new();
            Splitter::default().feed(&bytes[..at], |event| translator.event(&event, &mut text));
            // The end of the body and a broken connection are told alike.
            if at % 2 == 0 {
                translator.end(&mut text);
            } else {
                translator.break_off("the connection ended", &mut text);
            }
            let place = format!("{}, stopped at {at} of {}", recorded.name, bytes.len());
            let shown = String::from_utf8_lossy(&text);
            assert_eq!(translator.over(), Some(Over::Failed), "{place}: {shown}");
            assert!(is_between_events(&text), "{place}: {shown}");
            let events = events(&text);
            let is_told = events.last().is_some_and(|(name, data)| client.is_error(name, data));
            assert!(is_told, "{place}: {shown}");
            assert!(!events.iter().any(|(_, data)| client.is_clean_end(data)), "{place}: {shown}");
        }
    }
}
