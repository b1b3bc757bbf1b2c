//! The messages of a request, written from turns.

use std::borrow::Cow;

use pai_bundle::provider::ProviderKind;

use super::names::{self, Ids};
use super::written::{Called, Content, ImageUrl, Message, Piece, ToolCall};
use crate::conversation::{
    Dropped, Image, Part, Renamed, ResultPart, Speaker, ToolResult, Turn, Untranslatable,
};

/// What stands in front of what a failed tool said: the dialect has no other place for it.
const FAILED: &str = "[error]";

/// What is noted of a conversation while it is written.
pub(crate) struct Notes<'n> {
    pub(crate) kind: ProviderKind,
    pub(crate) dropped: &'n mut Dropped,
    pub(crate) renamed: &'n mut Renamed,
}

/// All messages: the instructions as one, since some models' templates take no more, and the role `system`, which vLLM
/// knows and OpenAI takes for `developer` where the model wants that.
pub(crate) fn messages<'a>(
    system: &[String],
    turns: &'a [Turn],
    notes: &mut Notes<'_>,
) -> Result<Vec<Message<'a>>, Untranslatable> {
    let mut messages = Vec::with_capacity(turns.len() + 1);
    let system: Vec<&str> = system.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    if !system.is_empty() {
        messages.push(Message::System { content: system.join("\n\n") });
    }
    let mut ids = Ids::default();
    // Turns of one speaker that follow each other are one message: results of calls that were made at once may come in
    // several turns, and nothing may stand between them.
    for same in turns.chunk_by(|one, next| one.speaker == next.speaker) {
        let parts = same.iter().flat_map(|turn| &turn.parts);
        match same.first().map(|turn| turn.speaker) {
            Some(Speaker::User) => user(parts, &mut ids, &mut messages),
            Some(Speaker::Assistant) => messages.extend(assistant(parts, &mut ids, notes)?),
            None => {}
        }
    }
    Ok(messages)
}

/// Results first, each as a message of its own: they must follow the calls. Their pictures, which such a message does
/// not take, stand in front of what the user says.
fn user<'a>(parts: impl Iterator<Item = &'a Part>, ids: &mut Ids<'a>, messages: &mut Vec<Message<'a>>) {
    let mut pictures = Vec::new();
    let mut said = Vec::new();
    for part in parts {
        match part {
            Part::ToolResult(result) => {
                let tool_call_id = ids.sent(&result.call_id);
                let content = result_text(result, &tool_call_id, &mut pictures);
                messages.push(Message::Tool { tool_call_id, content });
            }
            Part::Text(text) => said.push(Piece::Text { text: Cow::Borrowed(text) }),
            Part::Image(image) => said.push(picture(image)),
            // The user neither thinks nor calls.
            Part::Thinking { .. } | Part::ToolCall(_) => {}
        }
    }
    pictures.append(&mut said);
    messages.extend(content(pictures).map(|content| Message::User { content }));
}

fn result_text<'a>(result: &'a ToolResult, sent_id: &str, pictures: &mut Vec<Piece<'a>>) -> String {
    let mut lines: Vec<&str> = Vec::new();
    if result.is_error {
        lines.push(FAILED);
    }
    let mut has_pictures = false;
    for part in &result.parts {
        match part {
            ResultPart::Text(text) if text.is_empty() => {}
            ResultPart::Text(text) => lines.push(text),
            ResultPart::Image(image) => {
                if !has_pictures {
                    let text = format!("Images from the tool call {sent_id}:");
                    pictures.push(Piece::Text { text: Cow::Owned(text) });
                }
                has_pictures = true;
                pictures.push(picture(image));
            }
        }
    }
    if has_pictures {
        lines.push("[images: see the next user message]");
    }
    lines.join("\n")
}

fn picture(image: &Image) -> Piece<'_> {
    let url = match image {
        Image::Inline { media_type, data } => Cow::Owned(format!("data:{media_type};base64,{data}")),
        Image::Url(url) => Cow::Borrowed(url.as_str()),
    };
    Piece::ImageUrl { image_url: ImageUrl { url } }
}

/// Without empty text; one text alone as the string that every server knows.
fn content(mut pieces: Vec<Piece<'_>>) -> Option<Content<'_>> {
    pieces.retain(|piece| !matches!(piece, Piece::Text { text } if text.is_empty()));
    match &pieces[..] {
        [] => None,
        [Piece::Text { text: Cow::Borrowed(text) }] => Some(Content::Text(text)),
        _ => Some(Content::Parts(pieces)),
    }
}

fn assistant<'a>(
    parts: impl Iterator<Item = &'a Part>,
    ids: &mut Ids<'a>,
    notes: &mut Notes<'_>,
) -> Result<Option<Message<'a>>, Untranslatable> {
    let mut said = Vec::new();
    let mut thoughts: Vec<&str> = Vec::new();
    let mut tool_calls = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => said.push(Piece::Text { text: Cow::Borrowed(text) }),
            Part::Thinking { text, seal } => {
                // Thoughts that nobody has sealed are those of a server such as these, which in the middle of a tool
                // loop want them back: some models go astray without. The others have no place for them.
                let is_theirs = seal.as_ref().is_none_or(|seal| seal.value.is_empty())
                    && matches!(notes.kind, ProviderKind::Vllm | ProviderKind::OpenRouter);
                if is_theirs && !text.is_empty() {
                    thoughts.push(text);
                } else {
                    notes.dropped.add("thinking");
                }
            }
            Part::ToolCall(call) => tool_calls.push(ToolCall {
                id: ids.sent(&call.id),
                function: Called {
                    name: names::tool(&call.name, notes.renamed)?,
                    arguments: call.arguments.get(),
                },
            }),
            // The model does not speak in pictures, and results are the user's.
            Part::Image(_) => return Err(Untranslatable::new("an image in an answer of the model's")),
            Part::ToolResult(_) => {}
        }
    }
    let content = content(said);
    if content.is_none() && tool_calls.is_empty() {
        return Ok(None);
    }
    let reasoning = (!thoughts.is_empty()).then(|| thoughts.join("\n\n"));
    Ok(Some(Message::Assistant { content, reasoning, tool_calls }))
}
