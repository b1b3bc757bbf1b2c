//! Requests, read into a conversation.

mod turns;
mod tools;
mod thinking;

use serde_json::value::RawValue;

use super::object::{Object, list, malformed};
use crate::conversation::{Conversation, Format, Untranslatable};

/// How Claude Code's attribution line begins, the first block of its system prompt. Only Anthropic takes it out again;
/// any other model would read it (<https://code.claude.com/docs/en/llm-gateway-protocol>).
const ATTRIBUTION: &str = "x-anthropic-billing-header:";

/// Reads one.
pub(crate) fn read(body: &[u8]) -> Result<Conversation, Untranslatable> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed("body"));
    }
    let mut body = Object::read("body", body)?;
    let mut conversation = Conversation::default();
    // The target has its own name of the model.
    body.take("model");
    refuse_what_runs_there(&mut body)?;
    if let Some(system) = body.take("system") {
        read_system(system, &mut conversation)?;
    }
    let messages = body.take("messages").ok_or_else(|| malformed("messages"))?;
    turns::read(messages, &mut conversation)?;
    tools::read(&mut body, &mut conversation)?;
    thinking::read(&mut body, &mut conversation)?;
    if let Some(format) = body.take("output_format") {
        conversation.format = read_format(format, &mut conversation)?;
    }
    conversation.max_output = match body.optional("max_tokens")? {
        // It fills Anthropic's cache and answers nothing.
        Some(0) => return Err(Untranslatable::new("`max_tokens = 0`")),
        most => most,
    };
    conversation.temperature = body.optional("temperature")?;
    conversation.top_p = body.optional("top_p")?;
    conversation.top_k = body.optional("top_k")?;
    conversation.stop = body.optional("stop_sequences")?.unwrap_or_default();
    conversation.stream = body.optional("stream")?.unwrap_or_default();
    if let Some(metadata) = body.take("metadata") {
        let mut metadata = Object::within("metadata", metadata)?;
        conversation.user = metadata.optional("user_id")?;
        metadata.drop_rest("metadata.", &mut conversation.dropped);
    }
    // `service_tier`, `context_management`, `speed`, `inference_geo`, `betas` and what is to come: where and how fast an
    // answer is made, not what it is.
    body.drop_rest("", &mut conversation.dropped);
    Ok(conversation)
}

/// What Anthropic would run or keep at its own place.
fn refuse_what_runs_there(body: &mut Object<'_>) -> Result<(), Untranslatable> {
    if let Some(servers) = body.take("mcp_servers")
        && !list("mcp_servers", servers)?.is_empty()
    {
        return Err(Untranslatable::new("`mcp_servers`"));
    }
    if body.take("container").is_some_and(|container| container.get() != "\"\"") {
        return Err(Untranslatable::new("`container`"));
    }
    Ok(())
}

fn read_system(system: &RawValue, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    let is_text = system.get().starts_with('"');
    let mut texts = turns::texts("system", system, &mut conversation.dropped)?;
    if !is_text && texts.first().is_some_and(|text| text.starts_with(ATTRIBUTION)) {
        texts.remove(0);
        conversation.dropped.add("x-anthropic-billing-header");
    }
    conversation.system = texts;
    Ok(())
}

/// `output_config.format`, and `output_format`, which it was called in the beta.
fn read_format(format: &RawValue, conversation: &mut Conversation) -> Result<Format, Untranslatable> {
    let mut format = Object::within("format", format)?;
    let kind: String = format.required("type")?;
    if kind != "json_schema" {
        return Err(Untranslatable::new(format!("the output format `{kind}`")));
    }
    let schema = format.take("schema").ok_or_else(|| malformed("format"))?.to_owned();
    format.drop_rest("output_config.format.", &mut conversation.dropped);
    // Anthropic never lets an answer differ from the schema.
    Ok(Format::Schema { name: None, schema, strict: Some(true) })
}

#[cfg(test)]
mod tests;
