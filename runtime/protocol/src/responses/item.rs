//! Items of a request's input, read into turns of a conversation.

use serde_json::value::RawValue;

use super::members::{Members, malformed};
use super::seal::{self, On};
use crate::conversation::{
    Conversation, Image, Json, Part, ResultPart, Speaker, ToolCall, ToolResult, Turn, Untranslatable,
};

/// Adds the input to a conversation: a string, or items.
pub(super) fn read_all(input: &RawValue, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    if let Ok(text) = serde_json::from_str::<String>(input.get()) {
        conversation.turns.push(Turn { speaker: Speaker::User, parts: vec![Part::Text(text)] });
        return Ok(());
    }
    let items: Vec<&RawValue> = serde_json::from_str(input.get()).map_err(|_| malformed("input"))?;
    for item in items {
        read(Members::read(item.get(), "input")?, conversation)?;
    }
    Ok(())
}

fn read(mut item: Members<'_>, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    let kind: Option<String> = item.take("type")?;
    let role: Option<String> = item.take("role")?;
    match (kind.as_deref(), role.as_deref()) {
        (Some("message") | None, Some(role)) => message(role, &mut item, conversation)?,
        (Some("function_call"), _) => function_call(&mut item, conversation)?,
        (Some("function_call_output"), _) => function_call_output(&mut item, conversation)?,
        (Some("reasoning"), _) => reasoning(&mut item, conversation)?,
        (Some("item_reference") | None, _) => return Err(Untranslatable::new("a stored item")),
        (Some("custom_tool_call" | "custom_tool_call_output"), _) => {
            return Err(Untranslatable::new("a call of a custom tool"));
        }
        (Some(kind), _) => return Err(Untranslatable::new(format!("an item of type `{kind}`"))),
    }
    // The provider's own names of items, and whether they were finished.
    item.pass_over(&["id", "status"]);
    item.drop_rest(&mut conversation.dropped);
    Ok(())
}

fn message(
    role: &str,
    item: &mut Members<'_>,
    conversation: &mut Conversation,
) -> Result<(), Untranslatable> {
    let contents = parts(item.need("content")?, "content", conversation)?;
    let speaker = match role {
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        // Wherever they stand, they are instructions: a turn of the user's would have less weight, and between a call
        // and its result no turn may stand.
        "system" | "developer" => {
            for part in contents {
                match part {
                    ResultPart::Text(text) => conversation.system.push(text),
                    ResultPart::Image(_) => return Err(Untranslatable::new("an image among instructions")),
                }
            }
            return Ok(());
        }
        role => return Err(Untranslatable::new(format!("a message of the role `{role}`"))),
    };
    let contents = contents.into_iter().map(|part| match part {
        ResultPart::Text(text) => Part::Text(text),
        ResultPart::Image(image) => Part::Image(image),
    });
    match speaker {
        Speaker::User => conversation.turns.push(Turn { speaker, parts: contents.collect() }),
        Speaker::Assistant => contents.for_each(|part| assistant(conversation, part)),
    }
    Ok(())
}

/// The items of one answer are one turn.
fn assistant(conversation: &mut Conversation, part: Part) {
    match conversation.turns.last_mut() {
        Some(Turn { speaker: Speaker::Assistant, parts }) => parts.push(part),
        _ => conversation.turns.push(Turn { speaker: Speaker::Assistant, parts: vec![part] }),
    }
}

fn function_call(item: &mut Members<'_>, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    if item.take::<String>("namespace")?.is_some() {
        return Err(Untranslatable::new("a call of a tool in a namespace"));
    }
    let call = ToolCall {
        id: item.need("call_id")?,
        name: item.need("name")?,
        arguments: arguments(item.take("arguments")?.unwrap_or_default()),
        seal: None,
    };
    assistant(conversation, Part::ToolCall(call));
    Ok(())
}

/// What a model wrote as arguments, which need not be JSON; others take nothing but an object.
fn arguments(text: String) -> Json {
    match RawValue::from_string(text) {
        Ok(json) if json.get().starts_with('{') => json,
        _ => RawValue::from_string("{}".to_owned()).unwrap_or_default(),
    }
}

