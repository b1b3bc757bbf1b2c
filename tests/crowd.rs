//! Requests of many sizes that come all at once, the same ones for the same seed.

use serde_json::{Value, json};

use crate::random::Random;

/// The model that all of them ask.
pub(crate) const MODEL: &str = "claude-haiku-4-5";

/// So many requests, each with an order for the simulator: how much to answer, and when to begin.
pub(crate) fn of(seed: u64, requests: usize) -> Vec<Value> {
    let mut random = Random::of(seed);
    (0..requests).map(|_| request(&mut random)).collect()
}

fn request(random: &mut Random) -> Value {
    let max_tokens = size(random, 16, 7);
    // Some use all that they may, most a part.
    let output = if random.below(4) == 0 { max_tokens } else { 1 + random.below(max_tokens) };
    let first_byte_ms = 20 + random.below(200);
    let prompt = "word ".repeat(usize::try_from(size(random, 16, 8) / 5).unwrap_or_default());
    json!({
        "model": MODEL,
        "max_tokens": max_tokens,
        "stream": random.below(2) == 0,
        "messages": [{
            "role": "user",
            "content": format!("{prompt}[[simulate: output={output} first_byte_ms={first_byte_ms}]]"),
        }],
    })
}

/// Small ones are as frequent as large ones: the magnitude is drawn first, from so many doublings of the least.
fn size(random: &mut Random, least: u64, doublings: u64) -> u64 {
    let magnitude = least << random.below(doublings);
    magnitude + random.below(magnitude)
}
