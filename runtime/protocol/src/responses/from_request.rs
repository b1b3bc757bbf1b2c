//! Requests, read into a conversation.

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::item;
use super::members::{Members, malformed};
use crate::conversation::{
    Conversation, Dropped, Effort, Format, Reasoning, Tool, ToolChoice, Untranslatable,
};

/// What another provider cannot know or do, and what it is called.
const ELSEWHERE: [(&str, &str); 4] = [
    ("previous_response_id", "a stored conversation (`previous_response_id`)"),
    ("conversation", "a stored conversation"),
    ("prompt", "a stored prompt"),
    // It may block what is said; to leave that out would let it through.
    ("moderation", "`moderation`"),
];

/// Reads one.
pub(crate) fn read(body: &[u8]) -> Result<Conversation, Untranslatable> {
    let body = std::str::from_utf8(body).map_err(|_| malformed("body"))?;
    let mut body = Members::read(body, "body")?;
    for (name, what) in ELSEWHERE {
        if body.take::<IgnoredAny>(name)?.is_some() {
            return Err(Untranslatable::new(what));
        }
    }
    if body.take("background")?.unwrap_or(false) {
        return Err(Untranslatable::new("a background response"));
    }
    if body.take("top_logprobs")?.unwrap_or(0_u64) > 0 {
        return Err(Untranslatable::new("`top_logprobs`"));
    }
    let mut conversation = Conversation {
        parallel_tool_calls: body.take("parallel_tool_calls")?,
        max_output: body.take("max_output_tokens")?,
        temperature: body.take("temperature")?,
        top_p: body.take("top_p")?,
        stream: body.take("stream")?.unwrap_or(false),
        ..Conversation::default()
    };
    let dropped = &mut conversation.dropped;
    conversation.tool_choice = tool_choice(body.take("tool_choice")?, dropped)?;
    let tools: Option<Vec<&RawValue>> = body.take("tools")?;
    conversation.tools =
        tools.into_iter().flatten().map(|raw| tool(raw, dropped)).collect::<Result<_, _>>()?;
    conversation.format = format(body.take("text")?, dropped)?;
    conversation.reasoning = reasoning(body.take("reasoning")?, dropped)?;
    // The newer name of the same.
    conversation.user = body.take("safety_identifier")?;
    if conversation.user.is_none() {
        conversation.user = body.take("user")?;
    }
    include(body.take("include")?, dropped);
    // The answer is kept by nobody, which is what `false` asks for.
    if body.take("store")?.unwrap_or(false) {
        dropped.add("store");
    }
    conversation.system.extend(body.take::<String>("instructions")?);
    item::read_all(body.need("input")?, &mut conversation)?;
    // Whom it is for is the target's.
    body.pass_over(&["model"]);
    body.drop_rest(&mut conversation.dropped);
    Ok(conversation)
}

fn tool(raw: &RawValue, dropped: &mut Dropped) -> Result<Tool, Untranslatable> {
    let mut tool = Members::read(raw.get(), "tools")?;
    let kind: String = tool.need("type")?;
    if kind != "function" {
        let name: Option<String> = tool.take("name")?;
        return Err(Untranslatable::new(match (kind.as_str(), name) {
            ("custom", Some(name)) => format!("the custom tool `{name}`"),
            ("namespace", Some(name)) => format!("the namespace of tools `{name}`"),
            (kind, _) => format!("the built-in tool `{kind}`"),
        }));
    }
    let read = Tool {
        name: tool.need("name")?,
        description: tool.take("description")?,
        schema: tool.take("parameters")?,
        strict: tool.take("strict")?,
    };
    tool.drop_rest(dropped);
    Ok(read)
}

fn tool_choice(choice: Option<&RawValue>, dropped: &mut Dropped) -> Result<ToolChoice, Untranslatable> {
    let Some(choice) = choice else { return Ok(ToolChoice::Auto) };
    if let Ok(word) = serde_json::from_str::<String>(choice.get()) {
        return match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::Never),
            "required" => Ok(ToolChoice::Any),
            _ => Err(malformed("tool_choice")),
        };
    }
    let mut choice = Members::read(choice.get(), "tool_choice")?;
    let kind: String = choice.need("type")?;
    if kind != "function" {
        return Err(Untranslatable::new(format!("a `tool_choice` of type `{kind}`")));
    }
    let name = choice.need("name")?;
    choice.drop_rest(dropped);
    Ok(ToolChoice::Named(name))
}

fn format(text: Option<&RawValue>, dropped: &mut Dropped) -> Result<Format, Untranslatable> {
    let Some(text) = text else { return Ok(Format::Text) };
    let mut text = Members::read(text.get(), "text")?;
    if text.take::<IgnoredAny>("verbosity")?.is_some() {
        dropped.add("text.verbosity");
    }
    let Some(format) = text.take::<&RawValue>("format")? else { return Ok(Format::Text) };
    text.drop_rest(dropped);
    let mut format = Members::read(format.get(), "text.format")?;
    let kind: String = format.need("type")?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::Json),
        "json_schema" => {
            if format.take::<IgnoredAny>("description")?.is_some() {
                dropped.add("text.format.description");
            }
            Ok(Format::Schema {
                name: format.take("name")?,
                schema: format.need("schema")?,
                strict: format.take("strict")?,
            })
        }
        kind => Err(Untranslatable::new(format!("a `text.format` of type `{kind}`"))),
    }
}

fn reasoning(reasoning: Option<&RawValue>, dropped: &mut Dropped) -> Result<Reasoning, Untranslatable> {
    let Some(reasoning) = reasoning else { return Ok(Reasoning::Default) };
    let mut reasoning = Members::read(reasoning.get(), "reasoning")?;
    let effort: Option<String> = reasoning.take("effort")?;
    for (name, dotted) in [
        ("summary", "reasoning.summary"),
        ("generate_summary", "reasoning.generate_summary"),
        ("context", "reasoning.context"),
        ("mode", "reasoning.mode"),
    ] {
        if reasoning.take::<IgnoredAny>(name)?.is_some() {
            dropped.add(dotted);
        }
    }
    reasoning.drop_rest(dropped);
    Ok(match effort.as_deref() {
        None => Reasoning::Default,
        Some("none") => Reasoning::Off,
        Some("minimal") => Reasoning::Effort(Effort::Minimal),
        Some("low") => Reasoning::Effort(Effort::Low),
        Some("medium") => Reasoning::Effort(Effort::Medium),
        Some("high") => Reasoning::Effort(Effort::High),
        Some("xhigh" | "max") => Reasoning::Effort(Effort::Max),
        // A word of models to come: a hint that others do not know.
        Some(_) => {
            dropped.add("reasoning.effort");
            Reasoning::Default
        }
    })
}

/// What the answer should have besides. Sealed thoughts it always has.
fn include(names: Option<Vec<String>>, dropped: &mut Dropped) {
    if names.into_iter().flatten().any(|name| name != "reasoning.encrypted_content") {
        dropped.add("include");
    }
}

#[cfg(test)]
mod tests;
