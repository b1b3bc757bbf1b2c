//! Answers, read into events.

mod sequence;

use std::borrow::Cow;

use pai_bundle::usage::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::sequence::Sequence;
use super::{block, stop};
use crate::dialect::Dialect;
use crate::event::{Block, Delta, Event, Finish, Seal, SealMaker};
use crate::failure;
use crate::reading::Reading;
use crate::sse;

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Reads the counters, which are merged and never added.
    reading: Reading,
    reported: Option<Usage>,
    blocks: Sequence,
    stage: Stage,
    has_called: bool,
}

/// How far the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Nothing is said.
    Waiting,
    /// It has begun.
    Started,
    /// It has said why nothing more is said.
    Finished,
    /// It is complete, or broke off.
    Over,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            reading: Reading::new(Dialect::Messages),
            reported: None,
            blocks: Sequence::default(),
            stage: Stage::Waiting,
            has_called: false,
        }
    }
}

/// What an event says, whichever it is.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    index: Option<u64>,
    #[serde(borrow)]
    content_block: Option<Content<'a>>,
    #[serde(borrow)]
    delta: Option<Change<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    id: Option<String>,
    model: Option<String>,
    #[serde(borrow)]
    content: Option<Vec<&'a RawValue>>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

/// A block: its beginning in a stream, all of it in a document.
#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// The `delta` of a block, and the one of the message.
#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Cow<'a, str>,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    partial_json: Option<String>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

impl Reader {
    /// Reads one event of a stream. Clients go by the name of an event; one without is known by its `type`.
    pub(crate) fn event(&mut self, event: &sse::Event<'_>, found: &mut Vec<Event>) {
        if self.stage == Stage::Over {
            return;
        }
        if event.name == "error" {
            self.fail(event.data, found);
            return;
        }
        let Ok(said) = serde_json::from_slice::<Said<'_>>(event.data) else { return };
        let name = if event.name.is_empty() { said.kind.as_ref() } else { event.name };
        match name {
            "message_start" => {
                let (id, model) = said.message.map(|message| (message.id, message.model)).unwrap_or_default();
                self.start(id, model, found);
                self.count(name, event.data, found);
            }
            "content_block_start" if self.stage < Stage::Finished => {
                if let (Some(index), Some(content)) = (said.index, said.content_block) {
                    self.start(None, None, found);
                    self.open(index, content, found);
                }
            }
            "content_block_delta" if self.stage < Stage::Finished => {
                if let (Some(index), Some(delta)) = (said.index, said.delta.and_then(delta)) {
                    self.start(None, None, found);
                    self.blocks.delta(index, delta, found);
                }
            }
            "content_block_stop" => {
                if let Some(index) = said.index {
                    self.blocks.close(index, found);
                }
            }
            "message_delta" => {
                self.start(None, None, found);
                self.count(name, event.data, found);
                if let Some(Change { stop_reason: Some(reason), stop_sequence, .. }) = said.delta {
                    self.finish(stop::read(&reason, stop_sequence), found);
                }
            }
            "message_stop" => {
                self.start(None, None, found);
                self.finish(None, found);
                found.push(Event::End);
                self.stage = Stage::Over;
            }
            "error" => self.fail(event.data, found),
            // `ping`, and what is to come.
            _ => {}
        }
    }

