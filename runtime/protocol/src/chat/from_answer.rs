//! Answers, read into events. Of several choices the first alone.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::blocks::{Blocks, CallPiece};
use super::messages::google_seal;
use super::usage::Counters;
use crate::event::{Event, Failure, FailureKind, Finish};
use crate::{failure, sse};

/// Reads one answer.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    stage: Stage,
    blocks: Blocks,
    refused: bool,
}

/// How far it is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Waiting,
    Started,
    Finished,
    Over,
}

/// A string that is borrowed where it has no escapes; a plain `Option` of a `Cow` never is.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A chunk, or a whole document, which has `message` for `delta`. Nearly all can be read at once; of others, parts are
/// read by themselves, as `&RawValue`, so that nonsense in one does not hide the others.
#[derive(Deserialize)]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
struct Chunk<'a, C> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(default)]
    choices: Option<Vec<C>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    object: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
struct Choice<'a, S> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    delta: Option<S>,
    #[serde(default)]
    message: Option<S>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
    /// vLLM's: the stop sequence, or the number of the token.
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
    /// OpenRouter's.
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    refusal: Option<String>,
    /// `DeepSeek`'s name for it, and vLLM's of old.
    #[serde(default)]
    reasoning_content: Option<String>,
    /// OpenRouter's and vLLM's.
    #[serde(default)]
    reasoning: Option<String>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
    #[serde(borrow, default)]
    extra_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(default)]
    name: Option<String>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl Reader {
    /// Reads one event of a stream.
    pub(crate) fn event(&mut self, event: &sse::Event<'_>, found: &mut Vec<Event>) {
        if self.stage == Stage::Over {
            return;
        }
        if event.data.trim_ascii() == b"[DONE]" {
            // An answer that never began is none.
            if self.stage > Stage::Waiting {
                self.end_clean(found);
            }
            return;
        }
        let Some(chunk) = chunk(event.data) else { return };
        if chunk.error.is_some() || chunk.object.as_ref().is_some_and(|object| object.0 == "error") {
            self.fail(failure_in(event.data), found);
            return;
        }
        self.chunk(chunk, found);
    }

    /// Reads a whole document.
    pub(crate) fn document(&mut self, document: &[u8]) -> Option<Vec<Event>> {
        let chunk = chunk(document)?;
        if chunk.error.is_some() || chunk.choices.is_none() {
            return None;
        }
        let mut found = Vec::new();
        self.chunk(chunk, &mut found);
        if matches!(self.stage, Stage::Waiting | Stage::Over) {
            return None;
        }
        self.end_clean(&mut found);
        Some(found)
    }

    /// The provider has closed the stream. Without `[DONE]` it was not at its end.
    #[expect(clippy::unused_self, reason = "readers of other dialects have something to say here")]
    pub(crate) fn end(&mut self, _found: &mut Vec<Event>) {}

    fn chunk(&mut self, chunk: Chunk<'_, Choice<'_, Said<'_>>>, found: &mut Vec<Event>) {
        let choices = chunk.choices.unwrap_or_default();
        // Azure sends a chunk without choices, id and model in front.
        if self.stage == Stage::Waiting && !choices.is_empty() {
            self.stage = Stage::Started;
            let said =
                |text: Option<Text<'_>>| text.map(|text| text.0.into_owned()).filter(|text| !text.is_empty());
            let id = said(chunk.id);
            self.blocks.name(id.as_deref().unwrap_or_default());
            found.push(Event::Start { id, model: said(chunk.model) });
        }
        if let Some(counters) = chunk.usage.and_then(Counters::read)
            && self.stage > Stage::Waiting
        {
            found.push(Event::Usage(counters.classes()));
        }
        for choice in choices {
            if choice.index.unwrap_or(0) == 0 && self.stage < Stage::Over {
                self.choice(choice, found);
            }
        }
    }

    fn choice(&mut self, choice: Choice<'_, Said<'_>>, found: &mut Vec<Event>) {
        if let Some(error) = choice.error {
            self.fail(failure_in(format!("{{\"error\":{}}}", error.get()).as_bytes()), found);
            return;
        }
        if let Some(said) = choice.delta.or(choice.message)
            && self.stage < Stage::Finished
        {
            self.said(said, found);
        }
        match choice.finish_reason.as_ref().map(|reason| &*reason.0) {
            None => {}
            Some(why @ ("error" | "abort")) => {
                let message = format!("the provider ended its answer with `{why}`");
                self.fail(Failure { kind: FailureKind::Internal, message }, found);
            }
            Some(why) => self.finish(finish(why, choice.stop_reason), found),
        }
    }

    fn said(&mut self, said: Said<'_>, found: &mut Vec<Event>) {
        // Who says it under both names says the same.
        let thoughts = said.reasoning_content.filter(|text| !text.is_empty()).or(said.reasoning);
        self.blocks.thinking(thoughts.unwrap_or_default(), found);
        self.blocks.text(said.content.map(text).unwrap_or_default(), found);
        if let Some(refusal) = said.refusal.filter(|refusal| !refusal.is_empty()) {
            self.refused = true;
            self.blocks.text(refusal, found);
        }
        for call in said.tool_calls.into_iter().flatten() {
            let Ok(call) = serde_json::from_str::<Call<'_>>(call.get()) else { continue };
            let seal = call.extra_content.and_then(|extra| google_seal(extra.get()));
            let (name, arguments) = call.function.map(parts).unwrap_or_default();
            self.blocks.call(CallPiece { index: call.index, id: call.id, name, arguments, seal }, found);
        }
        if let Some(function) = said.function_call {
            let (name, arguments) = parts(function);
            self.blocks.call(CallPiece { index: Some(0), name, arguments, ..CallPiece::default() }, found);
        }
    }

    fn finish(&mut self, finish: Finish, found: &mut Vec<Event>) {
        if self.stage >= Stage::Finished {
            return;
        }
        self.stage = Stage::Finished;
        self.blocks.close(found);
        // Some say `stop` where a tool was asked for by name, and `tool_calls` where none is called in the end.
        found.push(Event::Finish(match finish {
            Finish::Done if self.refused => Finish::Refused,
            Finish::Done | Finish::ToolCalls if self.blocks.has_calls() => Finish::ToolCalls,
            Finish::ToolCalls => Finish::Done,
            other => other,
        }));
    }

    fn fail(&mut self, failure: Failure, found: &mut Vec<Event>) {
        found.push(Event::Error(failure));
        self.stage = Stage::Over;
    }

    fn end_clean(&mut self, found: &mut Vec<Event>) {
        self.finish(Finish::Done, found);
        found.push(Event::End);
        self.stage = Stage::Over;
    }
}

