//! Turns, written as messages: by turns, the results of tools first, and nothing empty.

use serde::Serialize;

use super::super::block::{Block, Source, input};
use super::super::call;
use crate::conversation::{Dropped, Image, Part, ResultPart, Speaker, Turn, Untranslatable};
use crate::event::SealMaker;

/// Pictures that the API takes (<https://platform.claude.com/docs/en/build-with-claude/vision>).
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// What a tool says that failed without a word.
const FAILED: &str = "The tool failed.";

/// A message.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

impl Message<'_> {
    /// Whether tools have answered in it.
    pub(super) fn has_results(&self) -> bool {
        matches!(self.content.first(), Some(Block::ToolResult { .. }))
    }

    /// Whether its first words are the model's thoughts.
    pub(super) fn begins_with_thoughts(&self) -> bool {
        self.content.first().is_some_and(Block::is_thinking)
    }
}

/// All messages.
pub(super) fn written<'a>(
    turns: &'a [Turn],
    dropped: &mut Dropped,
) -> Result<Vec<Message<'a>>, Untranslatable> {
    let mut messages: Vec<Message<'a>> = Vec::new();
    // What follows the results in the turn that is being written.
    let mut rest = Vec::new();
    for turn in turns {
        let role = match turn.speaker {
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        for part in &turn.parts {
            let Some(block) = block(part, dropped)? else { continue };
            if messages.last().is_none_or(|message| message.role != role) {
                end(&mut messages, &mut rest);
                messages.push(Message { role, content: Vec::new() });
            }
            match (&mut messages[..], &block) {
                ([.., message], Block::ToolResult { .. }) => message.content.push(block),
                _ => rest.push(block),
            }
        }
    }
    end(&mut messages, &mut rest);
    match messages.last() {
        None => Err(Untranslatable::new("a conversation without words")),
        // Models from 4.6 on refuse it, and elsewhere an answer would not repeat the words that it goes on from.
        Some(last) if last.role == "assistant" => {
            Err(Untranslatable::new("an answer that goes on from the assistant's own words"))
        }
        Some(_) => Ok(messages),
    }
}

fn end<'a>(messages: &mut [Message<'a>], rest: &mut Vec<Block<'a>>) {
    if let Some(message) = messages.last_mut() {
        message.content.append(rest);
    }
}

/// `None` for what is empty, which the API refuses, and for thoughts of others.
fn block<'a>(part: &'a Part, dropped: &mut Dropped) -> Result<Option<Block<'a>>, Untranslatable> {
    Ok(match part {
        Part::Text(text) => words(text),
        Part::Image(image) => Some(picture(image)?),
        Part::Thinking { text, seal: Some(seal) } if seal.maker == SealMaker::Anthropic => {
            Some(Block::Thinking { thinking: text.into(), signature: (&seal.value).into() })
        }
        Part::Thinking { seal: Some(seal), .. } if seal.maker == SealMaker::AnthropicRedacted => {
            Some(Block::RedactedThinking { data: (&seal.value).into() })
        }
        Part::Thinking { .. } => {
            dropped.add("thinking");
            None
        }
        Part::ToolCall(called) => {
            if called.seal.is_some() {
                dropped.add("thinking");
            }
            Some(Block::ToolUse {
                id: call::id(&called.id),
                name: (&called.name).into(),
                input: input(&called.arguments).map(std::borrow::Cow::Borrowed),
            })
        }
        Part::ToolResult(result) => {
            let mut content = Vec::new();
            for part in &result.parts {
                content.extend(match part {
                    ResultPart::Text(text) => words(text),
                    ResultPart::Image(image) => Some(picture(image)?),
                });
            }
            if result.is_error && content.is_empty() {
                // The API refuses an error that says nothing.
                content.push(Block::Text { text: FAILED.into() });
            }
            Some(Block::ToolResult {
                tool_use_id: call::id(&result.call_id),
                content,
                is_error: result.is_error,
            })
        }
    })
}

fn words(text: &str) -> Option<Block<'_>> {
    (!text.trim().is_empty()).then(|| Block::Text { text: text.into() })
}

fn picture(image: &Image) -> Result<Block<'_>, Untranslatable> {
    let source = match image {
        Image::Inline { media_type, data } if IMAGES.contains(&media_type.as_str()) => {
            Source::Base64 { media_type, data }
        }
        Image::Inline { media_type, .. } => {
            return Err(Untranslatable::new(format!("an image of the type `{media_type}`")));
        }
        Image::Url(url) => Source::Url { url },
    };
    Ok(Block::Image { source })
}
