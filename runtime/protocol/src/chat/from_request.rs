//! Requests, read into a conversation.

use serde_json::value::RawValue;

use super::members::{Members, malformed};
use super::messages;
use crate::conversation::{
    Conversation, Dropped, Effort, Format, Reasoning, Tool, ToolChoice, Untranslatable,
};

/// Reads one.
pub(crate) fn read(body: &[u8]) -> Result<Conversation, Untranslatable> {
    let body = std::str::from_utf8(body).map_err(|_| malformed("request"))?;
    let mut body = Members::read(body, "request")?;
    refuse(&mut body)?;
    let mut conversation = Conversation {
        // As they are read for the bound: the larger.
        max_output: body.take("max_completion_tokens")?.max(body.take("max_tokens")?),
        temperature: body.take("temperature")?,
        top_p: body.take("top_p")?,
        top_k: body.take::<i64>("top_k")?.and_then(|top| u64::try_from(top).ok()),
        stop: stop(&mut body)?,
        stream: body.take("stream")?.unwrap_or(false),
        parallel_tool_calls: body.take("parallel_tool_calls")?,
        ..Conversation::default()
    };
    let dropped = &mut conversation.dropped;
    for name in ["presence_penalty", "frequency_penalty"] {
        if body
            .take::<serde_json::Number>(name)?
            .and_then(|penalty| penalty.as_f64())
            .is_some_and(|penalty| penalty != 0.0)
        {
            dropped.add(name);
        }
    }
    conversation.reasoning = reasoning(&mut body, dropped)?;
    conversation.format = format(&mut body, dropped)?;
    conversation.tools = tools(&mut body, dropped)?;
    conversation.tool_choice = tool_choice(&mut body)?;
    conversation.user = body.take("user")?.or(body.take("safety_identifier")?);
    // The writer of the answer knows what was asked of streams; the gateway chose the model.
    body.raw("stream_options");
    body.raw("model");
    messages::read(&body.need::<Vec<&RawValue>>("messages")?, &mut conversation)?;
    body.drop_rest(&mut conversation.dropped);
    Ok(conversation)
}

/// Members that change what an answer is, and that no other dialect has a word for.
fn refuse(body: &mut Members<'_>) -> Result<(), Untranslatable> {
    for name in ["n", "best_of"] {
        let answers = body.take::<u64>(name)?.unwrap_or(1);
        if answers > 1 {
            return Err(Untranslatable::new(format!("`{name}` = {answers}")));
        }
    }
    let probabilities = body.take::<u64>("top_logprobs")?.is_some_and(|top| top > 0);
    if body.take::<bool>("logprobs")?.unwrap_or(false) || probabilities {
        return Err(Untranslatable::new("`logprobs`"));
    }
    if body.raw("logit_bias").is_some_and(|bias| !is_empty(bias)) {
        return Err(Untranslatable::new("`logit_bias`"));
    }
    if body.take::<Vec<String>>("modalities")?.is_some_and(|all| all.iter().any(|one| one != "text")) {
        return Err(Untranslatable::new("an answer in another form than text"));
    }
    for (name, what) in [
        ("web_search_options", "web search"),
        ("prediction", "`prediction`"),
        ("moderation", "`moderation`"),
        ("plugins", "`plugins`"),
        ("preset", "`preset`"),
        ("data_sources", "`data_sources`"),
        ("structured_outputs", "`structured_outputs`"),
    ] {
        if body.raw(name).is_some_and(|value| name == "web_search_options" || !is_empty(value)) {
            return Err(Untranslatable::new(what));
        }
    }
    // vLLM's ways of saying what form the answer has.
    match body.names().find(|name| name.starts_with("guided_")) {
        Some(name) => Err(Untranslatable::new(format!("`{name}`"))),
        None => Ok(()),
    }
}

fn is_empty(value: &RawValue) -> bool {
    value.get().bytes().all(|byte| matches!(byte, b'{' | b'}' | b'[' | b']') || byte.is_ascii_whitespace())
}

fn stop(body: &mut Members<'_>) -> Result<Vec<String>, Untranslatable> {
    let Some(stop) = body.raw("stop") else { return Ok(Vec::new()) };
    match serde_json::from_str::<String>(stop.get()) {
        Ok(one) => Ok(vec![one]),
        Err(_) => serde_json::from_str(stop.get()).map_err(|_| malformed("stop")),
    }
}

