//! Answers, written from events.

mod document;
mod wire;

use std::borrow::Cow;

use pai_bundle::usage::Usage;

use self::wire::{Changed, Counted, Message, Said, Stopped, put};
use super::block::Block as Written;
use super::{call, signature, stop};
use crate::dialect::Family;
use crate::event::{Block, Delta, Event, Finish, Seal, SealMaker};
use crate::failure;
use crate::translate::Question;

/// Writes one answer.
pub(crate) struct Writer {
    question: Question,
    named: Named,
    usage: Usage,
    finish: Option<Finish>,
    has_started: bool,
    has_called: bool,
    is_over: bool,
    /// Blocks written so far.
    index: u64,
    /// A block that has begun and of which nothing is written: what comes first says which kind of block it is.
    begun: Option<Block>,
    open: Option<Open>,
}

/// What the provider calls its answer and its model.
#[derive(Debug, Default)]
struct Named {
    id: Option<String>,
    model: Option<String>,
}

/// A block that is written in part.
#[derive(Debug)]
enum Open {
    Text,
    Thinking {
        /// Whether its signature is written.
        is_sealed: bool,
    },
    ToolCall {
        /// As it is written.
        id: String,
        /// The provider's, where it came after the arguments had begun.
        late_seal: Option<Seal>,
    },
}

impl Writer {
    /// An answer to this question.
    pub(crate) fn new(question: Question) -> Self {
        Self {
            question,
            named: Named::default(),
            usage: Usage::default(),
            finish: None,
            has_started: false,
            has_called: false,
            is_over: false,
            index: 0,
            begun: None,
            open: None,
        }
    }

    /// The next event of a stream.
    ///
    /// `message_start` is written with the first thing that is said, so that counters which follow the beginning at once
    /// stand in it, as from Anthropic; `message_delta` at the end alone, because other providers count after they have
    /// said why they stopped.
    pub(crate) fn event(&mut self, event: &Event, text: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        match event {
            Event::Start { id, model } => {
                self.named = Named { id: id.clone(), model: model.clone() };
            }
            Event::Usage(usage) => self.usage = *usage,
            Event::Open(block) => {
                self.close(text);
                self.start(text);
                self.begun = Some(block.clone());
            }
            Event::Delta(delta) => self.delta(delta, text),
            Event::Close => self.close(text),
            Event::Finish(finish) => {
                self.close(text);
                self.finish = Some(finish.clone());
            }
            Event::End => self.end(text),
            Event::Error(failure) => {
                self.is_over = true;
                put(text, "error", &Said::Error { error: failure::anthropic(failure) });
            }
        }
    }

    /// The whole document.
    pub(crate) fn document(&mut self, events: &[Event]) -> Vec<u8> {
        let failed = events.iter().find_map(|event| match event {
            Event::Error(failure) => Some(failure),
            _ => None,
        });
        if let Some(failure) = failed {
            return failure::write(Family::Anthropic, failure, &self.question.id).to_string().into_bytes();
        }
        for event in events {
            match event {
                Event::Start { id, model } => self.named = Named { id: id.clone(), model: model.clone() },
                Event::Usage(usage) => self.usage = *usage,
                Event::Finish(finish) => self.finish = Some(finish.clone()),
                Event::Open(Block::ToolCall { .. }) => self.has_called = true,
                _ => {}
            }
        }
        let content = document::blocks(events);
        let finish = self.finish();
        let (stop_reason, stop_sequence) = stop::written(&finish);
        let message = Message { stop_reason: Some(stop_reason), stop_sequence, ..self.message(content) };
        serde_json::to_vec(&message).unwrap_or_default()
    }

    fn message<'a>(&'a self, content: Vec<Written<'a>>) -> Message<'a> {
        let id = self.named.id.as_deref().filter(|id| id.starts_with("msg_"));
        Message {
            id: id.map_or_else(|| Cow::Owned(format!("msg_{}", self.question.id)), Cow::Borrowed),
            kind: "message",
            role: "assistant",
            model: self.named.model.as_deref().unwrap_or(&self.question.model),
            content,
            stop_reason: None,
            stop_sequence: None,
            usage: Counted::from(&self.usage),
        }
    }

    fn start(&mut self, text: &mut Vec<u8>) {
        if !self.has_started {
            self.has_started = true;
            put(text, "message_start", &Said::MessageStart { message: self.message(Vec::new()) });
        }
    }

    fn delta(&mut self, delta: &Delta, text: &mut Vec<u8>) {
        match delta {
            Delta::Text(words) | Delta::Thinking(words) | Delta::Arguments(words) if words.is_empty() => {}
            Delta::Text(words) => {
                self.go_on(&Block::Text, text);
                self.change(Changed::Text { text: words }, text);
            }
            Delta::Thinking(thinking) => {
                self.go_on(&Block::Thinking, text);
                self.change(Changed::Thinking { thinking }, text);
            }
            Delta::Arguments(partial_json) => {
                if let Some(call @ Block::ToolCall { .. }) = self.begun.take() {
                    self.open(&call, text);
                }
                // Arguments of no call have no tool.
                if matches!(self.open, Some(Open::ToolCall { .. })) {
                    self.change(Changed::InputJson { partial_json }, text);
                }
            }
            Delta::Seal(seal) => self.seal(seal, text),
        }
    }

