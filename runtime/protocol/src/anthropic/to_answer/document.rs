//! The content of a whole message.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::super::block::Block as Written;
use super::super::{call, signature};
use crate::event::{Block, Delta, Event, SealMaker};

/// The blocks. Those of words and thoughts of which nothing came are not written, as in a stream.
pub(super) fn blocks(events: &[Event]) -> Vec<Written<'static>> {
    let mut written = Vec::new();
    let mut open: Option<(&Block, Vec<&Delta>)> = None;
    for event in events {
        match event {
            Event::Open(block) => {
                close(open.replace((block, Vec::new())), &mut written);
            }
            Event::Delta(delta) => {
                if let Some((_, deltas)) = &mut open {
                    deltas.push(delta);
                }
            }
            _ => close(open.take_if(|_| matches!(event, Event::Close | Event::End)), &mut written),
        }
    }
    close(open, &mut written);
    written
}

fn close(block: Option<(&Block, Vec<&Delta>)>, written: &mut Vec<Written<'static>>) {
    let Some((block, deltas)) = block else { return };
    let mut words = String::new();
    let mut seal = None;
    for delta in deltas {
        match (block, delta) {
            (Block::Text, Delta::Text(more))
            | (Block::Thinking, Delta::Thinking(more))
            | (Block::ToolCall { .. }, Delta::Arguments(more)) => words.push_str(more),
            (_, Delta::Seal(given)) => seal = Some(given),
            _ => {}
        }
    }
    match (block, seal) {
        (Block::Text, _) | (Block::Thinking, None) if words.is_empty() => {}
        (Block::Text, _) => written.push(Written::Text { text: Cow::Owned(words) }),
        (Block::Thinking, Some(seal)) if seal.maker == SealMaker::AnthropicRedacted && words.is_empty() => {
            written.push(Written::RedactedThinking { data: Cow::Owned(seal.as_signature()) });
        }
        (Block::Thinking, seal) => written.push(Written::Thinking {
            thinking: Cow::Owned(words),
            signature: seal
                .map_or(Cow::Borrowed(signature::UNSEALED), |seal| Cow::Owned(seal.as_signature())),
        }),
        (Block::ToolCall { id, name }, seal) => {
            let id = call::id(id).into_owned();
            written.extend(seal.map(|seal| Written::Thinking {
                thinking: Cow::Borrowed(""),
                signature: Cow::Owned(signature::of_call(&id, seal)),
            }));
            let object = words.trim_start().starts_with('{').then(|| RawValue::from_string(words));
            written.push(Written::ToolUse {
                id: Cow::Owned(id),
                name: Cow::Owned(name.clone()),
                input: object.and_then(Result::ok).map(Cow::Owned),
            });
        }
    }
}
