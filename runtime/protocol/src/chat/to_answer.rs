//! Answers, written from events.
//!
//! Thoughts are `reasoning_content`, the name under which most clients look for them; OpenAI's own answers have none.
//! A seal on thoughts has no place here; Gemini's on a call is where Google's endpoint that is compatible with OpenAI's
//! has it, and comes back with the call.

use pai_bundle::usage::Usage;
use serde::Serialize;
use serde_json::{Value, json};

use crate::event::{Block, Delta, Event, Finish, Seal, SealMaker};
use crate::failure;
use crate::translate::Question;

/// Writes one answer.
pub(crate) struct Writer {
    question: Question,
    id: String,
    model: String,
    usage: Option<Usage>,
    /// How many calls have begun.
    calls: u64,
    /// The open block is a call that has no arguments yet.
    needs_arguments: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    system_fingerprint: Option<&'static str>,
    choices: &'a [Choice],
    /// On every chunk where it was asked for, `null` on all but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

#[derive(Serialize)]
struct Choice {
    index: u64,
    delta: Value,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

impl Writer {
    /// An answer to this question.
    pub(crate) fn new(question: Question) -> Self {
        Self {
            id: format!("chatcmpl-{}", question.id),
            model: question.model.clone(),
            question,
            usage: None,
            calls: 0,
            needs_arguments: false,
        }
    }

    /// The next event of a stream.
    pub(crate) fn event(&mut self, event: &Event, text: &mut Vec<u8>) {
        match event {
            Event::Start { id, model } => {
                self.start(id.as_deref(), model.as_deref());
                self.delta(json!({ "role": "assistant", "content": "", "refusal": null }), None, text);
            }
            Event::Open(Block::Text | Block::Thinking) => {}
            Event::Open(Block::ToolCall { id, name }) => {
                let call = json!({
                    "index": self.calls,
                    "id": id,
                    "type": "function",
                    "function": { "name": name, "arguments": "" },
                });
                self.calls += 1;
                self.needs_arguments = true;
                self.delta(json!({ "tool_calls": [call] }), None, text);
            }
            Event::Delta(Delta::Text(words)) => self.delta(json!({ "content": words }), None, text),
            Event::Delta(Delta::Thinking(words)) => {
                self.delta(json!({ "reasoning_content": words }), None, text);
            }
            Event::Delta(Delta::Arguments(arguments)) => self.arguments(arguments, text),
            Event::Delta(Delta::Seal(seal)) => {
                if let (Some(extra), Some(index)) = (extra_content(seal), self.calls.checked_sub(1)) {
                    let call = json!({ "index": index, "extra_content": extra });
                    self.delta(json!({ "tool_calls": [call] }), None, text);
                }
            }
            Event::Close => {
                // Clients read the arguments as JSON, which nothing is not.
                if self.needs_arguments {
                    self.arguments("{}", text);
                }
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Finish(finish) => self.delta(json!({}), Some(reason(finish)), text),
            Event::End => {
                if let (true, Some(usage)) = (self.question.stream_usage, self.usage) {
                    self.chunk(&[], Some(counted(&usage)), text);
                }
                text.extend_from_slice(b"data: [DONE]\n\n");
            }
            Event::Error(failure) => line(&json!({ "error": failure::openai(failure) }), text),
        }
    }

    /// The whole document.
    pub(crate) fn document(&mut self, events: &[Event]) -> Vec<u8> {
        let mut content: Option<String> = None;
        let mut thoughts = String::new();
        let mut calls: Vec<Call> = Vec::new();
        let mut finish_reason = "stop";
        for event in events {
            match event {
                Event::Start { id, model } => self.start(id.as_deref(), model.as_deref()),
                Event::Open(Block::ToolCall { id, name }) => {
                    let (id, name) = (id.clone(), name.clone());
                    calls.push(Call { id, name, arguments: String::new(), extra: None });
                }
                Event::Delta(Delta::Text(words)) => content.get_or_insert_default().push_str(words),
                Event::Delta(Delta::Thinking(words)) => thoughts.push_str(words),
                Event::Delta(Delta::Arguments(more)) => {
                    if let Some(call) = calls.last_mut() {
                        call.arguments.push_str(more);
                    }
                }
                Event::Delta(Delta::Seal(seal)) => {
                    if let (Some(call), Some(extra)) = (calls.last_mut(), extra_content(seal)) {
                        call.extra = Some(extra);
                    }
                }
                Event::Usage(usage) => self.usage = Some(*usage),
                Event::Finish(finish) => finish_reason = reason(finish),
                Event::Open(Block::Text | Block::Thinking) | Event::Close | Event::End | Event::Error(_) => {}
            }
        }
        let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
        if !thoughts.is_empty() {
            message["reasoning_content"] = Value::String(thoughts);
        }
        if !calls.is_empty() {
            message["tool_calls"] = calls.into_iter().map(Call::written).collect();
        }
        let mut document = json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.question.created,
            "model": self.model,
            "system_fingerprint": null,
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason }],
        });
        if let Some(usage) = &self.usage {
            document["usage"] = counted(usage);
        }
        document.to_string().into_bytes()
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>) {
        if let Some(id) = id.filter(|id| id.starts_with("chatcmpl-")) {
            id.clone_into(&mut self.id);
        }
        if let Some(model) = model {
            model.clone_into(&mut self.model);
        }
    }

    fn arguments(&mut self, arguments: &str, text: &mut Vec<u8>) {
        self.needs_arguments = false;
        let index = self.calls.saturating_sub(1);
        let call = json!({ "index": index, "function": { "arguments": arguments } });
        self.delta(json!({ "tool_calls": [call] }), None, text);
    }

    fn delta(&self, delta: Value, finish_reason: Option<&'static str>, text: &mut Vec<u8>) {
        let usage = self.question.stream_usage.then_some(Value::Null);
        self.chunk(&[Choice { index: 0, delta, logprobs: None, finish_reason }], usage, text);
    }

    fn chunk(&self, choices: &[Choice], usage: Option<Value>, text: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.question.created,
            model: &self.model,
            system_fingerprint: None,
            choices,
            usage,
        };
        line(&chunk, text);
    }
}

