//! What an answer reports of its usage and of its end, from its chunks or from its one document; completions and
//! embeddings say it in the same words.
//!
//! OpenAI says it once, in a last chunk without choices; some servers beside the reason of the end; vLLM, if asked, on
//! every chunk, each time all of it. So the last one counts, and nothing is added.

use pai_bundle::unit::Tokens;
use pai_bundle::usage::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::reading::Reading;
use crate::sse::Event;

/// What has been seen of an answer's choices.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// One has said why it ended.
    finished: bool,
    /// There is more than one: then what stands on a chunk is one choice's and not the answer's.
    several: bool,
}

/// Counters as reported; a negative or fractional one fails to parse and is passed over.
#[derive(Debug, Default, Clone, Deserialize)]
pub(crate) struct Counters {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    /// OpenRouter's.
    server_tool_use: Option<ServerToolUse>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct ServerToolUse {
    web_search_requests: Option<u64>,
}

impl Counters {
    /// Those that say something at least.
    pub(crate) fn read(usage: &RawValue) -> Option<Self> {
        let counters: Self = serde_json::from_str(usage.get()).ok()?;
        (counters.prompt_tokens.is_some() || counters.completion_tokens.is_some()).then_some(counters)
    }

    /// Disjoint classes: `prompt_tokens` includes what was read from a cache and what was written to one, and
    /// `completion_tokens` what was thought.
    pub(crate) fn classes(&self) -> Usage {
        let prompt = Tokens(self.prompt_tokens.unwrap_or(0));
        let details = self.prompt_tokens_details.unwrap_or_default();
        let cache_read = Tokens(details.cached_tokens.unwrap_or(0));
        let written = Tokens(details.cache_write_tokens.unwrap_or(0));
        Usage {
            input: prompt.saturating_sub(cache_read).saturating_sub(written),
            cache_write_5m: written,
            cache_write_1h: Tokens::ZERO,
            cache_read,
            output: Tokens(self.completion_tokens.unwrap_or(0)),
            web_searches: self.server_tool_use.and_then(|used| used.web_search_requests).unwrap_or(0),
        }
    }
}

/// Parts can be parsed by themselves, as `&RawValue`: nonsense in one must not hide the others.
#[derive(Deserialize)]
#[serde(bound(deserialize = "C: Deserialize<'de>"))]
struct Chunk<'a, C> {
    #[serde(default)]
    choices: Option<C>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    /// `error` where vLLM answers with one.
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    /// Of completions.
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    /// OpenRouter's.
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// The members of a delta that are content: an answer has begun once one of them is not empty.
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

impl Delta<'_> {
    fn has_content(&self) -> bool {
        [
            self.content,
            self.refusal,
            self.reasoning,
            self.reasoning_content,
            self.reasoning_details,
            self.tool_calls,
            self.function_call,
            self.audio,
        ]
        .into_iter()
        .flatten()
        .any(is_something)
    }
}

fn is_something(value: &RawValue) -> bool {
    !matches!(value.get(), "\"\"" | "[]" | "{}")
}

/// Reads one event.
pub(crate) fn read(event: &Event<'_>, reading: &mut Reading) {
    if event.data.trim_ascii() == b"[DONE]" {
        reading.stopped = true;
        return;
    }
    if event.name == "error" {
        reading.failed = true;
    }
    let Some(chunk) = chunk(event.data) else { return };
    if chunk.error.is_some() || chunk.object.is_some_and(|object| object.get() == "\"error\"") {
        reading.failed = true;
    }
    let choices = chunk.choices;
    for choice in choices.iter().flatten() {
        reading.chat.several |= choice.index > 0;
        reading.chat.finished |= choice.finish_reason.is_some();
        reading.failed |=
            choice.error.is_some() || choice.finish_reason.is_some_and(|why| why.get() == "\"error\"");
        // The content alone and not the chunk around it, which is ten times as large.
        if let Some(delta) = choice.delta
            && serde_json::from_str::<Delta<'_>>(delta.get()).is_ok_and(|delta| delta.has_content())
        {
            reading.delivered(delta.get().as_bytes());
        }
        if let Some(text) = choice.text
            && is_something(text)
        {
            reading.delivered(text.get().as_bytes());
        }
    }
    if let Some(counters) = chunk.usage.and_then(Counters::read) {
        let is_of_all = choices.is_some_and(|choices| choices.is_empty())
            || (reading.chat.finished && !reading.chat.several);
        reading.output_is_final |= is_of_all && counters.completion_tokens.is_some();
        reading.usage = Some(counters.classes());
    }
}

/// The whole of it at once, as nearly all can be read, or what of it can be read.
fn chunk(text: &[u8]) -> Option<Chunk<'_, Vec<Choice<'_>>>> {
    // Looked at once as text: from bytes, each string in it would be looked at by itself.
    if let Ok(text) = std::str::from_utf8(text)
        && let Ok(chunk) = serde_json::from_str(text)
    {
        return Some(chunk);
    }
    let Chunk { choices, usage, error, object } =
        serde_json::from_slice::<Chunk<'_, &RawValue>>(text).ok()?;
    let choices = choices.and_then(|choices| serde_json::from_str(choices.get()).ok());
    Some(Chunk { choices, usage, error, object })
}