/// The whole of it, or what of it can be read.
fn chunk(text: &[u8]) -> Option<Chunk<'_, Choice<'_, Said<'_>>>> {
    // Looked at once as text: from bytes, each string in it would be looked at by itself.
    if let Ok(text) = std::str::from_utf8(text)
        && let Ok(chunk) = serde_json::from_str(text)
    {
        return Some(chunk);
    }
    let Chunk { id, model, choices, usage, error, object } =
        serde_json::from_slice::<Chunk<'_, &RawValue>>(text).ok()?;
    let choices = choices.map(|choices| choices.into_iter().filter_map(choice).collect());
    Some(Chunk { id, model, choices, usage, error, object })
}

fn choice(text: &RawValue) -> Option<Choice<'_, Said<'_>>> {
    let Choice { index, delta, message, finish_reason, stop_reason, error } =
        serde_json::from_str::<Choice<'_, &RawValue>>(text.get()).ok()?;
    // One that cannot be read says nothing, and is not replaced by the other.
    let said = delta.or(message).and_then(|said| serde_json::from_str(said.get()).ok());
    Some(Choice { index, delta: said, message: None, finish_reason, stop_reason, error })
}

fn finish(reason: &str, stop_reason: Option<&RawValue>) -> Finish {
    let stop: Option<String> = stop_reason.and_then(|stop| serde_json::from_str(stop.get()).ok());
    match reason {
        "stop" if stop.is_some() => Finish::Stop(stop),
        "length" => Finish::MaxOutput,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::Refused,
        // `stop`, and what nobody here knows: the answer is at its end all the same.
        _ => Finish::Done,
    }
}

fn parts(function: Function<'_>) -> (Option<String>, String) {
    let arguments = function.arguments.map(|arguments| match serde_json::from_str(arguments.get()) {
        Ok(text) => text,
        // Some servers write the object that it is.
        Err(_) => arguments.get().to_owned(),
    });
    (function.name.filter(|name| !name.is_empty()), arguments.unwrap_or_default())
}

/// Content is a string; some servers have a list of parts.
fn text(content: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        text: String,
    }
    match serde_json::from_str::<String>(content.get()) {
        Ok(text) => text,
        Err(_) => serde_json::from_str::<Vec<Part>>(content.get())
            .map(|parts| parts.into_iter().map(|part| part.text).collect())
            .unwrap_or_default(),
    }
}

/// The error in a data event. OpenRouter has the status as its code, vLLM beside its message.
fn failure_in(data: &[u8]) -> Failure {
    #[derive(Default, Deserialize)]
    struct Outer {
        error: Option<Coded>,
        code: Option<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Coded {
        code: Option<serde_json::Value>,
    }
    let outer: Outer = serde_json::from_slice(data).unwrap_or_default();
    let status = outer
        .error
        .and_then(|error| error.code)
        .or(outer.code)
        .and_then(|code| code.as_u64())
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code));
    failure::read(status.unwrap_or(500), data)
}

#[cfg(test)]
mod tests;
