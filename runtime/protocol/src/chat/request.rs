//! What is read of a request for chat completions.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny};
use serde_json::value::RawValue;

use super::content::Contents;
use super::stream_options;
use crate::asked::{Asked, Input, RequestError, as_written, place};
use crate::dialect::Dialect;

// A repeated key is an error, so that policy and provider cannot read different ones.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default, deserialize_with = "as_written")]
    model: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    max_tokens: Option<&'a RawValue>,
    #[serde(default)]
    n: Option<u64>,
    #[serde(default)]
    best_of: Option<u64>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    tools: Option<Vec<Tool>>,
    #[serde(default)]
    functions: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    web_search_options: Option<IgnoredAny>,
    #[serde(default)]
    prediction: Option<IgnoredAny>,
    /// OpenRouter's: other models to try.
    #[serde(default)]
    models: Option<Vec<IgnoredAny>>,
    /// OpenRouter's: searches and file readers that run at the provider.
    #[serde(default)]
    plugins: Option<Vec<IgnoredAny>>,
    /// OpenRouter's: settings and instructions that it keeps.
    #[serde(default)]
    preset: Option<IgnoredAny>,
    /// Azure's: where it searches for what it adds to the prompt.
    #[serde(default)]
    data_sources: Option<Vec<IgnoredAny>>,
    /// vLLM's: a program that writes the prompt.
    #[serde(default)]
    chat_template: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Contents,
    /// An earlier answer in sound, which the provider keeps.
    #[serde(default)]
    audio: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Reads a body.
pub(crate) fn read(body: &Bytes) -> Result<Asked, RequestError> {
    let parsed: Body<'_> = serde_json::from_slice(body)?;
    if parsed.models.as_ref().is_some_and(|models| !models.is_empty()) {
        // They would answer in the place of the one that was allowed.
        return Err(serde_json::Error::custom("`models` is not taken: name one model in `model`").into());
    }
    let (model, model_at) = match parsed.model {
        Some(raw) => (serde_json::from_str::<Option<String>>(raw.get())?, place(body, raw.get())),
        None => (None, None),
    };
    let model = model.unwrap_or_default();
    let (max_output, max_output_at) = most(body, [parsed.max_completion_tokens, parsed.max_tokens])?;
    let stream = parsed.stream.unwrap_or(false);
    let mut contents = Contents::default();
    for message in &parsed.messages {
        contents.add(&message.content);
        if message.audio.is_some() {
            contents.unsized_parts = Some("an earlier answer in sound");
        }
    }
    let mut input = Input {
        text_bytes: (body.len() as u64).saturating_sub(contents.image_data_bytes),
        images: contents.images,
        image_data_bytes: contents.image_data_bytes,
        unsized_parts: contents.unsized_parts,
        unbounded: unbounded(&parsed, &model),
        client_tools: parsed.functions.map_or(0, |functions| functions.len() as u64),
    };
    for tool in parsed.tools.into_iter().flatten() {
        match tool.kind {
            Some(kind) if kind != "function" && kind != "custom" => {
                input.unbounded = Some(format!("the server tool `{kind}`"));
            }
            _ => input.client_tools += 1,
        }
    }
    Ok(Asked {
        dialect: Dialect::Chat,
        model,
        model_at,
        max_output,
        max_output_at,
        choices: parsed.n.unwrap_or(1).max(parsed.best_of.unwrap_or(1)).max(1),
        fast: false,
        stream,
        stream_usage: stream_options::usage(body, stream, parsed.stream_options)?,
        input,
    })
}

fn unbounded(body: &Body<'_>, model: &str) -> Option<String> {
    // Anything else than the words is the provider's to refuse.
    let tier = body.service_tier.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let plugins = body.plugins.as_ref().is_some_and(|plugins| !plugins.is_empty());
    match tier.as_deref() {
        // Up to two and a half times the list, by model: no bound in money holds, so it is refused where a budget is
        // and let through where someone said so.
        Some(tier @ ("priority" | "fast")) => {
            Some(format!("the service tier `{tier}`, which has other prices"))
        }
        _ if body.web_search_options.is_some() => Some("web search".to_owned()),
        // OpenRouter's way of saying the same in the model's name.
        _ if model.ends_with(":online") => Some("web search".to_owned()),
        _ if plugins => Some("`plugins`".to_owned()),
        _ if body.preset.is_some() => Some("`preset`".to_owned()),
        _ if body.data_sources.as_ref().is_some_and(|sources| !sources.is_empty()) => {
            Some("`data_sources`".to_owned())
        }
        _ if body.chat_template.is_some() => Some("`chat_template`".to_owned()),
        // What the model does not take of a prediction is billed as output
        // (<https://platform.openai.com/docs/guides/predicted-outputs>), and `max_completion_tokens`, which would bound
        // it, is not taken beside one.
        _ if body.prediction.is_some() => Some("`prediction`".to_owned()),
        _ => None,
    }
}

