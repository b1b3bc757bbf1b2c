//! What a guard with rules adds to a request of a long conversation, against the last turn of it alone: reading the body,
//! and judging what people say in it.
//!
//! `cargo bench -p pai-runtime --bench conversation`. Each conversation has 200 turns of a person with a short answer
//! after each. All but the last were judged before, as they are in use; the last is new at every round. Medians, on one
//! core. Aim: a conversation costs at most twice what its last turn costs.

#![expect(clippy::print_stdout, reason = "figures on standard output are what this program is for")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use pai_bundle::guard::GuardBinding;
use pai_protocol::Dialect;
use pai_protocol::spoken::{self, Source};
use pai_runtime::guard::{Classifier, Place};
use pai_runtime::secret::Secrets;
use serde_json::{Value, json};

const TURNS: usize = 200;
const ROUNDS: usize = 1_000;
const WARM_UP: usize = 200;
const ANSWER: &str = "I have looked at it, and this is what I found.";

/// Bytes of an older turn and of the last.
const SIZES: [(usize, usize); 4] = [(400, 400), (2_048, 2_048), (1_024, 8_192), (64, 8_192)];

fn main() -> Result<(), Box<dyn Error>> {
    let binding: GuardBinding = serde_json::from_value(json!({
        "name": "default/g", "classifier": { "type": "rules" }, "thresholds": { "injection": 900, "jailbreak": 900 },
        "places": { "file": "g.yaml", "document": [1, 1], "fields": {} },
    }))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    println!("{:23} {:>21} {:>21} {:>21}", "", "reading", "judging", "both");
    println!(
        "{:>11} {:>11} {:>8} {:>5} {:>6} {:>8} {:>5} {:>6} {:>8} {:>5} {:>6}",
        "older bytes", "last bytes", "all", "last", "ratio", "all", "last", "ratio", "all", "last", "ratio"
    );
    for (older, last) in SIZES {
        let classifier = Classifier::single(&binding, &Secrets::new(None, Path::new("/nonexistent")))?;
        let ask = |body: &str| -> Result<[Duration; 2], Box<dyn Error>> {
            let began = Instant::now();
            let said = spoken::request(Dialect::Messages, body.as_bytes())?;
            let users = said.passages.iter().filter(|passage| passage.source == Source::User);
            let texts: Vec<&str> = users.map(|passage| &*passage.text).collect();
            let read = began.elapsed();
            let began = Instant::now();
            black_box(runtime.block_on(classifier.judge(Place::User, &texts))?);
            Ok([read, began.elapsed()])
        };
        let [many, none] = [TURNS - 1, 0].map(|turns| beginning(turns, older));
        let mut number = TURNS;
        let (mut whole, mut alone) = (Vec::new(), Vec::new());
        for round in 0..WARM_UP + ROUNDS {
            // Of each its own, so that neither knows the last turn from the other.
            for (beginning, all) in [(&many, &mut whole), (&none, &mut alone)] {
                number += 1;
                let time = ask(&format!("{beginning}{}]}}", said("user", &prose(number, last))))?;
                if round >= WARM_UP {
                    all.push(time);
                }
            }
        }
        print!("{older:>11} {last:>11}");
        let parts: [fn(&[Duration; 2]) -> Duration; 3] =
            [|time| time[0], |time| time[1], |time| time[0] + time[1]];
        for part in parts {
            let [all, last] = [&whole, &alone].map(|times| median(times.iter().map(part).collect()));
            print!(" {all:>8.1} {last:>5.1} {:>6.2}", all / last);
        }
        println!();
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
