//! How many tokens a request has: one for every four characters of its text, and some for its frame. Deterministic,
//! and below one token a byte, as every real tokenizer is.

use serde_json::{Map, Value};

/// Tokens that come with every request.
const FRAME: u64 = 8;

/// What a part that is an image, and no text, is counted as.
pub(crate) type Picture = fn(&Map<String, Value>) -> Option<u64>;

/// Tokens of these members of a request.
pub(crate) fn input_tokens(asked: &Value, members: &[&str], picture: Picture) -> u64 {
    let parts = members.iter().filter_map(|part| asked.get(part));
    FRAME + parts.map(|part| tokens(part, picture)).sum::<u64>()
}

/// Tokens of all texts in a value.
pub(crate) fn tokens(value: &Value, picture: Picture) -> u64 {
    match value {
        Value::String(text) => (text.chars().count() as u64).div_ceil(4),
        Value::Array(items) => items.iter().map(|item| tokens(item, picture)).sum(),
        Value::Object(members) => {
            picture(members).unwrap_or_else(|| members.values().map(|member| tokens(member, picture)).sum())
        }
        _ => 0,
    }
}
