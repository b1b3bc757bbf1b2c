//! How many tokens a request has: one for every four characters of its text, and some for its frame. Deterministic,
//! and below one token a byte, as every real tokenizer is.

use serde_json::Value;

/// Tokens that come with every request.
const FRAME: u64 = 8;
/// Tokens of an image.
const IMAGE: u64 = 1_500;

/// Tokens of messages, system prompt and tools.
pub(super) fn input_tokens(asked: &Value) -> u64 {
    let parts = ["system", "messages", "tools"].iter().filter_map(|part| asked.get(part));
    FRAME + parts.map(tokens).sum::<u64>()
}

fn tokens(value: &Value) -> u64 {
    match value {
        Value::String(text) => (text.chars().count() as u64).div_ceil(4),
        Value::Array(items) => items.iter().map(tokens).sum(),
        Value::Object(members) => {
            if members.get("type").and_then(Value::as_str) == Some("image") {
                return IMAGE;
            }
            members.values().map(tokens).sum()
        }
        _ => 0,
    }
}

/// The text of the last user message.
pub(super) fn last_user_text(asked: &Value) -> String {
    let messages = asked.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let last = messages.iter().rfind(|message| message.get("role").and_then(Value::as_str) == Some("user"));
    match last.and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => {
            let texts = blocks.iter().filter_map(|block| block.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// Whether the last message carries a tool's result.
pub(super) fn has_tool_result(asked: &Value) -> bool {
    let last = asked.get("messages").and_then(Value::as_array).and_then(|messages| messages.last());
    last.and_then(|message| message.get("content")).and_then(Value::as_array).is_some_and(|blocks| {
        blocks.iter().any(|block| block.get("type").and_then(Value::as_str) == Some("tool_result"))
    })
}
