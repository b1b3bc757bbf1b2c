//! OpenAI's completions of old and its embeddings, whose bytes are never anything but passed on.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::asked::{Asked, Input, RequestError, StreamUsage, as_written, place};
use crate::chat;
use crate::dialect::Dialect;
use crate::reading::Reading;
use crate::sse::Event;

/// What completions are limited to where the client says nothing
/// (<https://platform.openai.com/docs/api-reference/completions/create>), at vLLM too.
const COMPLETION_TOKENS: u64 = 16;

// A repeated key is an error, so that policy and provider cannot read different ones.
#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow, default, deserialize_with = "as_written")]
    model: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    max_tokens: Option<&'a RawValue>,
    #[serde(default)]
    n: Option<u64>,
    #[serde(default)]
    best_of: Option<u64>,
    #[serde(default)]
    prompt: Texts,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    stream_options: Option<&'a RawValue>,
}

/// Reads a request for completions. Of `best_of` answers all are paid for, and every prompt of a list has its own.
pub(crate) fn completions(body: &Bytes) -> Result<Asked, RequestError> {
    let parsed: Completion<'_> = serde_json::from_slice(body)?;
    let stream = parsed.stream.unwrap_or(false);
    let (model, model_at) = model(body, parsed.model)?;
    let (max_output, max_output_at) = chat::request::most(body, [parsed.max_tokens, None])?;
    let of_one_prompt = parsed.n.unwrap_or(1).max(parsed.best_of.unwrap_or(1)).max(1);
    Ok(Asked {
        dialect: Dialect::Completions,
        model,
        model_at,
        max_output: if parsed.max_tokens.is_none() { Some(COMPLETION_TOKENS) } else { max_output },
        max_output_at,
        choices: of_one_prompt.saturating_mul(parsed.prompt.texts.max(1)),
        fast: false,
        stream,
        stream_usage: chat::stream_options::usage(body, stream, parsed.stream_options)?,
        input: input(body, &parsed.prompt),
    })
}

#[derive(Deserialize)]
struct Embedding<'a> {
    #[serde(borrow, default, deserialize_with = "as_written")]
    model: Option<&'a RawValue>,
    #[serde(default)]
    input: Texts,
    /// vLLM's, for models that embed conversations.
    #[serde(default)]
    messages: Option<IgnoredAny>,
}

/// Reads a request for embeddings, which have no output.
pub(crate) fn embeddings(body: &Bytes) -> Result<Asked, RequestError> {
    let parsed: Embedding<'_> = serde_json::from_slice(body)?;
    let (model, model_at) = model(body, parsed.model)?;
    let mut input = input(body, &parsed.input);
    if parsed.messages.is_some() {
        input.unsized_parts = Some("a conversation to be embedded");
    }
    Ok(Asked {
        dialect: Dialect::Embeddings,
        model,
        model_at,
        max_output: Some(0),
        max_output_at: None,
        choices: 1,
        fast: false,
        stream: false,
        stream_usage: StreamUsage::Reported,
        input,
    })
}

fn model(
    body: &[u8],
    written: Option<&RawValue>,
) -> Result<(String, Option<std::ops::Range<usize>>), RequestError> {
    let Some(raw) = written else { return Ok((String::new(), None)) };
    let name = serde_json::from_str::<Option<String>>(raw.get())?.unwrap_or_default();
    Ok((name, place(body, raw.get())))
}

/// A token's number has at least a digit and a comma, so the body's bytes bound lists of numbers too.
fn input(body: &[u8], texts: &Texts) -> Input {
    Input {
        text_bytes: body.len() as u64,
        unsized_parts: texts.has_objects.then_some("an input that is no text"),
        ..Input::default()
    }
}

/// A text, a list of texts, a text as a list of tokens, or a list of such.
#[derive(Debug, Default, PartialEq, Eq)]
struct Texts {
    texts: u64,
    /// Some servers take pictures here.
    has_objects: bool,
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> serde::de::Visitor<'de> for Walk {
            type Value = Texts;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list")
            }

            fn visit_str<E>(self, _: &str) -> Result<Texts, E> {
                Ok(Texts { texts: 1, has_objects: false })
            }

            fn visit_unit<E>(self) -> Result<Texts, E> {
                Ok(Texts::default())
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut all = Texts::default();
                let mut has_tokens = false;
                while let Some(element) = list.next_element::<&RawValue>()? {
                    match element.get().as_bytes().first() {
                        Some(b'"' | b'[') => all.texts = all.texts.saturating_add(1),
                        Some(b'{') => {
                            all.texts = all.texts.saturating_add(1);
                            all.has_objects = true;
                        }
                        _ => has_tokens = true,
                    }
                }
                all.texts = all.texts.saturating_add(u64::from(has_tokens));
                Ok(all)
            }
        }
        deserializer.deserialize_any(Walk)
    }
}

