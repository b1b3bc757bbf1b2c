//! The messages of a request, read into turns.

use serde_json::value::RawValue;

use super::members::{Members, malformed};
use crate::conversation::{
    Conversation, Dropped, Image, Json, Part, ResultPart, Speaker, ToolCall, ToolResult, Turn, Untranslatable,
};
use crate::event::{Seal, SealMaker};

/// Reads all of them into a conversation.
///
/// System and developer messages in the middle of a conversation go to the others before it: their authority matters
/// more than their place, which no other dialect has; that it is lost is told.
pub(crate) fn read(messages: &[&RawValue], conversation: &mut Conversation) -> Result<(), Untranslatable> {
    let mut functions = Functions::default();
    for message in messages {
        let mut message = Members::read(message.get(), "messages")?;
        let role: String = message.need("role")?;
        match role.as_str() {
            "system" | "developer" => {
                if !conversation.turns.is_empty() {
                    conversation.dropped.add("system message position");
                }
                let text = texts(message.raw("content"), &mut conversation.dropped)?.concat();
                if !text.is_empty() {
                    conversation.system.push(text);
                }
            }
            "user" => {
                let parts = user_parts(message.raw("content"), &mut conversation.dropped)?;
                conversation.turns.push(Turn { speaker: Speaker::User, parts });
            }
            "assistant" => {
                let parts = assistant_parts(&mut message, &mut functions, &mut conversation.dropped)?;
                conversation.turns.push(Turn { speaker: Speaker::Assistant, parts });
            }
            "tool" => {
                let call_id = message.need("tool_call_id")?;
                let result = result(call_id, message.raw("content"), &mut conversation.dropped)?;
                push_result(&mut conversation.turns, result);
            }
            "function" => {
                let call_id = functions.answered(&message.need::<String>("name")?)?;
                let result = result(call_id, message.raw("content"), &mut conversation.dropped)?;
                push_result(&mut conversation.turns, result);
            }
            other => return Err(Untranslatable::new(format!("a message of the role `{other}`"))),
        }
        message.drop_rest(&mut conversation.dropped);
    }
    Ok(())
}

/// Calls of functions as they were before tools: without ids, so the result is that of the last call of its name.
#[derive(Default)]
struct Functions {
    calls: Vec<String>,
}

impl Functions {
    fn called(&mut self, name: &str) -> String {
        self.calls.push(name.to_owned());
        Self::id(self.calls.len())
    }

    fn answered(&self, name: &str) -> Result<String, Untranslatable> {
        let at = self.calls.iter().rposition(|called| called == name);
        at.map(|at| Self::id(at + 1)).ok_or_else(|| {
            Untranslatable::new(format!("a result of the function `{name}`, which was not called"))
        })
    }

    fn id(number: usize) -> String {
        format!("call_function_{number}")
    }
}

/// Results of the same calls belong to one turn.
fn push_result(turns: &mut Vec<Turn>, result: ToolResult) {
    let part = Part::ToolResult(result);
    match turns.last_mut() {
        Some(turn) if matches!(turn.parts.last(), Some(Part::ToolResult(_))) => turn.parts.push(part),
        _ => turns.push(Turn { speaker: Speaker::User, parts: vec![part] }),
    }
}

fn assistant_parts(
    message: &mut Members<'_>,
    functions: &mut Functions,
    dropped: &mut Dropped,
) -> Result<Vec<Part>, Untranslatable> {
    if message.raw("audio").is_some() {
        return Err(Untranslatable::new("an earlier answer in sound"));
    }
    let mut parts: Vec<Part> = texts(message.raw("content"), dropped)?
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(Part::Text)
        .collect();
    if let Some(refusal) = message.take::<String>("refusal")?
        && !refusal.is_empty()
    {
        parts.push(Part::Text(refusal));
    }
    for call in message.take::<Vec<&RawValue>>("tool_calls")?.into_iter().flatten() {
        parts.push(Part::ToolCall(tool_call(call, dropped)?));
    }
    if let Some(call) = message.raw("function_call") {
        let mut call = Members::read(call.get(), "function_call")?;
        let name: String = call.need("name")?;
        let arguments = call.raw("arguments").map_or_else(no_arguments, arguments_as_written);
        parts.push(Part::ToolCall(ToolCall { id: functions.called(&name), name, arguments, seal: None }));
    }
    Ok(parts)
}

fn tool_call(call: &RawValue, dropped: &mut Dropped) -> Result<ToolCall, Untranslatable> {
    let mut call = Members::read(call.get(), "tool_calls")?;
    match call.take::<String>("type")?.as_deref() {
        None | Some("function") => {}
        Some(other) => return Err(Untranslatable::new(format!("a call of a tool of the type `{other}`"))),
    }
    let id = call.need("id")?;
    let mut function = Members::read(call.need::<&RawValue>("function")?.get(), "function")?;
    let name = function.need("name")?;
    let arguments = function.raw("arguments").map_or_else(no_arguments, arguments_as_written);
    // As Google's own endpoint that is compatible with OpenAI's has it
    // (<https://ai.google.dev/gemini-api/docs/thought-signatures>), and as our answers have it.
    let seal = call.raw("extra_content").and_then(|extra| google_seal(extra.get()));
    call.raw("index");
    call.drop_rest(dropped);
    Ok(ToolCall { id, name, arguments, seal })
}

