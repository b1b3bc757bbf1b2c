//! Chat completions: the way of a request, and the plain form of its answer.

use axum::response::Response;
use serde_json::{Value, json};

use super::accent::Accent;
use super::{ask, chunks, error, usage};
use crate::form::{Form, data};
use crate::log::Reported;
use crate::marker;
use crate::orders::Shared;
use crate::receive::Received;
use crate::refusal::Refusal;
use crate::respond::{play, refuse};
use crate::scenario::{Scenario, UsageReport};
use crate::speech::{Content, Speech, speak};

/// When every answer was made: 2026-02-04.
pub(crate) const CREATED: u64 = 1_770_163_200;
/// A request may be larger than this only in files.
const BODY_MAX_BYTES: usize = 50 * 1024 * 1024;
const NO_JSON: &str = "We could not parse the JSON body of your request. (HINT: This likely means you aren't using \
                       your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was \
                       not valid JSON.)";

/// An answer, before it has a form.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) model: String,
    /// The same in every choice.
    pub(super) speech: Speech,
    pub(super) choices: u64,
    pub(super) usage: Reported,
    pub(super) scenario: &'a Scenario,
}

/// Answers a request; where the path names the model, that one.
pub(crate) async fn answer(
    accent: &Accent,
    shared: &Shared,
    received: Received,
    deployment: Option<String>,
) -> Response {
    let asked = match read(accent, &received, deployment, ask::check) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&accent.house, received.ticket, &refusal),
    };
    let wish = ask::wish(&asked);
    let scenario = &marker::apply(&wish.prompt, shared.take());
    if let Some(blocked) = accent.blocked.filter(|_| scenario.prompt_blocked) {
        return refuse(&accent.house, received.ticket, &blocked());
    }
    play(&accent.house, received, scenario, || {
        let speech = speak(&wish, scenario);
        let choices = ask::choices(&asked);
        let output = speech.output.saturating_mul(choices);
        let answer = Answer {
            model: ask::text(asked.get("model")).to_owned(),
            speech,
            choices,
            usage: usage::counted(ask::input_tokens(&asked), output, scenario),
            scenario,
        };
        if ask::is_true(&asked, "/stream") {
            Form::stream(chunks::events(accent, &answer, &asked), scenario, |_| {
                let mut chunk = (accent.error_chunk)(&error::in_a_stream());
                if chunk.get("choices").is_some() {
                    chunks::name(&mut chunk, &answer);
                }
                data(&chunk)
            })
        } else {
            Form::document(&document(accent, &answer), answer.usage, scenario)
        }
    })
    .await
}

/// Reads a body and checks it, first as everybody does.
pub(super) fn read(
    accent: &Accent,
    received: &Received,
    deployment: Option<String>,
    check: fn(&Value) -> Result<(), Refusal>,
) -> Result<Value, Refusal> {
    (accent.admits)(received)?;
    let mut asked = received.json(BODY_MAX_BYTES, NO_JSON)?;
    if let (Some(deployment), Some(asked)) = (deployment, asked.as_object_mut()) {
        asked.insert("model".to_owned(), deployment.into());
    }
    check(&asked).and_then(|()| (accent.checks)(&asked))?;
    Ok(asked)
}

impl Answer<'_> {
    /// Why it ends.
    pub(super) fn finish_reason(&self) -> &str {
        match &self.scenario.finish {
            Some(finish) if finish != REFUSAL => finish,
            _ if self.speech.is_cut => "length",
            _ if self.speech.has_calls() && self.refusal().is_none() => "tool_calls",
            _ => "stop",
        }
    }

    /// The words of a refusal, which take the place of the content.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        (self.scenario.finish.as_deref() == Some(REFUSAL)).then_some("[simulated] I'm sorry, I can't help.")
    }
}

const REFUSAL: &str = "refusal";

/// The id of a call, counted from one.
pub(super) fn call_id(number: usize) -> String {
    format!("call_simulated_{number:04}")
}

fn document(accent: &Accent, answer: &Answer<'_>) -> Value {
    let choices: Vec<Value> = (0..answer.choices).map(|index| choice(accent, answer, index)).collect();
    let mut document = json!({
        "id": chunks::ID,
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model,
        "choices": choices,
    });
    if answer.scenario.usage != UsageReport::Omitted {
        let thinking = answer.speech.thinking_tokens() * answer.choices;
        document["usage"] = usage::of_chat(accent, &answer.usage, thinking, answer.scenario);
    }
    if answer.scenario.unknown_parts {
        document["future_field"] = json!("kept");
    }
    (accent.mark)(&mut document);
    document
}

fn choice(accent: &Accent, answer: &Answer<'_>, index: u64) -> Value {
    let mut message = json!({ "role": "assistant", "content": null, "refusal": answer.refusal() });
    match &answer.speech.content {
        _ if answer.refusal().is_some() => {}
        Content::Text(words) => message["content"] = json!(words.concat()),
        Content::Calls(calls) => {
            let calls = calls.iter().zip(1..).map(|(call, number)| {
                let function = json!({ "name": call.name, "arguments": call.arguments.to_string() });
                json!({ "id": call_id(number), "type": "function", "function": function })
            });
            message["tool_calls"] = calls.collect();
        }
    }
    if !answer.speech.thoughts.is_empty() {
        add(&mut message, (accent.thoughts)(&answer.speech.thoughts.concat()));
    }
    let mut choice = json!({
        "index": index,
        "message": message,
        "logprobs": null,
        "finish_reason": answer.finish_reason(),
    });
    (accent.choice)(&mut choice);
    choice
}

/// Puts members into an object.
pub(super) fn add(object: &mut Value, members: Value) {
    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), members) {
        object.extend(members);
    }
}
