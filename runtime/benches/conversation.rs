//! What a guard with rules adds to a request of a long conversation, against the last turn of it alone: reading the body,
//! and judging what people say in it.
//!
//! `cargo bench -p pai-runtime --bench conversation`. Each conversation has 200 turns of a person with a short answer
//! after each. It came before without its last turn, as it is in use; the last is new at every round. Then the two turns at
//! its end, with the border between them; a digest of the body's bytes, below which nothing can go that looks at each; and
//! what it costs where the beginning is not known and each text is, as when a client changes its first message. Medians, on
//! one core. Aim: a conversation costs at most twice what its last turn costs.

#![expect(clippy::print_stdout, reason = "figures on standard output are what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use highway::{HighwayHash, HighwayHasher, Key};
use pai_bundle::guard::GuardBinding;
use pai_protocol::Dialect;
use pai_runtime::guard::{Classifier, Conversations};
use pai_runtime::secret::Secrets;
use serde_json::{Value, json};

const TURNS: usize = 200;
const ROUNDS: usize = 1_000;
const WARM_UP: usize = 200;
const ANSWER: &str = "I have looked at it, and this is what I found.";

/// Bytes of an older turn and of the last.
const SIZES: [(usize, usize); 6] =
    [(400, 400), (2_048, 2_048), (8_192, 8_192), (400, 2_048), (400, 8_192), (1_024, 8_192)];

fn main() -> Result<(), Box<dyn Error>> {
    let binding: GuardBinding = serde_json::from_value(json!({
        "name": "default/g", "classifier": { "type": "rules" }, "thresholds": { "injection": 900, "jailbreak": 900 },
        "places": { "file": "g.yaml", "document": [1, 1], "fields": {} },
    }))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    println!(
        "{:>11} {:>10} {:>9} {:>9} {:>9} {:>6} {:>10} {:>9} {:>10}",
        "older bytes", "last bytes", "KB in all", "all", "last", "ratio", "two turns", "digest", "not known"
    );
    for (older, last) in SIZES {
        let classifier = Classifier::single(&binding, &Secrets::new(None, Path::new("/nonexistent")))?;
        let conversations = Conversations::new()?;
        let ask = |conversations: &Conversations, body: &str| -> Result<Duration, Box<dyn Error>> {
            let began = Instant::now();
            let asked = conversations.prompts(&classifier, Dialect::Messages, black_box(body.as_bytes()));
            black_box(runtime.block_on(asked)?);
            Ok(began.elapsed())
        };
        let [many, one, none] = [TURNS - 1, 1, 0].map(|turns| beginning(turns, older));
        // As it came before: without the last turn, and without the answer to the one before that.
        let answer = format!("{},", said("assistant", ANSWER));
        let before = many.strip_suffix(&answer).and_then(|rest| rest.strip_suffix(',')).unwrap_or(&many);
        ask(&conversations, &format!("{before}]}}"))?;
        let mut number = TURNS;
        let [mut whole, mut border, mut alone, mut unknown, mut digest] = [const { Vec::new() }; 5];
        for round in 0..WARM_UP + ROUNDS {
            // Of each its own, so that neither knows the last turn from the other.
            for (beginning, all) in [(&many, &mut whole), (&one, &mut border), (&none, &mut alone)] {
                number += 1;
                let body = format!("{beginning}{}]}}", said("user", &prose(number, last)));
                let time = ask(&conversations, &body)?;
                if round >= WARM_UP {
                    all.push(time);
                }
            }
            let began = Instant::now();
            black_box(HighwayHasher::new(Key([1, 2, 3, 4])).hash128(black_box(many.as_bytes())));
            digest.push(began.elapsed());
        }
        // What is forgotten each time throws other things out of the processor's caches, so by itself.
        for _ in 0..ROUNDS / 10 {
            number += 1;
            let body = format!("{many}{}]}}", said("user", &prose(number, last)));
            unknown.push(ask(&Conversations::new()?, &body)?);
        }
        let [all, border, last_alone, unknown, digest] = [whole, border, alone, unknown, digest].map(median);
        println!(
            "{older:>11} {last:>10} {:>9.0} {all:>9.1} {last_alone:>9.1} {:>6.2} {border:>10.1} {digest:>9.1} {unknown:>10.1}",
            (many.len() + last) as f64 / 1000.0,
            all / last_alone
        );
    }
    println!("times in µs");
    Ok(())
}

/// A request up to its last turn.
fn beginning(turns: usize, bytes: usize) -> String {
    let mut body = r#"{"model":"claude-sonnet-4-6","max_tokens":1000,"messages":["#.to_owned();
    for turn in 0..turns {
        body.push_str(&format!("{},{},", said("user", &prose(turn, bytes)), said("assistant", ANSWER)));
    }
    body
}

fn said(role: &str, text: &str) -> Value {
    json!({ "role": role, "content": text })
}

/// Text without any attack in it, of which no two numbers have the same.
fn prose(number: usize, bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "the", "glacier", "moves", "slowly", "over", "old", "stones", "and", "carries", "sand", "into", "a",
        "valley", "where", "rivers", "begin",
    ];
    let mut text = format!("Note {number}:");
    let mut state = number;
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(WORDS[state >> 60]);
    }
    text.truncate(bytes);
    text
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
