//! However the bytes of a stream are split on their way, the client gets the same bytes and the ledger the same numbers.

use pai_bundle::usage::Usage;
use pai_protocol::chat::hidden::HiddenUsage;
use pai_protocol::conversation::Renamed;
use pai_protocol::sse::Splitter;
use pai_protocol::translate::{Over, Question, StreamTranslator};
use pai_protocol::{Dialect, Reading};
use pai_simulator::Scenario;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::World;
use crate::wires::client::Client;
use crate::wires::exchange::{ask, fixed};
use crate::wires::recorded::{Recorded, streams};
use crate::wires::{KINDS, PROVIDERS, reference};

/// Pieces that the provider writes to its socket one by one; as large as it likes at first.
const PIECES_BYTES: [Option<usize>; 7] = [None, Some(1), Some(2), Some(3), Some(7), Some(64), Some(1_000)];

async fn pieces_of_any_size_for(client: Client) {
    let world = World::of(PROVIDERS).await;
    let mut count = 0;
    for (kind, _) in KINDS {
        // Thoughts and calls, which have the most states.
        let mut body = client.thinking(&reference(kind));
        body["stream"] = json!(true);
        let mut first: Option<(String, Value)> = None;
        for piece_bytes in PIECES_BYTES {
            world.simulator.push(Scenario {
                output_tokens: 20,
                thinking_tokens: 7,
                cache_read: 3,
                piece_bytes,
                ..Scenario::default()
            });
            let answered = ask(&world, client, kind, body.to_string().into()).await;
            assert!(answered.line == "200" && !answered.broke, "{client:?} to {kind} in {piece_bytes:?}");
            world.settled().await;
            count += 1;
            let record = world.records(count).await.pop().expect("a record");
            assert_eq!(record["settled"]["estimated"], false, "{client:?} to {kind}: {record}");
            let seen = (fixed(&String::from_utf8_lossy(&answered.body)), record["settled"].clone());
            let whole = first.get_or_insert_with(|| seen.clone());
            assert_eq!(seen, *whole, "{client:?} to {kind} in pieces of {piece_bytes:?}");
        }
    }
}

#[tokio::test]
async fn pieces_of_any_size_are_the_same_to_clients_of_messages() {
    pieces_of_any_size_for(Client::Messages).await;
}

#[tokio::test]
async fn pieces_of_any_size_are_the_same_to_clients_of_chat_completions() {
    pieces_of_any_size_for(Client::Chat).await;
}

#[tokio::test]
async fn pieces_of_any_size_are_the_same_to_clients_of_responses() {
    pieces_of_any_size_for(Client::Responses).await;
}

/// What comes of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    text: String,
    over: Option<Over>,
    usage: Option<Usage>,
    /// Whether the counters are final, the answer is complete, it failed, and how much of it was delivered.
    said: (bool, bool, bool, u64),
}

fn question() -> Question {
    Question { id: "req_1".to_owned(), model: "m".to_owned(), created: 1, stream_usage: true }
}

/// Hands a recorded stream over in these pieces.
fn came(recorded: &Recorded, pieces: &[&[u8]]) -> Came {
    let mut reading = Reading::new(recorded.from);
    let mut splitter = Splitter::default();
    let mut hidden = HiddenUsage::default();
    let mut translator =
        StreamTranslator::new(recorded.from, recorded.client.dialect(), question(), Renamed::default())
            .filter(|_| recorded.from != recorded.client.dialect());
    let mut text = Vec::new();
    for piece in pieces {
        splitter.feed(piece, |event| {
            reading.event(&event);
            if let Some(translator) = &mut translator {
                translator.event(&event, &mut text);
            }
        });
        if translator.is_none() {
            hidden.feed(piece, &mut text);
        }
    }
    match &mut translator {
        Some(translator) => translator.end(&mut text),
        None => hidden.end(&mut text),
    }
    Came {
        text: String::from_utf8(text).expect("text"),
        over: translator.and_then(|translator| translator.over()),
        usage: reading.usage,
        said: (reading.output_is_final, reading.stopped, reading.failed, reading.delivered_bytes),
    }
}

/// Bytes between two splits: far enough apart that each is one by itself, and near enough that a stream need not be read
/// as often as it has bytes.
const APART: usize = 53;

/// Splits the streams of a case at every place.
fn every_place_in(case: &str) {
    for recorded in streams(case) {
        let bytes = recorded.bytes.as_slice();
        let whole = came(&recorded, &[bytes]);
        let is_broken = case == "error-in-the-stream";
        let (_, stopped, failed, _) = whole.said;
        assert!(stopped != is_broken && failed == is_broken, "{}: {whole:?}", recorded.name);
        assert!(is_broken || whole.usage.is_some(), "{}: {whole:?}", recorded.name);
        for first in 0..APART.min(bytes.len()) {
            let (one, others) = bytes.split_at(first);
            let pieces: Vec<&[u8]> = [one].into_iter().chain(others.chunks(APART)).collect();
            assert_eq!(came(&recorded, &pieces), whole, "{}, split from {first}", recorded.name);
        }
    }
}

#[test]
fn words_that_are_split_anywhere_come_out_the_same() {
    every_place_in("words-stream");
    every_place_in("words-stream-with-usage");
}

#[test]
fn calls_that_are_split_anywhere_come_out_the_same() {
    every_place_in("tools-stream");
}

#[test]
fn thoughts_that_are_split_anywhere_come_out_the_same() {
    every_place_in("thinking-stream");
}

#[test]
fn errors_that_are_split_anywhere_come_out_the_same() {
    every_place_in("error-in-the-stream");
}

#[test]
fn streams_in_single_bytes_come_out_the_same() {
    for case in ["words-stream", "tools-stream", "thinking-stream", "error-in-the-stream"] {
        for recorded in streams(case) {
            let pieces: Vec<&[u8]> = recorded.bytes.chunks(1).collect();
            assert_eq!(came(&recorded, &pieces), came(&recorded, &[&recorded.bytes]), "{}", recorded.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn streams_in_any_pieces_come_out_the_same(
        case in prop::sample::select(vec!["thinking-stream", "error-in-the-stream", "tools-stream"]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        for recorded in streams(case) {
            let bytes = recorded.bytes.as_slice();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(came(&recorded, &pieces), came(&recorded, &[bytes]), "{} {:?}", recorded.name, cuts);
        }
    }
}

#[test]
fn every_pair_of_dialects_is_recorded() {
    let mut pairs: Vec<(Dialect, Dialect)> =
        streams("words-stream").iter().map(|recorded| (recorded.from, recorded.client.dialect())).collect();
    pairs.sort_unstable();
    pairs.dedup();
    // Providers' three dialects for each of three clients, of which two are also spoken natively by one of these, and
    // responses and completions between those who both speak them.
    assert_eq!(pairs.len(), 3 * 3 + 2, "{pairs:?}");
}
