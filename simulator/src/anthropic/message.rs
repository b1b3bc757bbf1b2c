//! What is said: a text or a tool call, with usage.

use bytes::Bytes;
use serde_json::{Value, json};

use super::count;
use crate::log::Reported;
use crate::scenario::{Scenario, UsageReport};

/// An answer, before it has a form.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) model: String,
    pub(super) content: Content,
    pub(super) stop_reason: &'static str,
    pub(super) usage: Reported,
}

/// What the answer consists of.
#[derive(Debug)]
pub(super) enum Content {
    /// Words; one is a token.
    Text(Vec<String>),
    /// A call of a tool.
    Tool {
        /// The tool.
        name: String,
        /// Its arguments.
        input: Value,
    },
}

/// Every text begins with it.
const MARK: &str = "[simulated]";
const WORDS: [&str; 12] =
    ["This", " is", " not", " a", " model", " speaking", ",", " only", " its", " simulator", " 🙂", "."];

pub(super) fn compose(asked: &Value, scenario: &Scenario) -> Answer {
    let max_tokens = asked.get("max_tokens").and_then(Value::as_u64).unwrap_or(1);
    let output = scenario.output_tokens.min(max_tokens);
    let wants_tool = count::last_user_text(asked).contains("tool") && !count::has_tool_result(asked);
    let tool = asked.get("tools").and_then(Value::as_array).and_then(|tools| tools.first());
    let is_cut = scenario.output_tokens > max_tokens;
    let (content, stop_reason) = match tool.and_then(|tool| tool.get("name")).and_then(Value::as_str) {
        Some(name) if wants_tool => {
            let input = json!({ "simulated": true, "query": "wörld" });
            (Content::Tool { name: name.to_owned(), input }, if is_cut { "max_tokens" } else { "tool_use" })
        }
        _ => {
            let words =
                WORDS.iter().cycle().take(usize::try_from(output).unwrap_or(usize::MAX).saturating_sub(1));
            let text = std::iter::once(format!("{MARK} ")).chain(words.map(|word| (*word).to_owned()));
            (Content::Text(text.collect()), if is_cut { "max_tokens" } else { "end_turn" })
        }
    };
    let cached = scenario.cache_write_5m + scenario.cache_write_1h + scenario.cache_read;
    Answer {
        model: asked.get("model").and_then(Value::as_str).unwrap_or_default().to_owned(),
        content,
        stop_reason,
        usage: Reported {
            input: count::input_tokens(asked).saturating_sub(cached),
            cache_write_5m: scenario.cache_write_5m,
            cache_write_1h: scenario.cache_write_1h,
            cache_read: scenario.cache_read,
            output,
        },
    }
}

impl Answer {
    /// What a plain answer tells of the usage.
    pub(super) fn reported_in(&self, scenario: &Scenario) -> Option<Reported> {
        (scenario.usage != UsageReport::Omitted).then(|| self.final_usage(scenario))
    }

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
pub(super) fn document(answer: &Answer, scenario: &Scenario) -> Bytes {
    let content = match &answer.content {
        Content::Text(words) => json!({ "type": "text", "text": words.concat() }),
        Content::Tool { name, input } => {
            json!({ "type": "tool_use", "id": "toolu_simulated_0001", "name": name, "input": input })
        }
    };
    let mut message = json!({
        "id": "msg_simulated_0001",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [content],
        "stop_reason": answer.stop_reason,
        "stop_sequence": null,
    });
    if scenario.usage != UsageReport::Omitted {
        message["usage"] = usage(&answer.final_usage(scenario), scenario);
    }
    if scenario.unknown_parts {
        message["future_field"] = json!("kept");
    }
    message.to_string().into()
}
