//! What answers report of their usage: `usageMetadata`, which chunk after chunk repeats and completes, so that fields
//! are merged, the last value wins, and nothing is ever added up over chunks.
//!
//! A stream has no last event. Its end is a chunk with a `finishReason`, and more with counters may follow. Searches are
//! not counted: they cannot be asked for through the gateway.

use pai_bundle::unit::Tokens;
use pai_bundle::usage::Usage;
use serde::Deserialize;

use super::wire;
use crate::reading::Reading;
use crate::sse::Event;

/// Counters as reported (<https://ai.google.dev/api/generate-content#UsageMetadata>); one that is no count is none.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Counters {
    /// All of the prompt, what a cache had included.
    #[serde(rename = "promptTokenCount", deserialize_with = "count")]
    prompt: Option<u64>,
    #[serde(rename = "cachedContentTokenCount", deserialize_with = "count")]
    cached: Option<u64>,
    /// What Google's own tools put in, which is not in the prompt's count.
    #[serde(rename = "toolUsePromptTokenCount", deserialize_with = "count")]
    tool_use: Option<u64>,
    /// The answer without the thoughts.
    #[serde(rename = "candidatesTokenCount", deserialize_with = "count")]
    candidates: Option<u64>,
    #[serde(rename = "thoughtsTokenCount", deserialize_with = "count")]
    thoughts: Option<u64>,
}

fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_u64())
}

impl Counters {
    /// Takes what was reported since.
    pub(super) fn merge(&mut self, new: Self) {
        self.prompt = new.prompt.or(self.prompt);
        self.cached = new.cached.or(self.cached);
        self.tool_use = new.tool_use.or(self.tool_use);
        self.candidates = new.candidates.or(self.candidates);
        self.thoughts = new.thoughts.or(self.thoughts);
    }

    /// The size of the prompt, as far as it was told.
    pub(super) fn prompt(self) -> Option<u64> {
        self.prompt
    }

    /// Disjoint classes. Google writes to its caches unasked and without a charge for the writing.
    pub(super) fn classes(self) -> Usage {
        let cached = self.cached.unwrap_or(0);
        let fresh = self.prompt.unwrap_or(0).saturating_sub(cached);
        let thoughts = self.thoughts.unwrap_or(0);
        Usage {
            input: Tokens(fresh.saturating_add(self.tool_use.unwrap_or(0))),
            cache_read: Tokens(cached),
            output: Tokens(self.candidates.unwrap_or(0).saturating_add(thoughts)),
            ..Usage::default()
        }
    }
}

/// Reads one event. One that cannot be read changes nothing.
pub(crate) fn read(event: &Event<'_>, reading: &mut Reading) {
    read_plain(event.data, reading);
}

/// Reads a whole document: an object, or the array that a stream without `alt=sse` is.
pub(crate) fn read_plain(document: &[u8], reading: &mut Reading) {
    for chunk in wire::chunks(document) {
        reading.failed |= chunk.error().is_some();
        reading.stopped |= chunk.stopped().is_some();
        for piece in chunk.parts().flat_map(wire::Part::content) {
            reading.delivered(piece);
        }
        if let Some(new) = chunk.usage_metadata {
            reading.gemini.merge(new);
            reading.usage = Some(reading.gemini.classes());
            reading.output_is_final |= reading.stopped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    fn reading(events: &[&str]) -> Reading {
        let mut reading = Reading::new(Dialect::Gemini);
        for data in events {
            reading.event(&Event { name: "", data: data.as_bytes() });
        }
        reading
    }

    fn usage(input: u64, cache_read: u64, output: u64) -> Usage {
        Usage {
            input: Tokens(input),
            cache_read: Tokens(cache_read),
            output: Tokens(output),
            ..Usage::default()
        }
    }

    const THINKING: &str = r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true}],"role":"model"},"index":0}],
        "usageMetadata":{"promptTokenCount":100,"totalTokenCount":130,"thoughtsTokenCount":30},"modelVersion":"m"}"#;
    const WORDS: &str = r#"{"candidates":[{"content":{"parts":[{"text":"Hello"}]}}],
        "usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":5,"cachedContentTokenCount":60}}"#;
    const END: &str = r#"{"candidates":[{"content":{"parts":[{"text":"!"}]},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":101,"candidatesTokenCount":6,"toolUsePromptTokenCount":7}}"#;

    #[test]
    fn the_last_value_of_each_field_wins_and_thinking_is_output() {
        let early = reading(&[THINKING]);
        assert_eq!(early.usage, Some(usage(100, 0, 30)));
        assert!(early.has_content && !early.stopped && !early.output_is_final);
        let whole = reading(&[THINKING, WORDS, END]);
        assert_eq!(whole.usage, Some(usage(41 + 7, 60, 36)));
        assert!(whole.stopped && whole.output_is_final && !whole.failed);
        assert_eq!(whole.delivered_bytes, 8);
    }

    #[test]
    fn counters_may_follow_the_end_and_only_they_make_it_final() {
        let end = r#"{"candidates":[{"finishReason":"MAX_TOKENS"}]}"#;
        let cut = reading(&[THINKING, end]);
        assert!(cut.stopped && !cut.output_is_final);
        let counters = r#"{"usageMetadata":{"promptTokenCount":100,"thoughtsTokenCount":31}}"#;
        let whole = reading(&[THINKING, end, counters]);
        assert_eq!(whole.usage, Some(usage(100, 0, 31)));
        assert!(whole.output_is_final);
    }

    #[test]
    fn a_question_that_is_blocked_is_an_end_without_content() {
        let reading = reading(&[
            r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}}"#,
        ]);
        assert_eq!(reading.usage, Some(usage(9, 0, 0)));
        assert!(reading.stopped && reading.output_is_final && !reading.has_content && !reading.failed);
    }

    #[test]
    fn an_error_is_noticed_in_either_form() {
        for error in [
            r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
            r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#,
            r#"{"error":"busy"}"#,
        ] {
            let reading = reading(&[THINKING, error]);
            assert!(reading.failed && !reading.stopped, "{error}");
        }
    }

    #[test]
    fn a_document_says_the_same_as_its_stream() {
        let array = format!("[{THINKING},\n{WORDS},\n{END}]");
        let mut plain = Reading::new(Dialect::Gemini);
        plain.document(array.as_bytes());
        assert_eq!(plain.usage, reading(&[THINKING, WORDS, END]).usage);
        assert!(plain.output_is_final);
    }

    #[test]
    fn what_is_no_content_delivers_nothing_and_calls_do() {
        let empty = r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"AAAA"}]}}]}"#;
        assert!(!reading(&[empty]).has_content);
        let call = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}]}}]}"#;
        assert_eq!(reading(&[call]).delivered_bytes, 8);
    }

    #[test]
    fn nonsense_changes_nothing() {
        let odd = r#"{"usageMetadata":{"promptTokenCount":-4,"candidatesTokenCount":"many"}}"#;
        let reading = reading(&[WORDS, "", "not json", "[1]", "null", "{\"candidates\":7}", odd]);
        assert_eq!(reading.usage, Some(usage(40, 60, 5)));
        assert!(!reading.stopped && !reading.failed);
    }
}
