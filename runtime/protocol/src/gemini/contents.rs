//! Turns of a conversation as `contents`: `user` and `model` in turn, each with its parts.
//!
//! Seals. Google wants the seal of a part back on that part, and since the third generation refuses a call of a tool
//! without one in the turn that goes on. Anthropic's dialect, which has room for a seal in thinking blocks only, brings it
//! in one before the part (see [`super::from_answer`]), so a sealed thought goes back as the seal of the next call or
//! words of its turn. Calls that another model made, or whose client kept no seal, get the word that Google has for this.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::model::Model;
use crate::conversation::{
    Conversation, Dropped, Image, Part as Said, ResultPart, Speaker, ToolCall, ToolResult, Untranslatable,
};
use crate::event::{Seal, SealMaker};

/// Stands for the seal of a call that Google did not make
/// (<https://ai.google.dev/gemini-api/docs/thought-signatures#faqs>).
const MADE_ELSEWHERE: &str = "skip_thought_signature_validator";

/// Pictures that are taken (<https://ai.google.dev/gemini-api/docs/image-understanding#supported-formats>).
const IMAGE_TYPES: [&str; 5] = ["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"];

/// What one side said.
#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part<'a>>,
}

impl Content<'_> {
    /// The same, as the user's words.
    pub(super) fn of_user(self) -> Self {
        Self { role: Some("user"), ..self }
    }
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Debug, Serialize)]
struct FunctionCall<'a> {
    id: &'a str,
    name: &'a str,
    args: &'a RawValue,
}

#[derive(Debug, Serialize)]
struct FunctionResponse<'a> {
    id: &'a str,
    name: &'a str,
    response: Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Part<'a>>,
}

/// Google's own names for what a tool said and how it failed. What was said stays a string even where it is JSON: within
/// an object, a `$ref` would be taken for one of Google's own and refused (<https://github.com/vercel/ai/issues/14369>).
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Output(String),
    Error(String),
}

/// The instructions, as parts of one content; `None` where there are none.
pub(super) fn instructions(conversation: &Conversation) -> Option<Content<'_>> {
    let parts: Vec<Part<'_>> = conversation.system.iter().filter_map(|text| words(text, None)).collect();
    (!parts.is_empty()).then_some(Content { role: None, parts })
}

/// The turns. Neighbours of one speaker are one content, and nothing is empty.
pub(super) fn write<'a>(
    conversation: &'a Conversation,
    model: Model,
    dropped: &mut Dropped,
) -> Result<Vec<Content<'a>>, Untranslatable> {
    let mut called: HashMap<&str, &str> = HashMap::new();
    let mut contents: Vec<Content<'a>> = Vec::new();
    for turn in &conversation.turns {
        let (role, parts) = match turn.speaker {
            Speaker::User => ("user", of_user(&turn.parts, &called, model, dropped)?),
            Speaker::Assistant => ("model", of_model(&turn.parts, &mut called, dropped)?),
        };
        match contents.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == Some(role) => last.parts.extend(parts),
            _ => contents.push(Content { role: Some(role), parts }),
        }
    }
    if model.is_third_or_later {
        contents.iter_mut().for_each(seal_first_call);
    }
    Ok(contents)
}

/// Of several calls at once the first has the seal.
fn seal_first_call(content: &mut Content<'_>) {
    if let Some(first) = content.parts.iter_mut().find(|part| part.function_call.is_some()) {
        first.thought_signature.get_or_insert(MADE_ELSEWHERE);
    }
}

fn of_user<'a>(
    said: &'a [Said],
    called: &HashMap<&'a str, &'a str>,
    model: Model,
    dropped: &mut Dropped,
) -> Result<Vec<Part<'a>>, Untranslatable> {
    let mut parts = Vec::new();
    for said in said {
        match said {
            Said::Text(text) => parts.extend(words(text, None)),
            Said::Image(image) => parts.push(picture(image)?),
            Said::ToolResult(result) => parts.extend(outcome(result, called, model)?),
            Said::Thinking { .. } => dropped.add("thinking"),
            Said::ToolCall(_) => return Err(Untranslatable::new("a tool call that the user makes")),
        }
    }
    Ok(parts)
}