    /// Reads a whole document: the events of the same answer's stream.
    pub(crate) fn document(&mut self, document: &[u8]) -> Option<Vec<Event>> {
        let message: Message<'_> = serde_json::from_slice(document).ok()?;
        if message.kind != "message" {
            return None;
        }
        let mut found = Vec::new();
        self.start(message.id, message.model, &mut found);
        for (index, content) in (0..).zip(message.content?) {
            if let Ok(content) = serde_json::from_str::<Content<'_>>(content.get()) {
                self.open(index, content, &mut found);
                self.blocks.close(index, &mut found);
            }
        }
        self.reading.document(document);
        self.report(&mut found);
        let finish = message.stop_reason.and_then(|reason| stop::read(&reason, message.stop_sequence));
        self.finish(finish, &mut found);
        found.push(Event::End);
        Some(found)
    }

    /// The provider has closed the stream. Nothing is made up for what it has not said.
    pub(crate) fn end(&mut self, _found: &mut Vec<Event>) {
        self.stage = Stage::Over;
    }

    fn start(&mut self, id: Option<String>, model: Option<String>, found: &mut Vec<Event>) {
        if self.stage == Stage::Waiting {
            self.stage = Stage::Started;
            found.push(Event::Start { id, model });
        }
    }

    fn count(&mut self, name: &str, data: &[u8], found: &mut Vec<Event>) {
        self.reading.event(&sse::Event { name, data });
        self.report(found);
    }

    fn report(&mut self, found: &mut Vec<Event>) {
        if self.reading.usage != self.reported {
            self.reported = self.reading.usage;
            found.extend(self.reported.map(Event::Usage));
        }
    }

    /// Blocks of other types hold what tools of the provider's own did. None was asked for, since such a request is not
    /// translated; were there one all the same, the words around it make sense without it.
    fn open(&mut self, index: u64, content: Content<'_>, found: &mut Vec<Event>) {
        match content.kind.as_ref() {
            "text" => {
                self.blocks.open(index, Block::Text, None, found);
                self.begin(index, content.text.map(Delta::Text), found);
            }
            "thinking" => {
                self.blocks.open(index, Block::Thinking, None, found);
                self.begin(index, content.thinking.map(Delta::Thinking), found);
                self.begin(index, content.signature.as_deref().map(seal), found);
            }
            "redacted_thinking" => {
                self.blocks.open(index, Block::Thinking, None, found);
                let seal = |value| Delta::Seal(Seal { maker: SealMaker::AnthropicRedacted, value });
                self.begin(index, content.data.map(seal), found);
            }
            "tool_use" => {
                self.has_called = true;
                let (id, name) = (content.id.unwrap_or_default(), content.name.unwrap_or_default());
                // `{}` at the beginning of a stream says that more comes.
                let input = content.input.and_then(block::input).map(RawValue::get);
                let input = input.filter(|input| !is_empty_object(input)).map(str::to_owned);
                self.blocks.open(index, Block::ToolCall { id, name }, input, found);
            }
            _ => {}
        }
    }

    fn begin(&mut self, index: u64, delta: Option<Delta>, found: &mut Vec<Event>) {
        if let Some(delta) = delta.filter(says_something) {
            self.blocks.delta(index, delta, found);
        }
    }

    /// A reason that is missing or unknown is the one that the blocks show.
    fn finish(&mut self, finish: Option<Finish>, found: &mut Vec<Event>) {
        if self.stage >= Stage::Finished {
            return;
        }
        self.stage = Stage::Finished;
        self.blocks.close_all(found);
        let shown = if self.has_called { Finish::ToolCalls } else { Finish::Done };
        found.push(Event::Finish(finish.unwrap_or(shown)));
    }

    fn fail(&mut self, data: &[u8], found: &mut Vec<Event>) {
        self.stage = Stage::Over;
        found.push(Event::Error(failure::read(500, data)));
    }
}

/// `None` for what says nothing in other dialects (citations), or nothing at all.
fn delta(change: Change<'_>) -> Option<Delta> {
    let delta = match change.kind.as_ref() {
        "text_delta" => change.text.map(Delta::Text),
        "thinking_delta" => change.thinking.map(Delta::Thinking),
        "signature_delta" => change.signature.as_deref().map(seal),
        "input_json_delta" => change.partial_json.map(Delta::Arguments),
        _ => None,
    };
    delta.filter(says_something)
}

fn seal(signature: &str) -> Delta {
    Delta::Seal(Seal::from_signature(signature))
}

fn says_something(delta: &Delta) -> bool {
    match delta {
        Delta::Text(text) | Delta::Thinking(text) | Delta::Arguments(text) => !text.is_empty(),
        Delta::Seal(seal) => !seal.value.is_empty(),
    }
}

fn is_empty_object(input: &str) -> bool {
    input.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|rest| rest.trim().is_empty())
}

#[cfg(test)]
mod tests;
