//! Responses: the way of a request, and the plain form of its answer.

mod ask;
mod events;

use axum::response::Response;
use serde_json::{Value, json};

use super::accent::Accent;
use super::{chat, usage};
use crate::form::Form;
use crate::log::Reported;
use crate::marker;
use crate::orders::Shared;
use crate::receive::Received;
use crate::respond::{play, refuse};
use crate::scenario::{Scenario, UsageReport};
use crate::seal;
use crate::speech::{Content, Speech, speak};

const ID: &str = "resp_simulated0001";
const REASONING_ID: &str = "rs_simulated0001";
/// Whose seal is on thoughts that the client keeps.
const SEAL: &str = "openai";

/// Answers a request.
pub(crate) async fn answer(accent: &Accent, shared: &Shared, received: Received) -> Response {
    let asked = match chat::read(accent, &received, None, ask::check) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&accent.house, received.ticket, &refusal),
    };
    let wish = ask::wish(&asked);
    let scenario = &marker::apply(&wish.prompt, shared.take());
    play(&accent.house, received, scenario, || {
        let answer = Answer::new(accent, &asked, speak(&wish, scenario), scenario);
        if super::ask::is_true(&asked, "/stream") {
            Form::stream(events::events(&answer), scenario, events::error)
        } else {
            Form::document(&answer.response(&answer.status(), answer.output()), answer.usage, scenario)
        }
    })
    .await
}

/// An answer, before it has a form.
struct Answer<'a> {
    accent: &'a Accent,
    asked: &'a Value,
    speech: Speech,
    usage: Reported,
    scenario: &'a Scenario,
}

/// How far an answer is.
enum Status {
    InProgress,
    Completed,
    /// For this reason.
    Incomplete(String),
    Failed,
}

impl Status {
    fn word(&self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed => "failed",
        }
    }
}

impl<'a> Answer<'a> {
    fn new(accent: &'a Accent, asked: &'a Value, speech: Speech, scenario: &'a Scenario) -> Self {
        let usage = usage::counted(ask::input_tokens(asked), speech.output, scenario);
        Self { accent, asked, speech, usage, scenario }
    }

    /// How it ends.
    fn status(&self) -> Status {
        match self.scenario.finish.as_deref() {
            Some("failed") => Status::Failed,
            None if self.speech.is_cut => Status::Incomplete("max_output_tokens".to_owned()),
            Some("refusal") | None => Status::Completed,
            Some(reason) => Status::Incomplete(reason.to_owned()),
        }
    }

    fn is_refused(&self) -> bool {
        self.scenario.finish.as_deref() == Some("refusal")
    }

    /// The whole object, as documents and the first and last events have it.
    fn response(&self, status: &Status, output: Vec<Value>) -> Value {
        let echo = |name: &str| self.asked.get(name).cloned().unwrap_or_default();
        let or = |value: Value, other: Value| if value.is_null() { other } else { value };
        let error = json!({ "code": "server_error", "message": "The model failed to generate a response." });
        let incomplete = match status {
            Status::Incomplete(reason) => json!({ "reason": reason }),
            _ => Value::Null,
        };
        let mut response = json!({
            "id": ID,
            "object": "response",
            "created_at": chat::CREATED,
            "status": status.word(),
            "background": false,
            "error": if matches!(status, Status::Failed) { error } else { Value::Null },
            "incomplete_details": incomplete,
            "instructions": echo("instructions"),
            "max_output_tokens": echo("max_output_tokens"),
            "model": echo("model"),
            "output": [],
            "parallel_tool_calls": or(echo("parallel_tool_calls"), json!(true)),
            "previous_response_id": null,
            "reasoning": or(echo("reasoning"), json!({ "effort": null, "summary": null })),
            "store": or(echo("store"), json!(true)),
            "temperature": or(echo("temperature"), json!(1.0)),
            "text": or(echo("text"), json!({ "format": { "type": "text" } })),
            "tool_choice": or(echo("tool_choice"), json!("auto")),
            "tools": or(echo("tools"), json!([])),
            "top_p": or(echo("top_p"), json!(1.0)),
            "truncation": "disabled",
            "usage": null,
            "metadata": or(echo("metadata"), json!({})),
        });
        response["output"] = output.into();
        if !matches!(status, Status::InProgress) && self.scenario.usage != UsageReport::Omitted {
            response["usage"] = self.usage();
        }
        if self.scenario.unknown_parts {
            response["future_field"] = json!("kept");
        }
        response
    }

    fn usage(&self) -> Value {
        let counted = &self.usage;
        let mut usage = json!({
            "input_tokens": counted.total() - counted.output,
            "input_tokens_details": { "cached_tokens": counted.cache_read },
            "output_tokens": counted.output,
            "output_tokens_details": { "reasoning_tokens": self.speech.thinking_tokens() },
            "total_tokens": counted.total(),
        });
        if counted.cache_write_5m > 0 {
            usage["input_tokens_details"]["cache_write_tokens"] = json!(counted.cache_write_5m);
        }
        if self.scenario.unknown_parts {
            usage["future_tokens"] = json!({ "nested": [1, 2.5] });
        }
        (self.accent.usage)(&mut usage, counted);
        usage
    }

    /// All items, complete as far as they go.
    fn output(&self) -> Vec<Value> {
        let mut items = Vec::new();
        if !self.speech.thoughts.is_empty() {
            let mut item = json!({ "id": REASONING_ID, "type": "reasoning", "summary": [] });
            if ask::wants_encrypted_thoughts(self.asked) {
                item["encrypted_content"] = json!(seal::of_text(SEAL, REASONING_ID));
            }
            items.push(item);
        }
        // What is cut off in the middle is not complete itself.
        let status = if self.speech.is_cut { "incomplete" } else { "completed" };
        match &self.speech.content {
            Content::Text(words) if words.is_empty() => {}
            Content::Text(words) => items.push(json!({
                "id": "msg_simulated0001",
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": [if self.is_refused() {
                    json!({ "type": "refusal", "refusal": "[simulated] I'm sorry, I can't help." })
                } else {
                    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": words.concat() })
                }],
            })),
            Content::Calls(calls) => items.extend(calls.iter().zip(1..).map(|(call, number)| {
                json!({
                    "id": format!("fc_simulated{number:04}"),
                    "type": "function_call",
                    "status": status,
                    "arguments": call.arguments.to_string(),
                    "call_id": chat::call_id(number),
                    "name": call.name,
                })
            })),
        }
        items
    }
}
