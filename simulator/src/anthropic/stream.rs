//! The streaming form: start, blocks, deltas, stop, each with its `event:` line.

use serde_json::{Value, json};

use super::message::{self, Answer, Content};
use crate::deliver::Piece;
use crate::log::Reported;
use crate::scenario::{Scenario, UsageReport};

/// Words in one delta.
const WORDS_PER_DELTA: usize = 4;

pub(super) fn events(answer: &Answer, scenario: &Scenario) -> Vec<Piece> {
    let tells = scenario.usage != UsageReport::Omitted;
    let mut events = vec![start(answer, scenario, tells), ping()];
    match &answer.content {
        Content::Text(words) => {
            events.push(block_start(&json!({ "type": "text", "text": "" })));
            for words in words.chunks(WORDS_PER_DELTA) {
                events.push(delta(&json!({ "type": "text_delta", "text": words.concat() })));
            }
        }
        Content::Tool { name, input } => {
            let block =
                json!({ "type": "tool_use", "id": "toolu_simulated_0001", "name": name, "input": {} });
            events.push(block_start(&block));
            let arguments: Vec<char> = input.to_string().chars().collect();
            for part in arguments.chunks(7) {
                let part: String = part.iter().collect();
                events.push(delta(&json!({ "type": "input_json_delta", "partial_json": part })));
            }
        }
    }
    events.push(event("content_block_stop", &json!({ "type": "content_block_stop", "index": 0 })));
    if scenario.unknown_parts {
        events.push(event("future_event", &json!({ "type": "future_event", "any": ["thing"] })));
    }
    let ends = if scenario.usage == UsageReport::Twice { 2 } else { 1 };
    for _ in 0..ends {
        events.push(message_delta(answer, scenario, tells));
    }
    events.push(event("message_stop", &json!({ "type": "message_stop" })));
    if let Some(number) = scenario.error_after_events
        && number < events.len()
    {
        events.truncate(number);
        let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
        events.push(event("error", &json!({ "type": "error", "error": error })));
    }
    events
}

fn start(answer: &Answer, scenario: &Scenario, tells: bool) -> Piece {
    // At its start an answer has a token or so of output.
    let so_far = Reported { output: answer.usage.output.min(1), ..answer.usage };
    let mut message = json!({
        "id": "msg_simulated_0001", "type": "message", "role": "assistant", "model": answer.model,
        "content": [], "stop_reason": null, "stop_sequence": null,
    });
    if tells {
        message["usage"] = message::usage(&so_far, scenario);
    }
    let event = event("message_start", &json!({ "type": "message_start", "message": message }));
    Piece { reports: tells.then_some(so_far), ..event }
}

/// Cumulative, and without the split of cache writes, as the real one.
fn message_delta(answer: &Answer, scenario: &Scenario, tells: bool) -> Piece {
    let total = answer.final_usage(scenario);
    let mut body = json!({
        "type": "message_delta",
        "delta": { "stop_reason": answer.stop_reason, "stop_sequence": null },
    });
    if tells {
        body["usage"] = json!({
            "input_tokens": total.input,
            "cache_creation_input_tokens": total.cache_write_5m + total.cache_write_1h,
            "cache_read_input_tokens": total.cache_read,
            "output_tokens": total.output,
        });
        if scenario.input_raised_by > 0 {
            body["usage"]["server_tool_use"] = json!({ "web_search_requests": 1 });
        }
    }
    Piece { reports: tells.then_some(total), ..event("message_delta", &body) }
}

fn block_start(block: &Value) -> Piece {
    let body = json!({ "type": "content_block_start", "index": 0, "content_block": block });
    event("content_block_start", &body)
}

fn delta(delta: &Value) -> Piece {
    event("content_block_delta", &json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
}

fn ping() -> Piece {
    event("ping", &json!({ "type": "ping" }))
}

fn event(name: &str, body: &Value) -> Piece {
    Piece { bytes: format!("event: {name}\ndata: {body}\n\n").into(), reports: None }
}