fn of_model<'a>(
    said: &'a [Said],
    called: &mut HashMap<&'a str, &'a str>,
    dropped: &mut Dropped,
) -> Result<Vec<Part<'a>>, Untranslatable> {
    let mut parts = Vec::new();
    let mut seal: Option<&str> = None;
    for said in said {
        match said {
            Said::Text(text) if text.is_empty() => {}
            Said::Text(text) => parts.extend(words(text, seal.take())),
            Said::Image(image) => parts.push(picture(image)?),
            Said::Thinking { seal: Some(made), .. } if made.maker == SealMaker::Gemini => {
                parts.extend(seal.replace(&made.value).map(seal_alone));
            }
            Said::Thinking { .. } => dropped.add("thinking"),
            Said::ToolCall(call) => {
                called.insert(&call.id, &call.name);
                parts.push(Part {
                    function_call: Some(function_call(call)?),
                    thought_signature: own(call.seal.as_ref()).or(seal.take()),
                    ..Part::default()
                });
            }
            Said::ToolResult(_) => return Err(Untranslatable::new("a tool result that the model says")),
        }
    }
    parts.extend(seal.map(seal_alone));
    Ok(parts)
}

fn own(seal: Option<&Seal>) -> Option<&str> {
    seal.filter(|seal| seal.maker == SealMaker::Gemini).map(|seal| seal.value.as_str())
}

/// As a stream brings it at its end, when the words have all gone by: on words of no length.
fn seal_alone(seal: &str) -> Part<'_> {
    Part { text: Some(""), thought_signature: Some(seal), ..Part::default() }
}

fn words<'a>(text: &'a str, seal: Option<&'a str>) -> Option<Part<'a>> {
    (!text.is_empty()).then(|| Part { text: Some(text), thought_signature: seal, ..Part::default() })
}

fn function_call(call: &ToolCall) -> Result<FunctionCall<'_>, Untranslatable> {
    Ok(FunctionCall { id: &call.id, name: tool_name(&call.name)?, args: &call.arguments })
}

/// A result, and beside it the pictures that the model does not take within it.
fn outcome<'a>(
    result: &'a ToolResult,
    called: &HashMap<&'a str, &'a str>,
    model: Model,
) -> Result<Vec<Part<'a>>, Untranslatable> {
    let Some(name) = called.get(result.call_id.as_str()) else {
        return Err(Untranslatable::new("the result of a tool call that is not in the conversation"));
    };
    let mut said: Vec<&str> = Vec::new();
    let mut pictures = Vec::new();
    for part in &result.parts {
        match part {
            ResultPart::Text(text) => said.push(text),
            ResultPart::Image(image) => pictures.push(picture(image)?),
        }
    }
    let said = said.join("\n");
    let (within, beside) =
        if model.is_third_or_later { (pictures, Vec::new()) } else { (Vec::new(), pictures) };
    let response = FunctionResponse {
        id: &result.call_id,
        name,
        response: if result.is_error { Outcome::Error(said) } else { Outcome::Output(said) },
        parts: within,
    };
    let mut parts = vec![Part { function_response: Some(response), ..Part::default() }];
    parts.extend(beside);
    Ok(parts)
}

/// By address, Google takes no more than files and films of its own, and the gateway fetches nothing.
fn picture(image: &Image) -> Result<Part<'_>, Untranslatable> {
    match image {
        Image::Inline { media_type, data } if IMAGE_TYPES.contains(&media_type.as_str()) => {
            Ok(Part { inline_data: Some(Blob { mime_type: media_type, data }), ..Part::default() })
        }
        Image::Inline { media_type, .. } => {
            Err(Untranslatable::new(format!("an image of the type `{media_type}`")))
        }
        Image::Url(_) => Err(Untranslatable::new("an image by URL")),
    }
}

/// A tool's name, where Google takes it (<https://ai.google.dev/api/caching#FunctionDeclaration>).
pub(super) fn tool_name(name: &str) -> Result<&str, Untranslatable> {
    const MAX_BYTES: usize = 128;
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on_well = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
    if starts_well && goes_on_well && name.len() <= MAX_BYTES {
        return Ok(name);
    }
    let shown: Cow<'_, str> = name.chars().take(MAX_BYTES).collect();
    Err(Untranslatable::new(format!("a tool of the name `{shown}`")))
}
