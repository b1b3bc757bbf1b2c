//! Requests, written from a conversation.

use pai_bundle::provider::ProviderKind;
use serde_json::value::RawValue;

use super::family::Family;
use super::history::{self, Notes};
use super::names;
use super::written::{
    Body, Function, JsonSchema, Name, Named, Reasoning as RouterReasoning, ResponseFormat, StreamOptions,
    Tool, ToolChoice as Choice,
};
use crate::conversation::{Conversation, Dropped, Effort, Format, Reasoning, ToolChoice, Untranslatable};
use crate::translate::Target;

/// Most stop sequences that OpenAI takes.
const STOPS_MAX: usize = 4;
/// Most characters of a `user` that OpenAI takes.
const USER_MAX: usize = 64;

/// Budgets of thoughts, in tokens, up to which little or medium effort is meant: a third and two thirds of the way to
/// what models that think think at most, on the scale on which people set them (1,024 to 32,000).
const LOW_UP_TO: u64 = 4_096;
const MEDIUM_UP_TO: u64 = 16_384;

/// The body.
pub(crate) fn write(conversation: &mut Conversation, target: &Target<'_>) -> Result<Vec<u8>, Untranslatable> {
    if conversation.is_prefilled() {
        return Err(Untranslatable::new("a prefilled answer"));
    }
    let mut dropped = std::mem::take(&mut conversation.dropped);
    let mut renamed = std::mem::take(&mut conversation.renamed);
    let mut notes = Notes { kind: target.kind, dropped: &mut dropped, renamed: &mut renamed };
    let text = body(conversation, target, &mut notes)
        .and_then(|body| serde_json::to_vec(&body).map_err(|_| Untranslatable::new("this request")));
    conversation.dropped = dropped;
    conversation.renamed = renamed;
    text
}

/// Whether it is OpenAI itself, or Azure with the same models: they refuse what others take.
fn is_openai(kind: ProviderKind) -> bool {
    matches!(kind, ProviderKind::OpenAi | ProviderKind::AzureOpenAi)
}

fn body<'a>(
    conversation: &'a Conversation,
    target: &Target<'a>,
    notes: &mut Notes<'_>,
) -> Result<Body<'a>, Untranslatable> {
    let family = if is_openai(target.kind) { Family::of(target.model) } else { Family::Plain };
    let has_tools = !conversation.tools.is_empty();
    if has_tools && family.calls_no_tools() {
        return Err(Untranslatable::new(format!(
            "a tool of `{}`, which calls tools in OpenAI's Responses API alone,",
            target.model
        )));
    }
    let most = conversation.max_output.map_or(target.max_output, |asked| asked.min(target.max_output));
    let (max_completion_tokens, max_tokens) =
        if is_openai(target.kind) { (Some(most), None) } else { (None, Some(most)) };
    let user = conversation.user.as_deref().filter(|user| user.chars().count() <= USER_MAX);
    if user.is_none() && conversation.user.is_some() {
        notes.dropped.add("user");
    }
    let parallel = conversation.parallel_tool_calls.filter(|_| has_tools && !family.calls_one_by_one());
    let mut body = Body {
        model: target.model,
        messages: history::messages(&conversation.system, &conversation.turns, notes)?,
        tools: tools(conversation, notes)?,
        max_completion_tokens,
        max_tokens,
        temperature: conversation.temperature.as_ref(),
        top_p: conversation.top_p.as_ref(),
        top_k: conversation.top_k,
        reasoning_effort: None,
        reasoning: None,
        response_format: response_format(&conversation.format),
        tool_choice: if has_tools { tool_choice(&conversation.tool_choice, notes)? } else { None },
        parallel_tool_calls: parallel,
        user,
        stream_options: conversation.stream.then_some(StreamOptions { include_usage: true }),
        stop: stop(&conversation.stop, target, family)?,
        stream: conversation.stream,
    };
    if is_openai(target.kind) && body.top_k.take().is_some() {
        notes.dropped.add("top_k");
    }
    if family.thinks() {
        for (value, name) in [(&mut body.temperature, "temperature"), (&mut body.top_p, "top_p")] {
            if value.take().is_some_and(|number| number.as_f64() != Some(1.0)) {
                notes.dropped.add(name);
            }
        }
    }
    match target.kind {
        ProviderKind::OpenRouter => {
            body.reasoning = router_reasoning(conversation.reasoning, most, notes.dropped);
        }
        ProviderKind::Vllm if target.model.contains("gpt-oss") => {
            body.reasoning_effort = effort(conversation.reasoning, Family::O.efforts(), notes.dropped);
        }
        _ if has_tools && family.calls_tools_without_thinking_only() => {
            if !matches!(conversation.reasoning, Reasoning::Default | Reasoning::Off) {
                notes.dropped.add("thinking");
            }
            body.reasoning_effort = Some("none");
        }
        _ => body.reasoning_effort = effort(conversation.reasoning, family.efforts(), notes.dropped),
    }
    Ok(body)
}