/// Reads one event of an answer.
pub(crate) fn read(event: &Event<'_>, reading: &mut Reading) {
    chat::usage::read(event, reading);
}

/// Reads a whole answer.
pub(crate) fn read_plain(document: &[u8], reading: &mut Reading) {
    chat::usage::read_plain(document, reading);
}

#[cfg(test)]
mod tests {
    use pai_bundle::unit::Tokens;

    use super::*;

    fn asked(dialect: Dialect, text: &str) -> Asked {
        Asked::read(dialect, &Bytes::from(text.to_owned())).expect("a request")
    }

    #[test]
    fn every_answer_to_every_prompt_is_counted() {
        let table = [
            (r#"{"prompt":"a"}"#, 1),
            (r#"{"prompt":["a"],"n":2}"#, 2),
            (r#"{"prompt":["a","b","c"],"n":2,"best_of":4}"#, 12),
            (r#"{"prompt":[1,2,3]}"#, 1),
            (r#"{"prompt":[[1,2],[3]],"n":null}"#, 2),
            (r#"{"prompt":null,"n":0}"#, 1),
            ("{}", 1),
        ];
        for (text, choices) in table {
            assert_eq!(asked(Dialect::Completions, text).choices, choices, "{text}");
        }
    }

    #[test]
    fn a_completion_is_short_unless_it_says_how_long() {
        let of = |text| {
            let asked = asked(Dialect::Completions, text);
            (asked.max_output, asked.max_output_at)
        };
        assert_eq!(of("{}"), (Some(16), None));
        assert_eq!(of(r#"{"max_tokens":9}"#), (Some(9), Some(14..15)));
        assert_eq!(of(r#"{"max_tokens":null}"#), (None, Some(14..18)));
    }

    #[test]
    fn a_completions_stream_is_asked_for_its_usage() {
        let stream = asked(Dialect::Completions, r#"{"stream":true,"model":"m","prompt":"a"}"#);
        assert!(matches!(stream.stream_usage, StreamUsage::Ask { .. }));
        assert_eq!((stream.model.as_str(), stream.stream), ("m", true));
    }

    #[test]
    fn embeddings_have_input_alone() {
        for input in [r#""a""#, r#"["a","b"]"#, "[1,2,3]", "[[1],[2]]"] {
            let text = format!(r#"{{"model":"m","input":{input},"encoding_format":"base64"}}"#);
            let asked = asked(Dialect::Embeddings, &text);
            assert_eq!((asked.max_output, asked.choices, asked.stream), (Some(0), 1, false));
            assert_eq!(asked.input, Input { text_bytes: text.len() as u64, ..Input::default() }, "{input}");
        }
    }

    #[test]
    fn pictures_and_conversations_to_be_embedded_have_no_size() {
        for text in [r#"{"input":[{"content":[]}]}"#, r#"{"messages":[]}"#] {
            assert!(asked(Dialect::Embeddings, text).input.unsized_parts.is_some(), "{text}");
        }
    }

    #[test]
    fn a_repeated_key_is_refused() {
        for text in [r#"{"model":"a","model":"b"}"#, r#"{"input":"a","input":"b"}"#] {
            assert!(Asked::read(Dialect::Embeddings, &Bytes::from(text)).is_err(), "{text}");
        }
        for text in [r#"{"n":1,"n":2}"#, r#"{"best_of":1,"best_of":2}"#, r#"{"prompt":"a","prompt":"b"}"#] {
            assert!(Asked::read(Dialect::Completions, &Bytes::from(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn answers_are_read_as_those_of_chats() {
        let mut completion = Reading::new(Dialect::Completions);
        for data in [
            r#"{"choices":[{"index":0,"text":" a","finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"text":"","finish_reason":"length"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#,
            "[DONE]",
        ] {
            completion.event(&Event { name: "", data: data.as_bytes() });
        }
        assert!(completion.stopped && completion.output_is_final && completion.has_content);
        assert_eq!(completion.usage.map(|usage| usage.output), Some(Tokens(1)));
        let mut embedding = Reading::new(Dialect::Embeddings);
        embedding.document(br#"{"data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}"#);
        assert_eq!(embedding.usage.map(|usage| usage.total()), Some(Tokens(8)));
        assert!(embedding.output_is_final);
    }
}