fn reasoning(body: &mut Members<'_>, dropped: &mut Dropped) -> Result<Reasoning, Untranslatable> {
    // OpenRouter's.
    if let Some(reasoning) = body.raw("reasoning") {
        let mut reasoning = Members::read(reasoning.get(), "reasoning")?;
        let effort = reasoning.take::<String>("effort")?;
        let budget = reasoning.take::<u64>("max_tokens")?;
        let enabled = reasoning.take::<bool>("enabled")?;
        reasoning.drop_rest(dropped);
        return match (effort, budget, enabled) {
            (Some(effort), ..) => of_effort(&effort),
            (None, Some(budget), _) => Ok(Reasoning::Budget(budget)),
            (None, None, Some(true)) => Ok(Reasoning::Adaptive),
            (None, None, Some(false)) => Ok(Reasoning::Off),
            (None, None, None) => Ok(Reasoning::Default),
        };
    }
    body.take::<String>("reasoning_effort")?.map_or(Ok(Reasoning::Default), |effort| of_effort(&effort))
}

fn of_effort(effort: &str) -> Result<Reasoning, Untranslatable> {
    Ok(match effort {
        "none" => Reasoning::Off,
        "minimal" => Reasoning::Effort(Effort::Minimal),
        "low" => Reasoning::Effort(Effort::Low),
        "medium" => Reasoning::Effort(Effort::Medium),
        "high" => Reasoning::Effort(Effort::High),
        "xhigh" | "max" => Reasoning::Effort(Effort::Max),
        other => return Err(Untranslatable::new(format!("the reasoning effort `{other}`"))),
    })
}

fn format(body: &mut Members<'_>, dropped: &mut Dropped) -> Result<Format, Untranslatable> {
    let Some(format) = body.raw("response_format") else { return Ok(Format::Text) };
    let mut format = Members::read(format.get(), "response_format")?;
    let kind: String = format.need("type")?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::Json),
        "json_schema" => {
            let mut named = Members::read(format.need::<&RawValue>("json_schema")?.get(), "json_schema")?;
            let read = Format::Schema {
                name: named.take("name")?,
                schema: named.need::<&RawValue>("schema")?.to_owned(),
                strict: named.take("strict")?,
            };
            named.drop_rest(dropped);
            Ok(read)
        }
        other => Err(Untranslatable::new(format!("the response format `{other}`"))),
    }
}

fn tools(body: &mut Members<'_>, dropped: &mut Dropped) -> Result<Vec<Tool>, Untranslatable> {
    let mut tools = Vec::new();
    for tool in body.take::<Vec<&RawValue>>("tools")?.into_iter().flatten() {
        let mut tool = Members::read(tool.get(), "tools")?;
        match tool.take::<String>("type")?.as_deref() {
            None | Some("function") => {}
            Some(other) => return Err(Untranslatable::new(format!("a tool of the type `{other}`"))),
        }
        tools.push(function(tool.need("function")?, dropped)?);
        tool.drop_rest(dropped);
    }
    // As they were called before there were tools.
    for tool in body.take::<Vec<&RawValue>>("functions")?.into_iter().flatten() {
        tools.push(function(tool, dropped)?);
    }
    Ok(tools)
}

fn function(function: &RawValue, dropped: &mut Dropped) -> Result<Tool, Untranslatable> {
    let mut function = Members::read(function.get(), "function")?;
    let tool = Tool {
        name: function.need("name")?,
        description: function.take("description")?,
        schema: function.raw("parameters").map(ToOwned::to_owned),
        strict: function.take("strict")?,
    };
    function.drop_rest(dropped);
    Ok(tool)
}

fn tool_choice(body: &mut Members<'_>) -> Result<ToolChoice, Untranslatable> {
    let (name, Some(choice)) = (match body.raw("tool_choice") {
        Some(choice) => ("tool_choice", Some(choice)),
        None => ("function_call", body.raw("function_call")),
    }) else {
        return Ok(ToolChoice::Auto);
    };
    if let Ok(word) = serde_json::from_str::<String>(choice.get()) {
        return match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::Never),
            "required" => Ok(ToolChoice::Any),
            other => Err(Untranslatable::new(format!("the tool choice `{other}`"))),
        };
    }
    let mut choice = Members::read(choice.get(), name)?;
    match choice.take::<String>("type")?.as_deref() {
        Some("function") => {
            let mut function = Members::read(choice.need::<&RawValue>("function")?.get(), name)?;
            Ok(ToolChoice::Named(function.need("name")?))
        }
        None if name == "function_call" => Ok(ToolChoice::Named(choice.need("name")?)),
        Some(other) => Err(Untranslatable::new(format!("the tool choice `{other}`"))),
        None => Err(malformed(name)),
    }
}

#[cfg(test)]
mod tests;
