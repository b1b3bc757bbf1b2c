//! The plain form of a message, and the usage that both forms tell.

use serde_json::{Value, json};

use super::ask;
use crate::log::Reported;
use crate::scenario::{Scenario, UsageReport};
use crate::seal;
use crate::speech::{Call, Content, Speech};

/// Whose seal is on thoughts.
pub(super) const SEAL: &str = "anthropic";

/// An answer, before it has a form.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) model: String,
    pub(super) blocks: Vec<Block>,
    pub(super) stop_reason: String,
    pub(super) usage: Reported,
}

/// A block of content.
#[derive(Debug)]
pub(super) enum Block {
    /// Thoughts.
    Thinking(Vec<String>),
    /// Words.
    Text(Vec<String>),
    /// A call of a tool, and its id.
    Tool(String, Call),
}

pub(super) fn compose(asked: &Value, speech: Speech, scenario: &Scenario) -> Answer {
    let reason = match &speech.content {
        _ if speech.is_cut => "max_tokens",
        Content::Calls(_) => "tool_use",
        Content::Text(_) => "end_turn",
    };
    let mut blocks = Vec::new();
    if !speech.thoughts.is_empty() {
        blocks.push(Block::Thinking(speech.thoughts));
    }
    match speech.content {
        Content::Text(words) if words.is_empty() => {}
        Content::Text(words) => blocks.push(Block::Text(words)),
        Content::Calls(calls) => blocks.extend(
            calls.into_iter().zip(1..).map(|(call, n)| Block::Tool(format!("toolu_simulated_{n:04}"), call)),
        ),
    }
    let cached = scenario.cache_write_5m + scenario.cache_write_1h + scenario.cache_read;
    Answer {
        model: asked.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
        blocks,
        stop_reason: scenario.finish.clone().unwrap_or_else(|| reason.to_owned()),
        usage: Reported {
            input: ask::input_tokens(asked).saturating_sub(cached),
            cache_write_5m: scenario.cache_write_5m,
            cache_write_1h: scenario.cache_write_1h,
            cache_read: scenario.cache_read,
            output: speech.output,
        },
    }
}

impl Answer {
    /// The counters at the end, with what server tools added.
    pub(super) fn final_usage(&self, scenario: &Scenario) -> Reported {
        Reported { input: self.usage.input + scenario.input_raised_by, ..self.usage }
    }
}

/// Usage as `message_start` and plain answers have it, cache writes split.
pub(super) fn usage(reported: &Reported, scenario: &Scenario) -> Value {
    let mut usage = json!({
        "input_tokens": reported.input,
        "cache_creation_input_tokens": reported.cache_write_5m + reported.cache_write_1h,
        "cache_read_input_tokens": reported.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": reported.cache_write_5m,
            "ephemeral_1h_input_tokens": reported.cache_write_1h,
        },
        "output_tokens": reported.output,
        "service_tier": "standard",
    });
    if scenario.unknown_parts {
        usage["future_tokens"] = json!({ "nested": [1, 2.5] });
    }
    usage
}

/// The plain form.
pub(super) fn document(answer: &Answer, scenario: &Scenario) -> Value {
    let content: Vec<Value> = answer.blocks.iter().map(block).collect();
    let mut message = json!({
        "id": "msg_simulated_0001",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": answer.stop_reason,
        "stop_sequence": null,
    });
    if scenario.usage != UsageReport::Omitted {
        message["usage"] = usage(&answer.final_usage(scenario), scenario);
    }
    if scenario.unknown_parts {
        message["future_field"] = json!("kept");
    }
    message
}

fn block(block: &Block) -> Value {
    match block {
        Block::Thinking(words) => {
            let text = words.concat();
            json!({ "type": "thinking", "thinking": text, "signature": seal::of_text(SEAL, &text) })
        }
        Block::Text(words) => json!({ "type": "text", "text": words.concat() }),
        Block::Tool(id, call) => {
            json!({ "type": "tool_use", "id": id, "name": call.name, "input": call.arguments })
        }
    }
}