/// Gemini's seal on a call, in the place that Google has found for it.
pub(crate) fn google_seal(extra_content: &str) -> Option<Seal> {
    #[derive(serde::Deserialize)]
    struct Extra {
        google: Google,
    }
    #[derive(serde::Deserialize)]
    struct Google {
        thought_signature: String,
    }
    let extra: Extra = serde_json::from_str(extra_content).ok()?;
    Some(Seal { maker: SealMaker::Gemini, value: extra.google.thought_signature })
}

fn result(
    call_id: String,
    content: Option<&RawValue>,
    dropped: &mut Dropped,
) -> Result<ToolResult, Untranslatable> {
    let mut parts = Vec::new();
    for part in user_parts(content, dropped)? {
        match part {
            Part::Text(text) => parts.push(ResultPart::Text(text)),
            Part::Image(image) => parts.push(ResultPart::Image(image)),
            _ => {}
        }
    }
    Ok(ToolResult { call_id, parts, is_error: false })
}

/// Arguments are JSON in a string; some servers write them as the object that they are. What is no object, such as an
/// empty string where there are none, is an empty one.
pub(crate) fn arguments_as_written(arguments: &RawValue) -> Json {
    let text = arguments.get();
    let object =
        if text.starts_with('"') { serde_json::from_str(text).unwrap_or_default() } else { text.to_owned() };
    if !object.trim_start().starts_with('{') {
        return no_arguments();
    }
    RawValue::from_string(object.trim().to_owned()).unwrap_or_else(|_| no_arguments())
}

fn no_arguments() -> Json {
    RawValue::from_string("{}".to_owned()).unwrap_or_default()
}

/// The elements of a content: a string is one.
fn elements(content: Option<&RawValue>) -> Result<Vec<&RawValue>, Untranslatable> {
    let Some(content) = content else { return Ok(Vec::new()) };
    match content.get().as_bytes().first() {
        Some(b'"') => Ok(vec![content]),
        Some(b'[') => serde_json::from_str(content.get()).map_err(|_| malformed("content")),
        _ => Err(malformed("content")),
    }
}

/// Content that is text alone.
fn texts(content: Option<&RawValue>, dropped: &mut Dropped) -> Result<Vec<String>, Untranslatable> {
    let mut texts = Vec::new();
    for part in user_parts(content, dropped)? {
        match part {
            Part::Text(text) => texts.push(text),
            _ => return Err(Untranslatable::new("an image that is not the user's or a tool's")),
        }
    }
    Ok(texts)
}

fn user_parts(content: Option<&RawValue>, dropped: &mut Dropped) -> Result<Vec<Part>, Untranslatable> {
    let mut parts = Vec::new();
    for element in elements(content)? {
        let part = if element.get().starts_with('"') {
            Part::Text(serde_json::from_str(element.get()).map_err(|_| malformed("content"))?)
        } else {
            part(element, dropped)?
        };
        if !matches!(&part, Part::Text(text) if text.is_empty()) {
            parts.push(part);
        }
    }
    Ok(parts)
}

fn part(part: &RawValue, dropped: &mut Dropped) -> Result<Part, Untranslatable> {
    let mut part = Members::read(part.get(), "content")?;
    let kind: String = part.need("type")?;
    let read = match kind.as_str() {
        "text" => Part::Text(part.need("text")?),
        "refusal" => Part::Text(part.need("refusal")?),
        "image_url" => Part::Image(image(part.need("image_url")?, dropped)?),
        "input_audio" => return Err(Untranslatable::new("sound")),
        "file" => return Err(Untranslatable::new("a file")),
        other => return Err(Untranslatable::new(format!("content of the type `{other}`"))),
    };
    part.drop_rest(dropped);
    Ok(read)
}

fn image(written: &RawValue, dropped: &mut Dropped) -> Result<Image, Untranslatable> {
    let url: String = if written.get().starts_with('"') {
        serde_json::from_str(written.get()).map_err(|_| malformed("image_url"))?
    } else {
        let mut object = Members::read(written.get(), "image_url")?;
        let url = object.need("url")?;
        // `detail` among them.
        object.drop_rest(dropped);
        url
    };
    let Some(rest) = url.strip_prefix("data:") else { return Ok(Image::Url(url)) };
    let inline = rest.split_once(',').and_then(|(head, data)| {
        let media_type = head.strip_suffix(";base64")?.split(';').next()?;
        media_type
            .starts_with("image/")
            .then(|| Image::Inline { media_type: media_type.to_owned(), data: data.to_owned() })
    });
    inline.ok_or_else(|| Untranslatable::new("a data URL that is no image in base64"))
}