/// The largest of the values that say it, and the place to say it in where there is but one, or one that is `null`.
pub(crate) fn most(
    body: &[u8],
    written: [Option<&RawValue>; 2],
) -> Result<(Option<u64>, Option<Range<usize>>), serde_json::Error> {
    let mut max = None;
    let mut at = None;
    for raw in written.into_iter().flatten() {
        let value = serde_json::from_str::<Option<u64>>(raw.get())?;
        // `null` comes before any number.
        if at.is_none() || value > max {
            at = place(body, raw.get());
        }
        max = max.max(value);
    }
    Ok((max, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::StreamUsage;
    use crate::edit::{Wanted, rewritten};

    fn asked(text: &str) -> Asked {
        read(&Bytes::from(text.to_owned())).expect("a request")
    }

    fn read(body: &Bytes) -> Result<Asked, RequestError> {
        Asked::read(Dialect::Chat, body)
    }

    #[test]
    fn only_the_models_bytes_change() {
        let text = "{ \"x\" : [1,  2], \"model\" :\t\"a/gpt\\u002d4\" , \"max_tokens\":5,\"messages\":[]}";
        let body = Bytes::from(text);
        let asked = read(&body).expect("a request");
        assert_eq!(asked.model, "a/gpt-4");
        let renamed = text.replace("\"a/gpt\\u002d4\"", "\"gpt-4\"");
        let wanted = |model| Wanted { model, ..Wanted::default() };
        assert_eq!(rewritten(&body, &asked, &wanted("gpt-4")), renamed);
        assert_eq!(rewritten(&body, &asked, &wanted("a/gpt-4")), text);
    }

    #[test]
    fn the_larger_maximum_bounds() {
        let table = [
            ("{}", None, None),
            (r#"{"max_tokens":7}"#, Some(7), Some("7")),
            (r#"{"max_completion_tokens":7}"#, Some(7), Some("7")),
            (r#"{"max_tokens":7,"max_completion_tokens":9}"#, Some(9), Some("9")),
            (r#"{"max_tokens":9,"max_completion_tokens":7}"#, Some(9), Some("9")),
            (r#"{"max_tokens":null,"max_completion_tokens":7}"#, Some(7), Some("7")),
            (r#"{"max_tokens":7,"max_completion_tokens":null}"#, Some(7), Some("7")),
            (r#"{"max_tokens":null}"#, None, Some("null")),
            (r#"{"max_completion_tokens":null,"max_tokens":null}"#, None, Some("null")),
        ];
        for (text, max, at) in table {
            let asked = asked(text);
            let written = asked.max_output_at.and_then(|at| text.get(at));
            assert_eq!((asked.max_output, written), (max, at), "{text}");
        }
    }

    #[test]
    fn a_maximum_is_put_in_where_none_was_said() {
        let with = |text: &str| {
            let body = Bytes::from(text.to_owned());
            let asked = read(&body).expect("a request");
            let wanted =
                Wanted { model: "m", max_output: Some(("max_completion_tokens", 9)), stream_usage: true };
            String::from_utf8(rewritten(&body, &asked, &wanted).to_vec()).expect("text")
        };
        assert_eq!(
            with(r#"{"model":"m","stream":true}"#),
            r#"{"max_completion_tokens":9,"stream_options":{"include_usage":true},"model":"m","stream":true}"#
        );
        assert_eq!(
            with(r#"{"model":"a/m","max_completion_tokens": null}"#),
            r#"{"model":"m","max_completion_tokens": 9}"#
        );
    }

    #[test]
    fn several_answers_are_counted() {
        for (text, choices) in [
            ("{}", 1),
            (r#"{"n":3}"#, 3),
            (r#"{"n":null}"#, 1),
            (r#"{"n":0}"#, 1),
            (r#"{"best_of":4,"n":2}"#, 4),
        ] {
            assert_eq!(asked(text).choices, choices, "{text}");
        }
    }

    #[test]
    fn a_repeated_key_that_matters_is_refused() {
        for text in [
            r#"{"model":"a","model":"b"}"#,
            r#"{"max_tokens":1,"max_tokens":2}"#,
            r#"{"n":1,"n":9}"#,
            r#"{"stream":true,"stream":false}"#,
            r#"{"messages":[],"messages":[]}"#,
            r#"{"messages":[{"content":[{"image_url":{"url":"a","url":"b"}}]}]}"#,
            r#"{"service_tier":"default","service_tier":"priority"}"#,
        ] {
            assert!(read(&Bytes::from(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn other_models_than_the_one_that_was_allowed_are_refused() {
        assert!(read(&Bytes::from_static(br#"{"model":"a","models":["b"]}"#)).is_err());
        assert!(read(&Bytes::from_static(br#"{"model":"a","models":[]}"#)).is_ok());
    }

    #[test]
    fn an_images_bytes_are_no_text() {
        let data = "A".repeat(10_000);
        let text = format!(
            r#"{{"model":"m","messages":[{{"role":"user","content":[
               {{"type":"text","text":"hi"}},
               {{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}","detail":"high"}}}},
               {{"type":"image_url","image_url":{{"url":"https://example.com/a.png"}}}},
               {{"image_url":"data:image/png;base64,{data}"}}]}}]}}"#
        );
        let asked = asked(&text);
        assert_eq!(asked.input.images, 3);
        assert_eq!(asked.input.image_data_bytes, 20_000);
        assert_eq!(asked.input.text_bytes, (text.len() - 20_000) as u64);
        assert_eq!(asked.input.unsized_parts, None);
    }

    #[test]
    fn what_has_no_size_in_the_body_is_found() {
        let message = |part: &str| asked(&format!(r#"{{"messages":[{{"content":[{part}]}}]}}"#)).input;
        for part in [
            r#"{"type":"file","file":{"file_id":"f"}}"#,
            r#"{"type":"video_url","video_url":{"url":"https://example.com/v"}}"#,
            r#"{"video_url":{"url":"https://example.com/v"}}"#,
            r#"{"type":"image_url","image_url":{"url":"data:application/pdf;base64,AAAA"}}"#,
        ] {
            assert!(message(part).unsized_parts.is_some(), "{part}");
        }
        let sound = message(r#"{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}"#);
        assert_eq!((sound.unsized_parts, sound.image_data_bytes), (None, 0));
        let earlier = asked(r#"{"messages":[{"role":"assistant","audio":{"id":"a"}}]}"#);
        assert!(earlier.input.unsized_parts.is_some());
    }

    #[test]
    fn what_can_use_any_number_of_tokens_or_dollars_is_found() {
        for text in [
            r#"{"web_search_options":{}}"#,
            r#"{"model":"openai/gpt-4o:online"}"#,
            r#"{"plugins":[{"id":"web"}]}"#,
            r#"{"preset":"mine"}"#,
            r#"{"data_sources":[{}]}"#,
            r#"{"prediction":{"type":"content","content":"x"}}"#,
            r#"{"tools":[{"type":"openrouter:web_search"}]}"#,
            r#"{"service_tier":"prior\u0069ty"}"#,
            r#"{"service_tier":"fast"}"#,
            r#"{"chat_template":"{% for x in range(9) %}"}"#,
        ] {
            assert!(asked(text).input.unbounded.is_some(), "{text}");
        }
        for text in [
            r#"{"web_search_options":null,"prediction":null,"plugins":[],"service_tier":"flex","store":true}"#,
            r#"{"service_tier":7,"metadata":{"a":"b"}}"#,
        ] {
            assert_eq!(asked(text).input.unbounded, None, "{text}");
        }
        let own = asked(
            r#"{"tools":[{"type":"function","function":{"name":"a"}},{"type":"custom","custom":{}}],"functions":[{}]}"#,
        );
        assert_eq!((own.input.unbounded, own.input.client_tools), (None, 3));
    }

    #[test]
    fn a_plain_request_reports_by_itself() {
        let plain = asked(r#"{"model":"m"}"#);
        assert_eq!(plain.stream_usage, StreamUsage::Reported);
        assert!(!plain.stream && !plain.fast);
    }

    #[test]
    fn odd_bodies_are_errors_and_never_panics() {
        for text in
            ["", "[]", "{", "null", "{\"model\":5}", "{\"messages\":5}", "{\"max_tokens\":-1}", "\u{0}"]
        {
            assert!(read(&Bytes::from(text)).is_err(), "{text:?}");
        }
        let deep = format!("{{\"messages\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(read(&Bytes::from(deep)).is_err());
    }
}
