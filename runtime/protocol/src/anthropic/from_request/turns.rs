//! Messages, read into turns.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::block;
use super::super::object::{Object, list, malformed};
use super::super::signature::{self, Signature};
use crate::conversation::{
    Conversation, Dropped, Image, Part, ResultPart, Speaker, ToolCall, ToolResult, Turn, Untranslatable,
};
use crate::event::{Seal, SealMaker};

/// Reads them all.
pub(super) fn read(messages: &RawValue, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    let mut seals = BTreeMap::new();
    for message in list("messages", messages)? {
        let mut message = Object::within("message", message)?;
        let role: String = message.required("role")?;
        let content = message.take("content").ok_or_else(|| malformed("content"))?;
        message.drop_rest("messages.", &mut conversation.dropped);
        let speaker = match role.as_str() {
            "user" => Speaker::User,
            "assistant" => Speaker::Assistant,
            // An instruction in the middle of the conversation. It keeps its weight and loses its place, which few
            // providers know of; it stands before the next answer either way.
            "system" => {
                conversation.system.extend(texts("system", content, &mut conversation.dropped)?);
                continue;
            }
            _ => return Err(malformed("role")),
        };
        let parts = parts(content, &mut seals, &mut conversation.dropped)?;
        conversation.turns.push(Turn { speaker, parts });
    }
    for part in conversation.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Part::ToolCall(call) = part {
            call.seal = seals.remove(&call.id);
        }
    }
    Ok(())
}

/// Content that is words alone: a string, or text blocks.
pub(super) fn texts(
    what: &'static str,
    content: &RawValue,
    dropped: &mut Dropped,
) -> Result<Vec<String>, Untranslatable> {
    if content.get().starts_with('"') {
        return Ok(vec![serde_json::from_str(content.get()).map_err(|_| malformed(what))?]);
    }
    let mut texts = Vec::new();
    for block in list(what, content)? {
        let mut block = Object::within(what, block)?;
        let kind: String = block.required("type")?;
        if kind != "text" {
            return Err(unknown(&kind, &mut block));
        }
        texts.push(block.required("text")?);
        block.drop_rest("", dropped);
    }
    Ok(texts)
}

fn parts(
    content: &RawValue,
    seals: &mut BTreeMap<String, Seal>,
    dropped: &mut Dropped,
) -> Result<Vec<Part>, Untranslatable> {
    if content.get().starts_with('"') {
        return Ok(texts("content", content, dropped)?.into_iter().map(Part::Text).collect());
    }
    let mut parts = Vec::new();
    for block in list("content", content)? {
        let mut block = Object::within("content", block)?;
        let kind: String = block.required("type")?;
        match kind.as_str() {
            "thinking" => parts.extend(thinking(&mut block, seals)?),
            "redacted_thinking" => {
                let seal = Seal { maker: SealMaker::AnthropicRedacted, value: block.required("data")? };
                parts.push(Part::Thinking { text: String::new(), seal: Some(seal) });
            }
            "tool_use" => parts.push(Part::ToolCall(tool_call(&mut block)?)),
            "tool_result" => parts.push(Part::ToolResult(tool_result(&mut block, dropped)?)),
            // Marks where one model took over from another; no model reads it.
            "fallback" => {
                dropped.add("fallback");
                continue;
            }
            _ => parts.extend(shown(&kind, &mut block, dropped)?.into_iter().map(|part| match part {
                ResultPart::Text(text) => Part::Text(text),
                ResultPart::Image(image) => Part::Image(image),
            })),
        }
        block.drop_rest("", dropped);
    }
    Ok(parts)
}

/// `None` for a block that only carries the seal of a call.
fn thinking(
    block: &mut Object<'_>,
    seals: &mut BTreeMap<String, Seal>,
) -> Result<Option<Part>, Untranslatable> {
    let text: String = block.optional("thinking")?.unwrap_or_default();
    let signature: String = block.optional("signature")?.unwrap_or_default();
    Ok(match signature::read(&signature) {
        Signature::None => Some(Part::Thinking { text, seal: None }),
        Signature::OfThoughts(seal) => Some(Part::Thinking { text, seal: Some(seal) }),
        Signature::OfCall(id, seal) => {
            seals.insert(id.to_owned(), seal);
            None
        }
    })
}

