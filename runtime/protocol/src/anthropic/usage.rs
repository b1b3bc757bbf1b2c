//! What an answer reports of its usage, from its events or from its one document.
//!
//! `message_start` has the input and the split of cache writes; `message_delta` is cumulative and repeats the other
//! counters, so fields are merged, last value wins, and never added.

use pai_bundle::tariff::Tariff;
use pai_bundle::unit::Tokens;
use pai_bundle::usage::Usage;
use serde::Deserialize;

use crate::reading::Reading;
use crate::sse::Event;

/// Counters as reported; a negative or fractional one fails to parse, and the event is passed over.
#[derive(Debug, Default, Clone, Deserialize)]
pub(crate) struct Counters {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    server_tool_use: Option<ServerToolUse>,
    #[serde(default, deserialize_with = "word")]
    speed: Option<String>,
    #[serde(default, deserialize_with = "word")]
    inference_geo: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct ServerToolUse {
    web_search_requests: Option<u64>,
}

/// A string, or nothing where something else stands: what only selects a price must not hide the counters.
fn word<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Start {
    message: WithUsage,
}

#[derive(Deserialize)]
struct WithUsage {
    usage: Option<Counters>,
}

/// Reads one event. Unknown ones, and ones that cannot be read, change nothing.
pub(crate) fn read(event: &Event<'_>, reading: &mut Reading) {
    match event.name {
        "content_block_delta" | "content_block_start" => {
            reading.delivered(event.data);
        }
        "message_start" => {
            if let Ok(start) = serde_json::from_slice::<Start>(event.data) {
                merge(reading, start.message.usage);
            }
        }
        "message_delta" => {
            if let Ok(delta) = serde_json::from_slice::<WithUsage>(event.data) {
                let reported = delta.usage.as_ref().is_some_and(|usage| usage.output_tokens.is_some());
                merge(reading, delta.usage);
                reading.output_is_final |= reported;
            }
        }
        "message_stop" => reading.stopped = true,
        "error" => reading.failed(event.data),
        _ => {}
    }
}

/// Reads a whole document.
pub(crate) fn read_plain(document: &[u8], reading: &mut Reading) {
    if let Ok(message) = serde_json::from_slice::<WithUsage>(document) {
        reading.output_is_final = message.usage.as_ref().is_some_and(|usage| usage.output_tokens.is_some());
        merge(reading, message.usage);
    }
}

fn merge(reading: &mut Reading, reported: Option<Counters>) {
    let Some(new) = reported else { return };
    let all = &mut reading.anthropic;
    all.input_tokens = new.input_tokens.or(all.input_tokens);
    all.output_tokens = new.output_tokens.or(all.output_tokens);
    all.cache_creation_input_tokens = new.cache_creation_input_tokens.or(all.cache_creation_input_tokens);
    all.cache_read_input_tokens = new.cache_read_input_tokens.or(all.cache_read_input_tokens);
    all.cache_creation = new.cache_creation.or(all.cache_creation);
    all.server_tool_use = new.server_tool_use.or(all.server_tool_use);
    all.speed = new.speed.or(all.speed.take());
    all.inference_geo = new.inference_geo.or(all.inference_geo.take());
    reading.tariff = Tariff {
        regional: all.inference_geo.as_deref().is_some_and(|place| !WORLDWIDE.contains(&place)),
        fast: all.speed.as_deref() == Some("fast"),
    };
    reading.usage = Some(classes(all));
}

/// Disjoint classes. Of the cache writes, what the split does not explain counts as five-minute writes, the kind
/// that is written without asking.
fn classes(counters: &Counters) -> Usage {
    let written = counters.cache_creation_input_tokens.unwrap_or(0);
    let split = counters.cache_creation.unwrap_or_default();
    let one_hour = split.ephemeral_1h_input_tokens.unwrap_or(0);
    let five_minutes = split.ephemeral_5m_input_tokens.unwrap_or(0).max(written.saturating_sub(one_hour));
    Usage {
        input: Tokens(counters.input_tokens.unwrap_or(0)),
        cache_write_5m: Tokens(five_minutes),
        cache_write_1h: Tokens(one_hour),
        cache_read: Tokens(counters.cache_read_input_tokens.unwrap_or(0)),
        output: Tokens(counters.output_tokens.unwrap_or(0)),
        web_searches: counters.server_tool_use.and_then(|used| used.web_search_requests).unwrap_or(0),
    }
}

/// Places of inference at list price: everywhere, or a model that cannot be kept in one place.
const WORLDWIDE: [&str; 2] = ["global", "not_available"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    fn usage(input: u64, [five, hour]: [u64; 2], read: u64, output: u64) -> Usage {
        Usage {
            input: Tokens(input),
            cache_write_5m: Tokens(five),
            cache_write_1h: Tokens(hour),
            cache_read: Tokens(read),
            output: Tokens(output),
            web_searches: 0,
        }
    }

    fn nothing() -> Reading {
        Reading::new(Dialect::Messages)
    }

    fn reading(events: &[(&str, &str)]) -> Reading {
        let mut reading = nothing();
        for (name, data) in events {
            read(&Event { name, data: data.as_bytes() }, &mut reading);
        }
        reading
    }

    const START: (&str, &str) = (
        "message_start",
        r#"{"message":{"usage":{"input_tokens":10,"output_tokens":1,"cache_creation_input_tokens":30,
            "cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}}}"#,
    );

    #[test]
    fn cumulative_deltas_replace_and_never_add() {
        let reading = reading(&[
            START,
            (
                "message_delta",
                r#"{"usage":{"output_tokens":7,"input_tokens":10,"cache_read_input_tokens":5}}"#,
            ),
            ("message_delta", r#"{"usage":{"output_tokens":9}}"#),
            ("message_stop", "{}"),
        ]);
        assert_eq!(reading.usage, Some(usage(10, [10, 20], 5, 9)));
        assert!(reading.stopped && reading.output_is_final);
    }

    #[test]
    fn server_tools_may_raise_the_input() {
        let reading =
            reading(&[START, ("message_delta", r#"{"usage":{"output_tokens":7,"input_tokens":900}}"#)]);
        assert_eq!(reading.usage, Some(usage(900, [10, 20], 5, 7)));
    }

    #[test]
    fn cache_writes_without_a_split_are_five_minute_writes() {
        let mut reading = nothing();
        read_plain(
            br#"{"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":3}}"#,
            &mut reading,
        );
        assert_eq!(reading.usage, Some(usage(1, [3, 0], 0, 2)));
    }

    #[test]
    fn searches_and_the_price_list_are_read() {
        let mut reading = nothing();
        read_plain(
            br#"{"usage":{"input_tokens":1,"output_tokens":2,"server_tool_use":{"web_search_requests":3,"other":1},
                "speed":"fast","inference_geo":"us","service_tier":"standard"}}"#,
            &mut reading,
        );
        assert_eq!(reading.usage.map(|usage| usage.web_searches), Some(3));
        assert_eq!(reading.tariff, Tariff { regional: true, fast: true });
        read_plain(br#"{"usage":{"output_tokens":5,"speed":7,"inference_geo":"global"}}"#, &mut reading);
        assert_eq!(reading.tariff, Tariff { regional: false, fast: true });
        assert_eq!(reading.usage.map(|usage| usage.output), Some(Tokens(5)));
    }

    #[test]
    fn nonsense_is_passed_over() {
        let reading = reading(&[
            START,
            ("message_delta", r#"{"usage":{"output_tokens":-7}}"#),
            ("message_delta", "not json"),
            ("unknown_event", "{}"),
        ]);
        assert_eq!(reading.usage, Some(usage(10, [10, 20], 5, 1)));
        assert!(!reading.output_is_final);
    }
}
