//! Answers, read into events.
//!
//! Seals. Google seals a part, of words or a call of a tool, on the part itself. Here a seal stands in a block of thoughts
//! before its part, in the one that is open or in one of its own without words: that is where Anthropic's clients keep
//! seals and send them back from. [`super::contents`] puts it on its part again. The seal of words that comes after the
//! first of them is left out.
//!
//! The end. Nothing on the wire ends a stream. A `finishReason` says that no content follows, counters may, and models
//! before the second generation said one with every chunk; so an answer is complete when the provider closes the stream
//! after it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::value::RawValue;

use super::finish;
use super::usage::Counters;
use super::wire::{self, Chunk, FunctionCall, Part, Stopped};
use crate::event::{Block, Delta, Event, Finish, Seal, SealMaker};
use crate::sse;

/// Reads one answer.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    has_started: bool,
    /// Google's name of the answer.
    id: Option<String>,
    open: Option<Open>,
    /// The names of the calls so far.
    calls: Vec<String>,
    counters: Counters,
    told: Option<pai_bundle::usage::Usage>,
    finish: Option<Finish>,
    is_over: bool,
}

/// Which block is open; calls come whole and never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
}

/// What ids are made of in every dialect: `^[a-zA-Z0-9_-]{1,40}$`.
const CALL_ID_MAX_BYTES: usize = 40;

impl Reader {
    /// Reads one event of a stream.
    pub(crate) fn event(&mut self, event: &sse::Event<'_>, found: &mut Vec<Event>) {
        for chunk in wire::chunks(event.data) {
            self.chunk(&chunk, found);
        }
    }

    /// Reads a whole document: an object, or the array that a stream without `alt=sse` is. `None` where it is no answer,
    /// or one that failed.
    pub(crate) fn document(&mut self, document: &[u8]) -> Option<Vec<Event>> {
        let mut found = Vec::new();
        for chunk in wire::chunks(document) {
            self.chunk(&chunk, &mut found);
        }
        self.end(&mut found);
        (found.last() == Some(&Event::End)).then_some(found)
    }

    /// The provider has closed the stream.
    pub(crate) fn end(&mut self, found: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        if let Some(finish) = self.finish.take() {
            self.is_over = true;
            self.close(found);
            found.extend([Event::Finish(finish), Event::End]);
        }
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, found: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        if let Some(failure) = chunk.error() {
            self.is_over = true;
            found.push(Event::Error(failure));
            return;
        }
        if !chunk.is_of_an_answer() {
            return;
        }
        self.id = self.id.take().or_else(|| chunk.response_id.clone());
        if !self.has_started {
            self.has_started = true;
            found.push(Event::Start { id: self.id.clone(), model: chunk.model_version.clone() });
        }
        if let Some(new) = chunk.usage_metadata {
            self.counters.merge(new);
            let usage = self.counters.classes();
            if self.told.as_ref() != Some(&usage) {
                found.push(Event::Usage(usage));
                self.told = Some(usage);
            }
        }
        for part in chunk.parts() {
            self.part(part, found);
        }
        let finish = match chunk.stopped() {
            None => return,
            Some(Stopped::Blocked) => Ok(Finish::Refused),
            Some(Stopped::Finished(reason, message)) => finish::of(reason, message, !self.calls.is_empty()),
        };
        match finish {
            Ok(finish) => self.finish = Some(finish),
            Err(failure) => {
                self.is_over = true;
                found.push(Event::Error(failure));
            }
        }
    }

    fn part(&mut self, part: &Part<'_>, found: &mut Vec<Event>) {
        let text = part.text.as_deref().unwrap_or_default();
        let is_thought = part.thought == Some(true);
        if is_thought && !text.is_empty() {
            self.open(Open::Thinking, found);
            found.push(Event::Delta(Delta::Thinking(text.to_owned())));
        }
        // Words that are flowing are not cut in two for a seal, and nothing comes behind the last of them: clients take the
        // last block for the answer. Google asks back the seals of calls alone, and recommends those of words.
        let has_place =
            is_thought || part.function_call.is_some() || (!text.is_empty() && self.open != Some(Open::Text));
        if let Some(seal) = part.thought_signature.as_ref().filter(|_| has_place) {
            self.open(Open::Thinking, found);
            found.push(Event::Delta(Delta::Seal(Seal { maker: SealMaker::Gemini, value: seal.clone() })));
            self.close(found);
        }
        if !is_thought && !text.is_empty() {
            self.words(text.to_owned(), found);
        }
        if let Some(call) = &part.function_call {
            self.call(call, found);
        }
        // Neither comes unasked but from models that make pictures. No client's dialect has a place for them in an
        // answer, and an answer that is nothing but a picture must not look empty.
        if let Some(code) = part.code() {
            self.words(code, found);
        }
        if let Some(blob) = &part.inline_data {
            self.words(format!("[{} left out]", blob.mime_type), found);
        }
    }

    fn words(&mut self, text: String, found: &mut Vec<Event>) {
        self.open(Open::Text, found);
        found.push(Event::Delta(Delta::Text(text)));
    }

    fn call(&mut self, call: &FunctionCall<'_>, found: &mut Vec<Event>) {
        self.close(found);
        let arguments = call.args.map(RawValue::get).filter(|args| args.starts_with('{'));
        let arguments = arguments.map_or_else(|| "{}".to_owned(), compact);
        let id = self.call_id(call, &arguments);
        self.calls.push(id.clone());
        found.extend([
            Event::Open(Block::ToolCall { id, name: call.name.clone() }),
            Event::Delta(Delta::Arguments(arguments)),
            Event::Close,
        ]);
    }

    /// Google's own name of the call where it has one, else one that no other call of the conversation has: of the
    /// answer and the call's place in it.
    fn call_id(&self, call: &FunctionCall<'_>, arguments: &str) -> String {
        let fits = |id: &&str| {
            !id.is_empty()
                && id.len() <= CALL_ID_MAX_BYTES
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        if let Some(id) = call.id.as_deref().filter(fits)
            && self.calls.iter().all(|other| other != id)
        {
            return id.to_owned();
        }
        let place = self.calls.len();
        let id = self.id.as_deref().filter(fits).map(|answer| format!("call_{answer}_{place}"));
        id.filter(|id| fits(&id.as_str())).unwrap_or_else(|| {
            // The prompt grows with every turn, so its size tells the same call in two of them apart.
            let mut hasher = DefaultHasher::new();
            (&self.id, self.counters.prompt(), &call.name, arguments).hash(&mut hasher);
            format!("call_{:016x}_{place}", hasher.finish())
        })
    }

    fn open(&mut self, wanted: Open, found: &mut Vec<Event>) {
        if self.open == Some(wanted) {
            return;
        }
        self.close(found);
        self.open = Some(wanted);
        found.push(Event::Open(match wanted {
            Open::Text => Block::Text,
            Open::Thinking => Block::Thinking,
        }));
    }

    fn close(&mut self, found: &mut Vec<Event>) {
        if self.open.take().is_some() {
            found.push(Event::Close);
        }
    }
}

/// The same JSON without the space between its tokens: documents come indented, streams do not.
fn compact(json: &str) -> String {
    let mut in_string = false;
    let mut is_escaped = false;
    let mut kept = String::with_capacity(json.len());
    for character in json.chars() {
        if in_string || !character.is_ascii_whitespace() {
            kept.push(character);
        }
        in_string ^= character == '"' && !is_escaped;
        is_escaped = in_string && character == '\\' && !is_escaped;
    }
    kept
}

#[cfg(test)]
mod tests;