    /// Makes sure that a block of words or thoughts is open.
    fn go_on(&mut self, block: &Block, text: &mut Vec<u8>) {
        let is_open = matches!(
            (&self.open, block),
            (Some(Open::Text), Block::Text) | (Some(Open::Thinking { .. }), Block::Thinking)
        );
        if is_open {
            return;
        }
        if self.begun.as_ref() == Some(block) {
            self.begun = None;
        } else {
            self.close(text);
        }
        self.open(block, text);
    }

    fn seal(&mut self, seal: &Seal, text: &mut Vec<u8>) {
        let signature = Cow::Owned(seal.as_signature());
        match (&self.begun, &mut self.open) {
            (Some(Block::ToolCall { id, .. }), _) => {
                let signature = Cow::Owned(signature::of_call(&call::id(id), seal));
                self.start(text);
                self.whole(&Written::Thinking { thinking: Cow::Borrowed(""), signature }, text);
            }
            (Some(Block::Thinking), _) if seal.maker == SealMaker::AnthropicRedacted => {
                self.begun = None;
                self.start(text);
                self.whole(&Written::RedactedThinking { data: signature }, text);
            }
            (Some(Block::Thinking), _) => {
                self.begun = None;
                self.open(&Block::Thinking, text);
                self.seal(seal, text);
            }
            (None, Some(Open::Thinking { is_sealed })) => {
                *is_sealed = true;
                self.change(Changed::Signature { signature }, text);
            }
            (None, Some(Open::ToolCall { late_seal, .. })) => *late_seal = Some(seal.clone()),
            // A seal on nothing.
            (Some(Block::Text), _) | (None, Some(Open::Text) | None) => {}
        }
    }

    fn open(&mut self, block: &Block, text: &mut Vec<u8>) {
        self.start(text);
        let (open, written) = match block {
            Block::Text => (Open::Text, Written::Text { text: Cow::Borrowed("") }),
            Block::Thinking => {
                let (thinking, signature) = (Cow::Borrowed(""), Cow::Borrowed(""));
                (Open::Thinking { is_sealed: false }, Written::Thinking { thinking, signature })
            }
            Block::ToolCall { id, name } => {
                self.has_called = true;
                let id = call::id(id);
                let open = Open::ToolCall { id: id.clone().into_owned(), late_seal: None };
                (open, Written::ToolUse { id, name: Cow::Borrowed(name), input: None })
            }
        };
        put(
            text,
            "content_block_start",
            &Said::ContentBlockStart { index: self.index, content_block: &written },
        );
        self.open = Some(open);
    }

    fn change(&self, delta: Changed<'_>, text: &mut Vec<u8>) {
        put(text, "content_block_delta", &Said::ContentBlockDelta { index: self.index, delta });
    }

    fn close(&mut self, text: &mut Vec<u8>) {
        // Words and thoughts of which nothing came are not written: an empty block would be refused when the client
        // sends it back.
        if let Some(call @ Block::ToolCall { .. }) = self.begun.take() {
            self.open(&call, text);
        }
        let Some(open) = self.open.take() else { return };
        if let Open::Thinking { is_sealed: false } = open {
            let signature = Cow::Borrowed(signature::UNSEALED);
            self.change(Changed::Signature { signature }, text);
        }
        self.stop(text);
        if let Open::ToolCall { id, late_seal: Some(seal) } = open {
            let signature = Cow::Owned(signature::of_call(&id, &seal));
            self.whole(&Written::Thinking { thinking: Cow::Borrowed(""), signature }, text);
        }
    }

    fn stop(&mut self, text: &mut Vec<u8>) {
        put(text, "content_block_stop", &Said::ContentBlockStop { index: self.index });
        self.index += 1;
    }

    /// A block that has no pieces but a signature.
    fn whole(&mut self, block: &Written<'_>, text: &mut Vec<u8>) {
        let index = self.index;
        match block {
            Written::Thinking { thinking, signature } => {
                let unsigned = Written::Thinking { thinking: thinking.clone(), signature: Cow::Borrowed("") };
                put(
                    text,
                    "content_block_start",
                    &Said::ContentBlockStart { index, content_block: &unsigned },
                );
                self.change(Changed::Signature { signature: signature.clone() }, text);
            }
            block => {
                put(text, "content_block_start", &Said::ContentBlockStart { index, content_block: block });
            }
        }
        self.stop(text);
    }

    fn end(&mut self, text: &mut Vec<u8>) {
        self.close(text);
        self.start(text);
        self.is_over = true;
        let finish = self.finish();
        let (stop_reason, stop_sequence) = stop::written(&finish);
        let delta = Stopped { stop_reason, stop_sequence };
        put(text, "message_delta", &Said::MessageDelta { delta, usage: Counted::from(&self.usage) });
        put(text, "message_stop", &Said::MessageStop {});
    }

    /// Some providers say that all is said where tools are to be called; clients of this dialect go by the word.
    fn finish(&self) -> Finish {
        match &self.finish {
            None | Some(Finish::Done) if self.has_called => Finish::ToolCalls,
            None => Finish::Done,
            Some(finish) => finish.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