/// The nearest word of those that the model knows, from the least to the most.
fn effort(asked: Reasoning, known: &[&'static str], dropped: &mut Dropped) -> Option<&'static str> {
    let word = match asked {
        Reasoning::Default => return None,
        Reasoning::Off => "none",
        Reasoning::Effort(Effort::Minimal) => "minimal",
        Reasoning::Effort(Effort::Low) | Reasoning::Budget(..=LOW_UP_TO) => "low",
        // Some think not at all if nothing is said.
        Reasoning::Adaptive | Reasoning::Effort(Effort::Medium) | Reasoning::Budget(..=MEDIUM_UP_TO) => {
            "medium"
        }
        Reasoning::Effort(Effort::High) | Reasoning::Budget(_) => "high",
        Reasoning::Effort(Effort::Max) => return known.last().copied().or_else(|| left_out(dropped)),
    };
    match known.iter().find(|known| **known == word) {
        Some(known) => Some(known),
        // Less than the least that it has a word for; but who asks for some thinking does not mean none.
        None if !known.is_empty() && word == "minimal" => Some("low"),
        None if known.is_empty() && word == "none" => None,
        None => known.first().copied().or_else(|| left_out(dropped)),
    }
}

fn left_out<T>(dropped: &mut Dropped) -> Option<T> {
    dropped.add("thinking");
    None
}

/// In OpenRouter's words (<https://openrouter.ai/docs/use-cases/reasoning-tokens>). That a model shall not think is not
/// said: those that cannot help it would refuse.
fn router_reasoning(asked: Reasoning, most: u64, dropped: &mut Dropped) -> Option<RouterReasoning> {
    Some(match asked {
        Reasoning::Default => return None,
        Reasoning::Off => return left_out(dropped),
        Reasoning::Adaptive => RouterReasoning::Enabled(true),
        Reasoning::Effort(Effort::Minimal) => RouterReasoning::Effort("minimal"),
        Reasoning::Effort(Effort::Low) => RouterReasoning::Effort("low"),
        Reasoning::Effort(Effort::Medium) => RouterReasoning::Effort("medium"),
        Reasoning::Effort(Effort::High) => RouterReasoning::Effort("high"),
        Reasoning::Effort(Effort::Max) => RouterReasoning::Effort("xhigh"),
        // Thoughts are part of the output.
        Reasoning::Budget(budget) if budget >= most => RouterReasoning::Effort("high"),
        Reasoning::Budget(budget) => RouterReasoning::MaxTokens(budget),
    })
}

fn stop<'a>(stop: &'a [String], target: &Target<'_>, family: Family) -> Result<&'a [String], Untranslatable> {
    if family.thinks() && !stop.is_empty() {
        return Err(Untranslatable::new(format!("a stop sequence for `{}`", target.model)));
    }
    if is_openai(target.kind) && stop.len() > STOPS_MAX {
        return Err(Untranslatable::new("more than four stop sequences"));
    }
    Ok(stop)
}

fn tools<'a>(conversation: &'a Conversation, notes: &mut Notes<'_>) -> Result<Vec<Tool<'a>>, Untranslatable> {
    conversation
        .tools
        .iter()
        .map(|tool| {
            let parameters = match &tool.schema {
                Some(schema) => schema,
                None => no_parameters()?,
            };
            let name = names::tool(&tool.name, notes.renamed)?;
            let description = tool.description.as_deref();
            Ok(Tool { function: Function { name, description, parameters, strict: tool.strict } })
        })
        .collect()
}

fn no_parameters() -> Result<&'static RawValue, Untranslatable> {
    serde_json::from_str(r#"{"type":"object","properties":{}}"#)
        .map_err(|_| Untranslatable::new("a tool without a schema"))
}

fn tool_choice(choice: &ToolChoice, notes: &mut Notes<'_>) -> Result<Option<Choice>, Untranslatable> {
    Ok(match choice {
        ToolChoice::Auto => None,
        ToolChoice::Never => Some(Choice::Word("none")),
        ToolChoice::Any => Some(Choice::Word("required")),
        ToolChoice::Named(name) => {
            let name = names::tool(name, notes.renamed)?;
            Some(Choice::Named(Named { function: Name { name } }))
        }
    })
}

fn response_format(format: &Format) -> Option<ResponseFormat<'_>> {
    match format {
        Format::Text => None,
        Format::Json => Some(ResponseFormat::JsonObject),
        Format::Schema { name, schema, strict } => Some(ResponseFormat::JsonSchema {
            json_schema: JsonSchema { name: names::form(name.as_deref()), schema, strict: *strict },
        }),
    }
}

#[cfg(test)]
mod tests;