/// A call in a document.
struct Call {
    id: String,
    name: String,
    arguments: String,
    extra: Option<Value>,
}

impl Call {
    fn written(self) -> Value {
        let arguments = if self.arguments.is_empty() { "{}".to_owned() } else { self.arguments };
        let mut call = json!({
            "id": self.id,
            "type": "function",
            "function": { "name": self.name, "arguments": arguments },
        });
        if let Some(extra) = self.extra {
            call["extra_content"] = extra;
        }
        call
    }
}

fn extra_content(seal: &Seal) -> Option<Value> {
    (seal.maker == SealMaker::Gemini).then(|| json!({ "google": { "thought_signature": seal.value } }))
}

fn line(event: &impl Serialize, text: &mut Vec<u8>) {
    // Neither maps with odd keys nor errors of a writer: it cannot fail.
    if let Ok(data) = serde_json::to_vec(event) {
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(&data);
        text.extend_from_slice(b"\n\n");
    }
}

fn reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Done | Finish::Stop(_) | Finish::Paused => "stop",
        Finish::ToolCalls => "tool_calls",
        Finish::MaxOutput | Finish::ContextFull => "length",
        Finish::Refused => "content_filter",
    }
}

/// As OpenAI counts: the prompt includes what a cache had or got.
fn counted(usage: &Usage) -> Value {
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    let prompt = usage.input.saturating_add(written).saturating_add(usage.cache_read);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt.saturating_add(usage.output),
        "prompt_tokens_details": { "cached_tokens": usage.cache_read, "cache_write_tokens": written },
    })
}

#[cfg(test)]
mod tests;
