//! The streaming form: start, blocks, deltas, stop, each with its `event:` line.

use serde_json::{Value, json};

use super::message::{self, Answer, Block, SEAL};
use crate::deliver::Piece;
use crate::form::named;
use crate::log::Reported;
use crate::scenario::{Scenario, UsageReport};
use crate::seal;

/// Words in one delta.
const WORDS_PER_DELTA: usize = 4;

pub(super) fn events(answer: &Answer, scenario: &Scenario) -> Vec<Piece> {
    let tells = scenario.usage != UsageReport::Omitted;
    let mut events = vec![start(answer, scenario, tells), ping()];
    for (index, block) in answer.blocks.iter().enumerate() {
        events.extend(self::block(index, block));
    }
    if scenario.unknown_parts {
        events.push(named("future_event", &json!({ "type": "future_event", "any": ["thing"] })));
    }
    let ends = if scenario.usage == UsageReport::Twice { 2 } else { 1 };
    for _ in 0..ends {
        events.push(message_delta(answer, scenario, tells));
    }
    events.push(named("message_stop", &json!({ "type": "message_stop" })));
    events
}

/// What a stream breaks off with.
pub(super) fn error() -> Piece {
    let error = json!({ "type": "overloaded_error", "message": "Overloaded" });
    named("error", &json!({ "type": "error", "error": error }))
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
    let event = named("message_start", &json!({ "type": "message_start", "message": message }));
    event.reporting(tells.then_some(so_far))
}

fn block(index: usize, block: &Block) -> Vec<Piece> {
    let start = |block: Value| {
        let body = json!({ "type": "content_block_start", "index": index, "content_block": block });
        named("content_block_start", &body)
    };
    let delta = |delta: Value| {
        let body = json!({ "type": "content_block_delta", "index": index, "delta": delta });
        named("content_block_delta", &body)
    };
    let mut events = match block {
        Block::Thinking(_) => vec![start(json!({ "type": "thinking", "thinking": "", "signature": "" }))],
        Block::Text(_) => vec![start(json!({ "type": "text", "text": "" }))],
        Block::Tool(id, call) => {
            vec![start(json!({ "type": "tool_use", "id": id, "name": call.name, "input": {} }))]
        }
    };
    match block {
        Block::Thinking(words) => {
            events.extend(
                words
                    .chunks(WORDS_PER_DELTA)
                    .map(|words| delta(json!({ "type": "thinking_delta", "thinking": words.concat() }))),
            );
            let signature = seal::of_text(SEAL, &words.concat());
            events.push(delta(json!({ "type": "signature_delta", "signature": signature })));
        }
        Block::Text(words) => events.extend(
            words
                .chunks(WORDS_PER_DELTA)
                .map(|words| delta(json!({ "type": "text_delta", "text": words.concat() }))),
        ),
        Block::Tool(_, call) => events.extend(
            call.arguments_in_parts()
                .map(|part| delta(json!({ "type": "input_json_delta", "partial_json": part }))),
        ),
    }
    events.push(named("content_block_stop", &json!({ "type": "content_block_stop", "index": index })));
    events
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
    named("message_delta", &body).reporting(tells.then_some(total))
}

fn ping() -> Piece {
    named("ping", &json!({ "type": "ping" }))
}
