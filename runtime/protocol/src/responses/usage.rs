//! What an answer reports of its usage, from its events or from its one document.
//!
//! Only the last event has counters, in the response that it repeats. Events are told by the `type` in their data: the
//! `event:` line is for people (openai-python reads the data alone).

use std::borrow::Cow;

use pai_bundle::unit::Tokens;
use pai_bundle::usage::Usage;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::reading::Reading;
use crate::sse::Event;

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    /// In the last event, and in the first ones without counters.
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    /// More of the answer, where it is text.
    #[serde(default)]
    delta: Option<Value>,
    #[serde(default)]
    item: Option<Value>,
    /// An error without a type, as servers of others send it.
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    usage: Option<Counters>,
    /// What tools at the provider used, which the counters leave out.
    #[serde(default)]
    tool_usage: Value,
}

/// Counters as reported; a negative or fractional one fails to parse, and then nothing is known of the usage.
#[derive(Deserialize)]
struct Counters {
    /// Cached ones included.
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    /// Reasoning included.
    #[serde(default)]
    output_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens_details: Option<WriteDetails>,
}

/// How long what was written to the cache is kept.
#[derive(Default, Deserialize)]
struct WriteDetails {
    #[serde(default)]
    ttl_12h_tokens: Option<u64>,
}

/// Reads one event. Unknown ones, and ones that cannot be read, change nothing.
pub(crate) fn read(event: &Event<'_>, reading: &mut Reading) {
    let Ok(step) = serde_json::from_slice::<Step<'_>>(event.data) else { return };
    let kind = step.kind.as_deref().unwrap_or(event.name);
    match kind {
        "response.created" | "response.in_progress" | "response.queued" => {}
        "response.completed" | "response.incomplete" => {
            report_within(&step, reading);
            reading.stopped = true;
        }
        "response.failed" => {
            report_within(&step, reading);
            reading.failed = true;
        }
        "error" => reading.failed = true,
        "response.output_item.added" => reading.delivered(event.data),
        "response.output_item.done" => {
            // Thoughts that are kept from the client, and are paid for.
            let kept = step.item.as_ref().and_then(|item| item.get("encrypted_content")?.as_str());
            reading.delivered(kept.unwrap_or_default().as_bytes());
        }
        // Whatever else there is tells something of the answer: what is told in full has been told in pieces before.
        _ if kind.starts_with("response.") => match step.delta {
            Some(Value::String(delta)) => reading.delivered(delta.as_bytes()),
            Some(_) => reading.delivered(event.data),
            None => reading.delivered(b""),
        },
        _ => reading.failed |= step.error.is_some(),
    }
}

/// Reads a whole document.
pub(crate) fn read_plain(document: &[u8], reading: &mut Reading) {
    if let Ok(response) = serde_json::from_slice::<Response>(document) {
        reading.failed |= response.status.as_deref() == Some("failed");
        report(response, reading);
    }
}

fn report_within(step: &Step<'_>, reading: &mut Reading) {
    if let Some(response) = step.response.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
        report(response, reading);
    }
}

fn report(response: Response, reading: &mut Reading) {
    let Response { usage: Some(usage), tool_usage, status } = response else { return };
    // One in the background counts from nothing while it is under way.
    let is_over = !matches!(status.as_deref(), Some("queued" | "in_progress"));
    reading.output_is_final = is_over && usage.output_tokens.is_some();
    reading.usage = Some(classes(&usage, &tool_usage));
}

/// Disjoint classes. Writes that are kept for half an hour, which is what is written unasked, are the shorter class.
fn classes(counters: &Counters, tools: &Value) -> Usage {
    let details = counters.input_tokens_details.as_ref();
    let read = details.and_then(|details| details.cached_tokens).unwrap_or(0);
    let written = details.and_then(|details| details.cache_write_tokens).unwrap_or(0);
    let longer = details
        .and_then(|details| details.cache_write_tokens_details.as_ref()?.ttl_12h_tokens)
        .unwrap_or(0)
        .min(written);
    let input = counters.input_tokens.unwrap_or(0);
    let used = |counter: &str| tools.pointer(counter).and_then(Value::as_u64).unwrap_or(0);
    let drawn_from = used("/image_gen/input_tokens");
    let drawn = used("/image_gen/output_tokens");
    Usage {
        input: Tokens(input.saturating_sub(read).saturating_sub(written).saturating_add(drawn_from)),
        cache_write_5m: Tokens(written - longer),
        cache_write_1h: Tokens(longer),
        cache_read: Tokens(read),
        output: Tokens(counters.output_tokens.unwrap_or(0).saturating_add(drawn)),
        web_searches: used("/web_search/num_requests"),
    }
}

#[cfg(test)]
mod tests;
