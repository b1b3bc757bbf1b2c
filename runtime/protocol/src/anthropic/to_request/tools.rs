//! Tools, and whether one must be called.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::object::{Object, malformed};
use super::model::Model;
use crate::conversation::{self, Conversation, Dropped, ToolChoice, Untranslatable};
use crate::edit::first_member;

/// A tool that the client runs.
#[derive(Serialize)]
pub(super) struct Tool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Cow<'a, RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

/// `tool_choice`
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Choice<'a> {
    Auto {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Any {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    Tool {
        name: &'a str,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        disable_parallel_tool_use: bool,
    },
    None {},
}

/// All tools.
pub(super) fn written<'a>(
    tools: &'a [conversation::Tool],
    model: Model,
    dropped: &mut Dropped,
) -> Result<Vec<Tool<'a>>, Untranslatable> {
    let mut written = Vec::new();
    for tool in tools {
        let mut strict = tool.strict == Some(true);
        if strict && !model.has_structured_outputs() {
            strict = false;
            dropped.add("strict");
        }
        written.push(Tool {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema: schema(tool.schema.as_deref())?,
            strict,
        });
    }
    Ok(written)
}

/// The schema as it was written, but of the type that the API wants to read in it: OpenAI takes `{}`, and none, for a
/// tool without arguments.
fn schema(schema: Option<&RawValue>) -> Result<Cow<'_, RawValue>, Untranslatable> {
    let text = schema.map_or("{}", RawValue::get);
    if let Some(schema) = schema
        && Object::within("parameters", schema)?.take("type").is_some()
    {
        return Ok(Cow::Borrowed(schema));
    }
    let (at, member) = first_member(text.as_bytes(), "\"type\":\"object\"");
    let mut typed = text.to_owned();
    typed.insert_str(at.start, &member);
    RawValue::from_string(typed).map(Cow::Owned).map_err(|_| malformed("parameters"))
}

/// The choice, where there is one to be told: without tools the API refuses it.
pub(super) fn choice(asked: &Conversation) -> Option<Choice<'_>> {
    if asked.tools.is_empty() {
        return None;
    }
    let disable_parallel_tool_use = asked.parallel_tool_calls == Some(false);
    match &asked.tool_choice {
        ToolChoice::Auto => disable_parallel_tool_use.then_some(Choice::Auto { disable_parallel_tool_use }),
        ToolChoice::Any => Some(Choice::Any { disable_parallel_tool_use }),
        ToolChoice::Named(name) => Some(Choice::Tool { name, disable_parallel_tool_use }),
        ToolChoice::Never => Some(Choice::None {}),
    }
}