/// Reads a whole document.
pub(crate) fn read_plain(document: &[u8], reading: &mut Reading) {
    let Ok(document) = serde_json::from_slice::<Chunk<'_, &RawValue>>(document) else { return };
    reading.failed |= document.error.is_some();
    if let Some(counters) = document.usage.and_then(Counters::read) {
        // Embeddings have no output, and say nothing of it.
        reading.output_is_final = true;
        reading.usage = Some(counters.classes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    fn usage(input: u64, write: u64, read: u64, output: u64) -> Usage {
        Usage {
            input: Tokens(input),
            cache_write_5m: Tokens(write),
            cache_read: Tokens(read),
            output: Tokens(output),
            ..Usage::default()
        }
    }

    fn reading(chunks: &[&str]) -> Reading {
        let mut reading = Reading::new(Dialect::Chat);
        for data in chunks {
            reading.event(&Event { name: "", data: data.as_bytes() });
        }
        reading
    }

    const ROLE: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}"#;
    const WORD: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#;
    const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    const USED: &str = r#"{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":7,"total_tokens":107,
        "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30,"audio_tokens":0},
        "completion_tokens_details":{"reasoning_tokens":5}}}"#;

    #[test]
    fn the_last_chunk_has_the_usage_in_disjoint_classes() {
        let reading = reading(&[ROLE, WORD, STOP, USED, "[DONE]"]);
        assert_eq!(reading.usage, Some(usage(10, 30, 60, 7)));
        assert!(reading.output_is_final && reading.stopped && reading.has_content && !reading.failed);
        assert_eq!(reading.delivered_bytes, r#"{"content":"Hi"}"#.len() as u64);
    }

    #[test]
    fn a_cut_stream_has_neither_usage_nor_end() {
        let reading = reading(&[ROLE, WORD]);
        assert_eq!(reading.usage, None);
        assert!(!reading.stopped && !reading.output_is_final);
    }

    #[test]
    fn content_has_begun_with_the_first_word_thought_or_call() {
        assert!(!reading(&[ROLE, USED]).has_content);
        for delta in [
            r#"{"content":"a"}"#,
            r#"{"refusal":"no"}"#,
            r#"{"reasoning":"hm"}"#,
            r#"{"reasoning_content":"hm","content":null}"#,
            r#"{"tool_calls":[{"index":0}]}"#,
            r#"{"function_call":{"name":"a"}}"#,
        ] {
            let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
            assert!(reading(&[&chunk]).has_content, "{delta}");
        }
        for delta in [r#"{"content":"","tool_calls":[]}"#, r#"{"role":"assistant"}"#, "{}", "null", "7"] {
            let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
            assert!(!reading(&[&chunk]).has_content, "{delta}");
        }
        assert!(reading(&[r#"{"choices":[{"index":0,"text":" a"}]}"#]).has_content);
        assert!(!reading(&[r#"{"choices":[{"index":0,"text":""}]}"#]).has_content);
    }

    fn continuous(index: u64, output: u64, finish: &str) -> String {
        format!(
            r#"{{"choices":[{{"index":{index},"delta":{{"content":"a"}},"finish_reason":{finish}}}],
                "usage":{{"prompt_tokens":5,"completion_tokens":{output},"total_tokens":{}}}}}"#,
            output + 5
        )
    }

    #[test]
    fn usage_on_every_chunk_is_replaced_and_final_with_the_reason_of_the_end() {
        let [one, two] = [continuous(0, 1, "null"), continuous(0, 2, "null")];
        let running = reading(&[&one, &two]);
        assert_eq!(running.usage, Some(usage(5, 0, 0, 2)));
        assert!(!running.output_is_final);
        let finished = reading(&[&one, &continuous(0, 3, "\"stop\"")]);
        assert_eq!(finished.usage, Some(usage(5, 0, 0, 3)));
        assert!(finished.output_is_final);
    }

    #[test]
    fn of_several_choices_the_usage_on_a_chunk_is_not_that_of_all() {
        let chunks = [continuous(1, 9, "\"stop\""), continuous(0, 3, "\"stop\"")];
        let [one, two] = [chunks[0].as_str(), chunks[1].as_str()];
        assert!(!reading(&[one, two]).output_is_final);
        let all = r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":12}}"#;
        let whole = reading(&[one, two, all]);
        assert_eq!(whole.usage, Some(usage(5, 0, 0, 12)));
        assert!(whole.output_is_final);
    }

    #[test]
    fn errors_in_the_stream_are_noticed() {
        for data in [
            r#"{"error":{"message":"no","type":"server_error"}}"#,
            r#"{"object":"error","message":"no","code":400}"#,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error","error":{"code":502,"message":"m"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        ] {
            assert!(reading(&[WORD, data]).failed, "{data}");
            let ends = reading(&[WORD, data, "[DONE]"]);
            assert!(ends.failed && !ends.stopped, "{data}: an error completes nothing");
        }
        assert!(!reading(&[WORD, r#"{"error":null,"choices":[]}"#]).failed);
    }

    #[test]
    fn documents_are_read() {
        let mut chat = Reading::new(Dialect::Chat);
        chat.document(
            br#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":null,
                "server_tool_use":{"web_search_requests":2},"cost":0.25}}"#,
        );
        let expected = Usage { web_searches: 2, ..usage(3, 0, 0, 4) };
        assert_eq!((chat.usage, chat.output_is_final), (Some(expected), true));
        let mut failed = Reading::new(Dialect::Chat);
        failed.document(br#"{"error":{"code":502,"message":"no"}}"#);
        assert!(failed.failed && failed.usage.is_none());
    }

    #[test]
    fn more_cached_than_prompted_never_counts_below_what_was_cached() {
        let reading = reading(&[
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}}"#,
        ]);
        assert_eq!(reading.usage, Some(usage(0, 0, 9, 1)));
    }

    #[test]
    fn nonsense_is_passed_over() {
        let reading = reading(&[
            "not json",
            "[]",
            r#"{"choices":7,"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":2}}"#,
            r#"{"choices":[],"usage":{}}"#,
            r#"{"choices":[],"usage":"many"}"#,
        ]);
        assert_eq!(reading.usage, Some(usage(1, 0, 0, 2)));
        assert!(!reading.output_is_final && !reading.failed);
    }
}
