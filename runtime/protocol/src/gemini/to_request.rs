//! Requests, written from a conversation (<https://ai.google.dev/api/generate-content#request-body>).
//!
//! `maxOutputTokens` includes the thoughts, as Anthropic's `max_tokens` does, so it bounds all that is paid for.

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::contents::{self, Content, tool_name};
use super::model::Model;
use super::thinking;
use crate::conversation::{Conversation, Dropped, Format, Json, Tool, ToolChoice, Untranslatable};
use crate::translate::Target;

/// Most stop sequences (<https://ai.google.dev/api/generate-content#GenerationConfig>).
const STOP_SEQUENCES_MAX: usize = 5;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Declarations<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declarations<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// JSON Schema as it is; `parameters` beside it takes no more than some of its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Schema<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    max_output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Schema<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<thinking::Config>,
}

/// The body. The model is in the path.
pub(crate) fn write(conversation: &mut Conversation, target: &Target<'_>) -> Result<Vec<u8>, Untranslatable> {
    let mut dropped = std::mem::take(&mut conversation.dropped);
    let written = body(conversation, target, &mut dropped).and_then(|body| {
        // Nothing in it can fail to be written.
        serde_json::to_vec(&body).map_err(|error| Untranslatable::new(error.to_string()))
    });
    conversation.dropped = dropped;
    written
}

fn body<'a>(
    conversation: &'a Conversation,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Body<'a>, Untranslatable> {
    let model = Model::named(target.model);
    refuse_what_has_no_words(conversation, model)?;
    if conversation.user.is_some() {
        dropped.add("user");
    }
    if conversation.parallel_tool_calls == Some(false) && !conversation.tools.is_empty() {
        dropped.add("parallel_tool_calls");
    }
    let mut contents = contents::write(conversation, model, dropped)?;
    let mut system_instruction = contents::instructions(conversation);
    if contents.is_empty() {
        // A conversation of instructions alone, which OpenAI takes and Google does not.
        contents.extend(system_instruction.take().map(Content::of_user));
    }
    if contents.is_empty() {
        return Err(Untranslatable::new("a conversation without words"));
    }
    let max_output = conversation.max_output.map_or(target.max_output, |asked| asked.min(target.max_output));
    let (response_mime_type, response_json_schema) = match &conversation.format {
        Format::Text => (None, None),
        Format::Json => (Some("application/json"), None),
        // The name is for the client; Google always holds to the schema.
        Format::Schema { schema, .. } => (Some("application/json"), Some(Schema(schema))),
    };
    Ok(Body {
        system_instruction,
        contents,
        tools: declarations(&conversation.tools)?,
        tool_config: calling(conversation)?,
        generation_config: GenerationConfig {
            max_output_tokens: max_output,
            temperature: conversation.temperature.as_ref(),
            top_p: conversation.top_p.as_ref(),
            top_k: conversation.top_k,
            stop_sequences: &conversation.stop,
            response_mime_type,
            response_json_schema,
            thinking_config: thinking::config(conversation.reasoning, model.thinking, max_output, dropped),
        },
    })
}

fn refuse_what_has_no_words(conversation: &Conversation, model: Model) -> Result<(), Untranslatable> {
    if conversation.is_prefilled() {
        return Err(Untranslatable::new("an answer that goes on with the last message of the assistant"));
    }
    if conversation.stop.len() > STOP_SEQUENCES_MAX {
        return Err(Untranslatable::new(format!("more than {STOP_SEQUENCES_MAX} stop sequences")));
    }
    let is_json = !matches!(conversation.format, Format::Text);
    if is_json && !conversation.tools.is_empty() && !model.is_third_or_later {
        return Err(Untranslatable::new("an answer in JSON together with tools"));
    }
    Ok(())
}

fn declarations(tools: &[Tool]) -> Result<Option<[Declarations<'_>; 1]>, Untranslatable> {
    let declared = tools.iter().map(|tool| {
        Ok(Declaration {
            name: tool_name(&tool.name)?,
            description: tool.description.as_deref(),
            parameters_json_schema: tool.schema.as_ref().map(Schema),
        })
    });
    let function_declarations = declared.collect::<Result<Vec<_>, Untranslatable>>()?;
    Ok((!function_declarations.is_empty()).then_some([Declarations { function_declarations }]))
}

/// `VALIDATED` leaves the choice to the model and holds arguments to their schemas, which `ANY` does as well.
fn calling(conversation: &Conversation) -> Result<Option<ToolConfig<'_>>, Untranslatable> {
    let tools = &conversation.tools;
    let (mode, name) = match &conversation.tool_choice {
        ToolChoice::Auto if tools.iter().any(|tool| tool.strict == Some(true)) => ("VALIDATED", None),
        ToolChoice::Auto => return Ok(None),
        ToolChoice::Never if tools.is_empty() => return Ok(None),
        ToolChoice::Never => ("NONE", None),
        ToolChoice::Any if !tools.is_empty() => ("ANY", None),
        ToolChoice::Named(name) if tools.iter().any(|tool| &tool.name == name) => {
            ("ANY", Some(name.as_str()))
        }
        ToolChoice::Any | ToolChoice::Named(_) => {
            return Err(Untranslatable::new("the choice of a tool that is not among the tools"));
        }
    };
    let allowed_function_names = name.map(|name| [name]);
    Ok(Some(ToolConfig { function_calling_config: Calling { mode, allowed_function_names } }))
}

/// A schema as it was written, but for the `$schema` at its top, which says nothing of the arguments and is not among the
/// keywords that Google lists (<https://ai.google.dev/api/generate-content#FIELDS.response_json_schema>). Claude Code
/// writes it into every tool.
struct Schema<'a>(&'a Json);

impl Serialize for Schema<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_object = self.0.get().starts_with('{');
        match serde_json::from_str::<Members<'_>>(self.0.get()) {
            Ok(Members(members)) if is_object && members.iter().any(|(name, _)| name == "$schema") => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in members.iter().filter(|(name, _)| name != "$schema") {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
            _ => self.0.serialize(serializer),
        }
    }
}

/// An object's members in the order in which they were written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

#[cfg(test)]
mod tests;
