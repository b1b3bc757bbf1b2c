//! The streaming form of chat completions: chunks, the last of them `[DONE]`.

use serde_json::{Value, json};

use super::accent::{Accent, StreamUsage};
use super::chat::{self, Answer, CREATED};
use super::{ask, usage};
use crate::deliver::Piece;
use crate::form::data;
use crate::log::Reported;
use crate::scenario::UsageReport;
use crate::speech::Content;

/// The id of every answer.
pub(super) const ID: &str = "chatcmpl-simulated0001";
/// Words in one delta.
const WORDS_PER_DELTA: usize = 4;

/// Puts id, date and model into a chunk.
pub(super) fn name(chunk: &mut Value, answer: &Answer<'_>) {
    chunk["id"] = json!(ID);
    chunk["object"] = json!("chat.completion.chunk");
    chunk["created"] = json!(CREATED);
    chunk["model"] = json!(answer.model);
}

pub(super) fn events(accent: &Accent, answer: &Answer<'_>, asked: &Value) -> Vec<Piece> {
    let scenario = answer.scenario;
    let writer = Writer {
        accent,
        answer,
        says_null: accent.stream_usage == StreamUsage::OnRequest
            && ask::is_true(asked, "/stream_options/include_usage")
            && scenario.usage != UsageReport::Omitted,
        is_continuous: scenario.continuous_usage
            || (accent.stream_usage == StreamUsage::OnRequestOrContinuous
                && ask::is_true(asked, "/stream_options/continuous_usage_stats")),
    };
    // Tokens so far, in all choices.
    let mut said = 0;
    let mut events = (accent.before)();
    let comment = accent.between.map(|comment| Piece::of(format!(": {comment}\n\n")));
    events.extend(comment.clone());
    let all: Vec<u64> = (0..answer.choices).collect();
    for index in &all {
        events.push(writer.chunk(
            *index,
            json!({ "role": "assistant", "content": "", "refusal": null }),
            said,
        ));
    }
    for (number, (delta, tokens)) in deltas(accent, answer).into_iter().enumerate() {
        if number == 1 {
            events.extend(comment.clone());
        }
        for index in &all {
            said += tokens;
            events.push(writer.chunk(*index, delta.clone(), said));
        }
    }
    if scenario.unknown_parts {
        let mut chunk = json!({ "future_field": { "any": ["thing"] }, "choices": [] });
        name(&mut chunk, answer);
        events.push(data(&chunk));
    }
    said = answer.usage.output;
    for index in &all {
        events.push(writer.last_chunk(*index, said));
    }
    let is_asked = ask::is_true(asked, "/stream_options/include_usage") || scenario.continuous_usage;
    if scenario.usage != UsageReport::Omitted && (is_asked || accent.stream_usage == StreamUsage::Always) {
        let times = if scenario.usage == UsageReport::Twice { 2 } else { 1 };
        events.extend((0..times).map(|_| writer.usage_chunk()));
    }
    events.push(Piece::of("data: [DONE]\n\n"));
    events
}

/// The deltas of one choice, and how many tokens each has.
fn deltas(accent: &Accent, answer: &Answer<'_>) -> Vec<(Value, u64)> {
    let mut deltas = Vec::new();
    for words in answer.speech.thoughts.chunks(WORDS_PER_DELTA) {
        let shown = (accent.thoughts)(&words.concat());
        if shown.as_object().is_some_and(|members| !members.is_empty()) {
            deltas.push((shown, words.len() as u64));
        }
    }
    match (&answer.speech.content, answer.refusal()) {
        (_, Some(refusal)) => deltas.push((json!({ "refusal": refusal }), 0)),
        (Content::Text(words), None) => deltas.extend(
            words
                .chunks(WORDS_PER_DELTA)
                .map(|words| (json!({ "content": words.concat() }), words.len() as u64)),
        ),
        (Content::Calls(calls), None) => {
            for (index, call) in calls.iter().enumerate() {
                let function = json!({ "name": call.name, "arguments": "" });
                let id = chat::call_id(index + 1);
                let start = json!({ "index": index, "id": id, "type": "function", "function": function });
                deltas.push((json!({ "tool_calls": [start] }), 0));
                deltas.extend(call.arguments_in_parts().map(|part| {
                    let more = json!({ "index": index, "function": { "arguments": part } });
                    (json!({ "tool_calls": [more] }), 0)
                }));
            }
        }
    }
    deltas
}

struct Writer<'a> {
    accent: &'a Accent,
    answer: &'a Answer<'a>,
    /// Whether chunks without usage say so.
    says_null: bool,
    /// Whether all have it.
    is_continuous: bool,
}

impl Writer<'_> {
    fn chunk(&self, index: u64, delta: Value, said: u64) -> Piece {
        self.piece(index, delta, None, said)
    }

    fn last_chunk(&self, index: u64, said: u64) -> Piece {
        self.piece(index, json!({}), Some(self.answer.finish_reason()), said)
    }

    fn piece(&self, index: u64, delta: Value, finish: Option<&str>, said: u64) -> Piece {
        let mut choice = json!({ "index": index, "delta": null, "logprobs": null, "finish_reason": finish });
        choice["delta"] = delta;
        (self.accent.choice)(&mut choice);
        let mut chunk = self.start(vec![choice]);
        if self.is_continuous && self.answer.scenario.usage != UsageReport::Omitted {
            let so_far = Reported { output: said.min(self.answer.usage.output), ..self.answer.usage };
            chunk["usage"] = usage::of_chat(self.accent, &so_far, 0, self.answer.scenario);
            return data(&chunk).reporting(Some(so_far));
        }
        if self.says_null {
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    }

    fn usage_chunk(&self) -> Piece {
        let mut chunk = self.start(Vec::new());
        let thinking = self.answer.speech.thinking_tokens() * self.answer.choices;
        chunk["usage"] = usage::of_chat(self.accent, &self.answer.usage, thinking, self.answer.scenario);
        data(&chunk).reporting(Some(self.answer.usage))
    }

    fn start(&self, choices: Vec<Value>) -> Value {
        let mut chunk = json!({});
        name(&mut chunk, self.answer);
        (self.accent.mark)(&mut chunk);
        chunk["choices"] = choices.into();
        chunk
    }
}