fn function_call_output(
    item: &mut Members<'_>,
    conversation: &mut Conversation,
) -> Result<(), Untranslatable> {
    let result = Part::ToolResult(ToolResult {
        call_id: item.need("call_id")?,
        parts: parts(item.need("output")?, "output", conversation)?,
        is_error: false,
    });
    match conversation.turns.last_mut() {
        // Results of calls that were made together are one turn.
        Some(Turn { speaker: Speaker::User, parts }) if matches!(parts.last(), Some(Part::ToolResult(_))) => {
            parts.push(result);
        }
        _ => conversation.turns.push(Turn { speaker: Speaker::User, parts: vec![result] }),
    }
    // Results repeat the name of the tool, if they please.
    item.pass_over(&["name", "namespace"]);
    Ok(())
}

fn reasoning(item: &mut Members<'_>, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    let id: Option<String> = item.take("id")?;
    let mut texts = Vec::new();
    for name in ["summary", "content"] {
        let pieces: Option<Vec<&RawValue>> = item.take(name)?;
        for piece in pieces.into_iter().flatten() {
            texts.push(Members::read(piece.get(), name)?.need::<String>("text")?);
        }
    }
    let text = texts.join("\n\n");
    let content: Option<String> = item.take("encrypted_content")?;
    match content.map(|content| seal::read(id.as_deref().unwrap_or_default(), &content)) {
        Some((seal, On::Call)) => {
            match conversation.turns.last_mut().and_then(|turn| turn.parts.last_mut()) {
                Some(Part::ToolCall(call)) => call.seal = Some(seal),
                // Its call is gone from the conversation.
                _ => conversation.dropped.add("reasoning"),
            }
        }
        // Known to the provider alone, by its id.
        None if text.is_empty() => conversation.dropped.add("reasoning"),
        sealed => {
            let seal = sealed.map(|(seal, _)| seal);
            assistant(conversation, Part::Thinking { text, seal });
        }
    }
    Ok(())
}

/// Contents of a message or of what a tool said: a string, or parts.
fn parts(
    contents: &RawValue,
    name: &str,
    conversation: &mut Conversation,
) -> Result<Vec<ResultPart>, Untranslatable> {
    if let Ok(text) = serde_json::from_str::<String>(contents.get()) {
        return Ok(vec![ResultPart::Text(text)]);
    }
    let contents: Vec<&RawValue> = serde_json::from_str(contents.get()).map_err(|_| malformed(name))?;
    contents.into_iter().map(|part| self::part(Members::read(part.get(), name)?, conversation)).collect()
}

fn part(mut part: Members<'_>, conversation: &mut Conversation) -> Result<ResultPart, Untranslatable> {
    let kind: String = part.need("type")?;
    let read = match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            // Lists that answers always have, and that are empty where no tool of the provider's was used.
            let annotations: Option<Vec<serde::de::IgnoredAny>> = part.take("annotations")?;
            if annotations.is_some_and(|annotations| !annotations.is_empty()) {
                conversation.dropped.add("annotations");
            }
            part.pass_over(&["logprobs"]);
            ResultPart::Text(part.need("text")?)
        }
        "refusal" => ResultPart::Text(part.need("refusal")?),
        "input_image" => {
            let detail: Option<String> = part.take("detail")?;
            if detail.is_some_and(|detail| detail != "auto") {
                conversation.dropped.add("detail");
            }
            match part.take::<String>("image_url")? {
                Some(url) => ResultPart::Image(image(url)?),
                None => return Err(Untranslatable::new("an image by the id of a file")),
            }
        }
        "input_file" => return Err(Untranslatable::new("a file")),
        "input_audio" => return Err(Untranslatable::new("audio")),
        kind => return Err(Untranslatable::new(format!("a part of type `{kind}`"))),
    };
    part.drop_rest(&mut conversation.dropped);
    Ok(read)
}

fn image(url: String) -> Result<Image, Untranslatable> {
    let Some(inline) = url.strip_prefix("data:") else { return Ok(Image::Url(url)) };
    let (head, data) = inline.split_once(',').ok_or_else(|| malformed("image_url"))?;
    let media_type = head.strip_suffix(";base64").ok_or_else(|| malformed("image_url"))?;
    // Parameters of the type, which no image needs.
    let media_type = media_type.split(';').next().unwrap_or_default();
    Ok(Image::Inline { media_type: media_type.to_owned(), data: data.to_owned() })
}