fn tool_call(call: &mut Object<'_>) -> Result<ToolCall, Untranslatable> {
    if let Some(caller) = call.take("caller") {
        let mut caller = Object::within("caller", caller)?;
        if caller.required::<String>("type")? != "direct" {
            return Err(Untranslatable::new("a tool that is called by code"));
        }
    }
    let input = call.take("input").and_then(block::input).map(RawValue::to_owned);
    Ok(ToolCall {
        id: call.required("id")?,
        name: call.required("name")?,
        arguments: input.map_or_else(|| serde_json::from_str("{}").map_err(|_| malformed("input")), Ok)?,
        seal: None,
    })
}

fn tool_result(result: &mut Object<'_>, dropped: &mut Dropped) -> Result<ToolResult, Untranslatable> {
    let mut parts = Vec::new();
    match result.take("content") {
        None => {}
        Some(content) if content.get().starts_with('"') => {
            parts.extend(texts("content", content, dropped)?.into_iter().map(ResultPart::Text));
        }
        Some(content) => {
            for block in list("content", content)? {
                let mut block = Object::within("content", block)?;
                let kind: String = block.required("type")?;
                // A tool that a search of the client's has found. All tools are there already: its name says it.
                if kind == "tool_reference" {
                    parts.push(ResultPart::Text(block.required("tool_name")?));
                } else {
                    parts.extend(shown(&kind, &mut block, dropped)?);
                }
                block.drop_rest("", dropped);
            }
        }
    }
    Ok(ToolResult {
        call_id: result.required("tool_use_id")?,
        parts,
        is_error: result.optional("is_error")?.unwrap_or_default(),
    })
}

/// What can stand in a message and in a tool's result alike.
fn shown(
    kind: &str,
    block: &mut Object<'_>,
    dropped: &mut Dropped,
) -> Result<Vec<ResultPart>, Untranslatable> {
    if kind == "document" { document(block, dropped) } else { Ok(vec![text_or_image(kind, block)?]) }
}

fn text_or_image(kind: &str, block: &mut Object<'_>) -> Result<ResultPart, Untranslatable> {
    match kind {
        "text" => Ok(ResultPart::Text(block.required("text")?)),
        "image" => {
            let source = block.take("source").ok_or_else(|| malformed("image"))?;
            let mut source = Object::within("source", source)?;
            match source.required::<String>("type")?.as_str() {
                "base64" => Ok(ResultPart::Image(Image::Inline {
                    media_type: source.required("media_type")?,
                    data: source.required("data")?,
                })),
                "url" => Ok(ResultPart::Image(Image::Url(source.required("url")?))),
                "file" => Err(Untranslatable::new("an image by the id of a file")),
                _ => Err(malformed("image")),
            }
        }
        _ => Err(unknown(kind, block)),
    }
}

/// A document that is words, and maybe pictures; its title and its context stand before them, as the model sees them.
fn document(block: &mut Object<'_>, dropped: &mut Dropped) -> Result<Vec<ResultPart>, Untranslatable> {
    let source = block.take("source").ok_or_else(|| malformed("document"))?;
    let mut source = Object::within("source", source)?;
    let mut parts = Vec::new();
    for name in ["title", "context"] {
        parts.extend(block.optional(name)?.map(ResultPart::Text));
    }
    match source.required::<String>("type")?.as_str() {
        "text" => parts.push(ResultPart::Text(source.required("data")?)),
        "content" => {
            let content = source.take("content").ok_or_else(|| malformed("document"))?;
            if content.get().starts_with('"') {
                parts.extend(texts("document", content, dropped)?.into_iter().map(ResultPart::Text));
                return Ok(parts);
            }
            for piece in list("document", content)? {
                let mut piece = Object::within("document", piece)?;
                let kind: String = piece.required("type")?;
                parts.push(text_or_image(&kind, &mut piece)?);
                piece.drop_rest("", dropped);
            }
        }
        _ => return Err(Untranslatable::new("a document")),
    }
    Ok(parts)
}

/// A block that no other dialect has.
fn unknown(kind: &str, block: &mut Object<'_>) -> Untranslatable {
    match kind {
        "document" => Untranslatable::new("a document"),
        "search_result" => Untranslatable::new("a search result"),
        "container_upload" => Untranslatable::new("an uploaded file"),
        "server_tool_use" | "mcp_tool_use" => match block.optional::<String>("name") {
            Ok(Some(name)) => Untranslatable::new(format!("a call of the server tool `{name}`")),
            _ => Untranslatable::new("a call of a server tool"),
        },
        kind if kind.ends_with("_tool_result") => {
            Untranslatable::new(format!("what a server tool said (`{kind}`)"))
        }
        kind => Untranslatable::new(format!("a content block of the type `{kind}`")),
    }
}
