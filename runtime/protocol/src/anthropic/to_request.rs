//! Requests, written from a conversation.
//!
//! Nothing is marked for Anthropic's prompt cache, which keeps only what it is told to: to write it costs a quarter more
//! than to read the same input once, and whether the conversation goes on is known to the client alone.

mod model;
mod thinking;
mod tools;
mod turns;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Number;
use serde_json::value::RawValue;

use self::model::Model;
use self::thinking::Thinking;
use self::tools::{Choice, Tool};
use self::turns::Message;
use super::block::Block;
use crate::conversation::{Conversation, Dropped, Format, Untranslatable};
use crate::translate::Target;

/// What OpenAI's JSON mode asks for, in words. Anthropic has a form of the answer for a given schema only, and one that
/// fits any object cannot be said: its objects name all their members
/// (<https://platform.claude.com/docs/en/build-with-claude/structured-outputs>).
const ANY_JSON: &str =
    "Answer with one JSON object and nothing else: no other words, and no Markdown around it.";

/// Most characters of `metadata.user_id`.
const USER_ID_MAX_CHARACTERS: usize = 256;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Cow<'a, Number>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

/// `output_config`, which has both since structured outputs left their beta
/// (<https://platform.claude.com/docs/en/build-with-claude/structured-outputs>, and `OutputConfigParam` of the official
/// package `anthropic` 2.14).
#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<JsonSchema<'a>>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: &'a RawValue,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

/// The body.
pub(crate) fn write(conversation: &mut Conversation, target: &Target<'_>) -> Result<Vec<u8>, Untranslatable> {
    let mut dropped = std::mem::take(&mut conversation.dropped);
    let written = body(conversation, target, &mut dropped)
        .and_then(|body| serde_json::to_vec(&body).map_err(|_| Untranslatable::new("this request")));
    conversation.dropped = dropped;
    written
}

fn body<'a>(
    asked: &'a Conversation,
    target: &Target<'a>,
    dropped: &mut Dropped,
) -> Result<Body<'a>, Untranslatable> {
    let model = Model::named(target.model);
    let max_tokens = asked.max_output.unwrap_or(target.max_output).min(target.max_output).max(1);
    let messages = turns::written(&asked.turns, dropped)?;
    let plan = thinking::planned(asked, model, max_tokens, &messages, dropped);
    let format = format(&asked.format, model, dropped)?;
    let sampling = Sampling::of(asked, model, plan.thinking.as_ref().is_some_and(Thinking::is_on), dropped);
    if asked.stop.iter().any(|stop| stop.trim().is_empty()) {
        return Err(Untranslatable::new("a stop sequence of nothing but white space"));
    }
    let output_config =
        (plan.effort.is_some() || format.is_some()).then_some(OutputConfig { effort: plan.effort, format });
    Ok(Body {
        model: target.model,
        max_tokens,
        system: system(asked),
        messages,
        tools: tools::written(&asked.tools, model, dropped)?,
        tool_choice: tools::choice(asked),
        thinking: plan.thinking,
        output_config,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: &asked.stop,
        metadata: user(asked, dropped).map(|user_id| Metadata { user_id }),
        stream: asked.stream,
    })
}

fn system(asked: &Conversation) -> Vec<Block<'_>> {
    let any_json = matches!(asked.format, Format::Json).then_some(ANY_JSON);
    let texts = asked.system.iter().map(String::as_str).chain(any_json);
    texts.filter(|text| !text.trim().is_empty()).map(|text| Block::Text { text: text.into() }).collect()
}

fn format<'a>(
    format: &'a Format,
    model: Model,
    dropped: &mut Dropped,
) -> Result<Option<JsonSchema<'a>>, Untranslatable> {
    match format {
        Format::Text => Ok(None),
        // Asked for in words above, and no longer a guarantee.
        Format::Json => {
            dropped.add("response_format");
            Ok(None)
        }
        Format::Schema { schema, .. } if model.has_structured_outputs() => {
            Ok(Some(JsonSchema { kind: "json_schema", schema }))
        }
        Format::Schema { .. } => Err(Untranslatable::new("an answer of a JSON schema")),
    }
}

fn user<'a>(asked: &'a Conversation, dropped: &mut Dropped) -> Option<&'a str> {
    let user = asked.user.as_deref()?;
    if user.is_empty() || user.chars().count() > USER_ID_MAX_CHARACTERS {
        dropped.add("user");
        return None;
    }
    Some(user)
}

/// How the next token is chosen.
#[derive(Default)]
struct Sampling<'a> {
    temperature: Option<Cow<'a, Number>>,
    top_p: Option<&'a Number>,
    top_k: Option<u64>,
}

impl<'a> Sampling<'a> {
    /// Never more than the client said, and less where the API would refuse it:
    ///
    /// - all of it by models from 4.7 on, and while any model thinks;
    /// - `top_p` beside a temperature, by models from 4.1 on: of the two, the temperature is what clients mean;
    /// - a temperature above 1. OpenAI's go to 2, so this is as warm as it gets.
    fn of(asked: &'a Conversation, model: Model, is_thinking: bool, dropped: &mut Dropped) -> Self {
        let all = Self {
            temperature: asked.temperature.as_ref().map(Cow::Borrowed),
            top_p: asked.top_p.as_ref(),
            top_k: asked.top_k,
        };
        let names = [
            ("temperature", all.temperature.is_some()),
            ("top_p", all.top_p.is_some()),
            ("top_k", all.top_k.is_some()),
        ];
        if is_thinking || !model.takes_sampling() {
            for (name, _) in names.into_iter().filter(|(_, is_said)| *is_said) {
                dropped.add(name);
            }
            return Self::default();
        }
        let mut kept = all;
        if kept.temperature.is_some() && kept.top_p.take().is_some() {
            dropped.add("top_p");
        }
        if asked.temperature.as_ref().and_then(Number::as_f64).is_some_and(|temperature| temperature > 1.0) {
            kept.temperature = Some(Cow::Owned(Number::from(1)));
            dropped.add("temperature");
        }
        kept
    }
}

#[cfg(test)]
mod tests;
