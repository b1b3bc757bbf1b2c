//! The events and the message as they are written.

use std::borrow::Cow;

use pai_bundle::usage::Usage;
use serde::Serialize;
use serde_json::Value;

use super::super::block::Block;

/// An event. Its `type` is its name.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said<'a> {
    MessageStart { message: Message<'a> },
    ContentBlockStart { index: u64, content_block: &'a Block<'a> },
    ContentBlockDelta { index: u64, delta: Changed<'a> },
    ContentBlockStop { index: u64 },
    MessageDelta { delta: Stopped<'a>, usage: Counted },
    MessageStop {},
    Error { error: Value },
}

/// More of a block.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Changed<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: Cow<'a, str> },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

/// Why nothing more is said.
#[derive(Serialize)]
pub(super) struct Stopped<'a> {
    pub(super) stop_reason: &'static str,
    pub(super) stop_sequence: Option<&'a str>,
}

/// The message: all of it, or its beginning.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) id: Cow<'a, str>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block<'a>>,
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: Counted,
}

/// The counters, all of them every time: other providers count at the end alone, and clients take the last value of
/// each.
#[derive(Serialize)]
pub(super) struct Counted {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    /// Anthropic has the split at the beginning only. It is told where it changes the price: writes that are not split
    /// are five-minute ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_tool_use: Option<ServerToolUse>,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Serialize)]
struct ServerToolUse {
    web_search_requests: u64,
}

impl From<&Usage> for Counted {
    fn from(usage: &Usage) -> Self {
        let (five_minutes, one_hour) = (usage.cache_write_5m, usage.cache_write_1h);
        Self {
            input_tokens: usage.input.0,
            cache_creation_input_tokens: five_minutes.saturating_add(one_hour).0,
            cache_read_input_tokens: usage.cache_read.0,
            cache_creation: (one_hour.0 > 0).then_some(CacheCreation {
                ephemeral_5m_input_tokens: five_minutes.0,
                ephemeral_1h_input_tokens: one_hour.0,
            }),
            output_tokens: usage.output.0,
            server_tool_use: (usage.web_searches > 0)
                .then_some(ServerToolUse { web_search_requests: usage.web_searches }),
        }
    }
}

/// Writes an event. Clients go by the line with its name.
pub(super) fn put(text: &mut Vec<u8>, name: &str, said: &Said<'_>) {
    if let Ok(data) = serde_json::to_vec(said) {
        text.extend_from_slice(b"event: ");
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"\ndata: ");
        text.extend_from_slice(&data);
        text.extend_from_slice(b"\n\n");
    }
}
