//! What a request for a message asks: how many tokens it has, what it wants said, and whether thoughts come back as they
//! were thought.

use serde_json::{Map, Value};

use super::message::SEAL;
use crate::count;
use crate::refusal::Refusal;
use crate::seal;
use crate::speech::Wish;

/// Tokens of an image.
const IMAGE: u64 = 1_500;

/// Tokens of messages, system prompt and tools.
pub(super) fn input_tokens(asked: &Value) -> u64 {
    count::input_tokens(asked, &["system", "messages", "tools"], picture)
}

fn picture(part: &Map<String, Value>) -> Option<u64> {
    (text(part.get("type")) == "image").then_some(IMAGE)
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn wish(asked: &Value) -> Wish {
    let choice = asked.get("tool_choice");
    let kind = text(choice.and_then(|choice| choice.get("type")));
    let named = choice.and_then(|choice| choice.get("name")).and_then(Value::as_str);
    let tools = match (kind, named) {
        ("none", _) => Vec::new(),
        ("tool", Some(name)) => vec![name.to_owned()],
        _ => list(asked.get("tools")).iter().map(|tool| text(tool.get("name")).to_owned()).collect(),
    };
    let one_by_one = choice.and_then(|choice| choice.get("disable_parallel_tool_use"));
    Wish {
        prompt: last_user_text(asked),
        tools,
        must_call: matches!(kind, "any" | "tool"),
        may_call_twice: one_by_one != Some(&Value::Bool(true)),
        has_tool_result: has_tool_result(asked),
        max_output: asked.get("max_tokens").and_then(Value::as_u64).or(Some(1)),
        schema: asked.pointer("/output_config/format/schema").cloned(),
    }
}

/// The text of the last user message.
fn last_user_text(asked: &Value) -> String {
    let last = list(asked.get("messages")).iter().rfind(|message| text(message.get("role")) == "user");
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
fn has_tool_result(asked: &Value) -> bool {
    let last = list(asked.get("messages")).last();
    let blocks = list(last.and_then(|message| message.get("content")));
    blocks.iter().any(|block| text(block.get("type")) == "tool_result")
}

/// Thinking must come back unchanged, with the signature that was made for it.
pub(super) fn check_thoughts(asked: &Value) -> Result<(), Refusal> {
    for (message, said) in list(asked.get("messages")).iter().enumerate() {
        for (part, block) in list(said.get("content")).iter().enumerate() {
            let kind = text(block.get("type"));
            let is_ours = match kind {
                "thinking" => {
                    text(block.get("signature")) == seal::of_text(SEAL, text(block.get("thinking")))
                }
                "redacted_thinking" => false,
                _ => true,
            };
            if !is_ours {
                let field = if kind == "thinking" { "signature" } else { "data" };
                return Err(Refusal::new(
                    400,
                    format!("messages.{message}.content.{part}: Invalid `{field}` in `{kind}` block"),
                ));
            }
        }
    }
    Ok(())
}
