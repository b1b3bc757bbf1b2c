//! What is read of a request to OpenAI's Responses API.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::content::{Contents, Tool};
use crate::asked::{Asked, Input, RequestError, StreamUsage, as_written, place};
use crate::dialect::Dialect;

// A repeated key is an error, so that policy and provider cannot read different ones.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default, deserialize_with = "as_written")]
    model: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    background: Option<bool>,
    #[serde(default)]
    input: Contents,
    #[serde(default)]
    tools: Option<Vec<Tool>>,
    #[serde(default)]
    previous_response_id: Option<IgnoredAny>,
    #[serde(default)]
    conversation: Option<IgnoredAny>,
    #[serde(default)]
    prompt: Option<IgnoredAny>,
    #[serde(default)]
    context_management: Option<Vec<IgnoredAny>>,
}

impl Body<'_> {
    /// What makes any number of tokens possible besides items and tools, in the caller's words.
    fn unbounded(&self) -> Option<&'static str> {
        if self.previous_response_id.is_some() || self.conversation.is_some() {
            Some("a stored conversation")
        } else if self.prompt.is_some() {
            Some("a stored prompt")
        } else if self.background == Some(true) {
            // It is fetched later, if at all: what it used does not come by here.
            Some("a background response")
        } else if self.context_management.as_ref().is_some_and(|entries| !entries.is_empty()) {
            // The provider compacts the conversation by calling a model of its own accord.
            Some("`context_management`")
        } else {
            None
        }
    }
}

/// Reads a body.
pub(crate) fn read(body: &Bytes) -> Result<Asked, RequestError> {
    let mut parsed: Body<'_> = serde_json::from_slice(body)?;
    let (model, model_at) = match parsed.model {
        Some(raw) => (serde_json::from_str::<Option<String>>(raw.get())?, place(body, raw.get())),
        None => (None, None),
    };
    let max_output = match parsed.max_output_tokens {
        Some(raw) => serde_json::from_str::<Option<u64>>(raw.get())?,
        None => None,
    };
    let unbounded = parsed.unbounded().map(str::to_owned);
    let mut contents = std::mem::take(&mut parsed.input);
    contents.add_tools(parsed.tools.as_deref().unwrap_or_default());
    Ok(Asked {
        dialect: Dialect::Responses,
        model: model.unwrap_or_default(),
        model_at,
        max_output,
        max_output_at: parsed.max_output_tokens.and_then(|raw| place(body, raw.get())),
        choices: 1,
        fast: false,
        stream: parsed.stream.unwrap_or(false),
        stream_usage: StreamUsage::Reported,
        input: Input {
            text_bytes: (body.len() as u64).saturating_sub(contents.image_data_bytes),
            images: contents.images,
            image_data_bytes: contents.image_data_bytes,
            unsized_parts: contents.unsized_parts,
            unbounded: unbounded.or(contents.unbounded),
            client_tools: contents.client_tools,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::edit::{Wanted, rewritten};

    fn asked(text: &str) -> Asked {
        read(&Bytes::from(text.to_owned())).expect("a request")
    }

    fn read(body: &Bytes) -> Result<Asked, RequestError> {
        Asked::read(Dialect::Responses, body)
    }

    #[test]
    fn model_and_maximum_are_found_and_replaced_in_place() {
        let text =
            "{ \"input\" : \"hi\", \"model\":\t\"o/gpt\" , \"max_output_tokens\": null ,\"stream\":true}";
        let body = Bytes::from(text);
        let asked = read(&body).expect("a request");
        assert_eq!((asked.model.as_str(), asked.max_output, asked.stream), ("o/gpt", None, true));
        assert_eq!(asked.stream_usage, StreamUsage::Reported);
        let wanted = Wanted { model: "gpt", max_output: Some(("max_output_tokens", 9)), ..Wanted::default() };
        let expected = text.replace("o/gpt", "gpt").replace("null", "9");
        assert_eq!(rewritten(&body, &asked, &wanted), expected);
        let plain = Wanted { model: "o/gpt", stream_usage: true, ..Wanted::default() };
        assert_eq!(rewritten(&body, &asked, &plain), text);
    }

    #[test]
    fn the_clients_maximum_is_read() {
        assert_eq!(asked(r#"{"input":"hi","max_output_tokens":77}"#).max_output, Some(77));
        assert_eq!(asked(r#"{"input":"hi"}"#).max_output_at, None);
    }

    #[test]
    fn an_images_bytes_are_no_text() {
        let data = "A".repeat(10_000);
        let text = format!(
            r#"{{"model":"m","input":[
               {{"role":"user","content":[{{"type":"input_text","text":"hi"}},
                 {{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,{data}"}},
                 {{"type":"input_image","image_url":"https://example.com/a.png"}},
                 {{"type":"input_image","file_id":"file-1"}}]}},
               {{"type":"function_call_output","call_id":"c","output":[
                 {{"type":"input_image","image_url":"data:image/jpeg;base64,{data}"}}]}},
               {{"type":"computer_call_output","call_id":"d","output":{{
                 "type":"computer_screenshot","image_url":"data:image/png;base64,{data}"}}}},
               {{"type":"image_generation_call","id":"ig","status":"completed","result":"{data}"}}]}}"#
        );
        let asked = asked(&text);
        assert_eq!(asked.input.images, 6);
        assert_eq!(asked.input.image_data_bytes, 40_000);
        assert_eq!(asked.input.text_bytes, (text.len() - 40_000) as u64);
        assert_eq!((asked.input.unsized_parts, asked.input.unbounded), (None, None));
    }

    #[test]
    fn data_that_is_no_image_stays_text() {
        let text = r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:text/plain;base64,AAAA"}]}]}"#;
        assert_eq!(asked(text).input.text_bytes, text.len() as u64);
    }

    #[test]
    fn what_has_no_size_in_the_body_is_found() {
        let file = asked(
            r#"{"input":[{"role":"user","content":[{"type":"input_file","file_data":"data:application/pdf;base64,AAAA"}]}]}"#,
        );
        assert_eq!(file.input.unsized_parts, Some("a file"));
        let result = asked(
            r#"{"input":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_file","file_id":"f"}]}]}"#,
        );
        assert_eq!(result.input.unsized_parts, Some("a file"));
    }

    #[test]
    fn what_the_provider_keeps_or_runs_has_no_bound() {
        let table = [
            (r#""previous_response_id":"resp_1""#, "a stored conversation"),
            (r#""conversation":"conv_1""#, "a stored conversation"),
            (r#""conversation":{"id":"conv_1"}"#, "a stored conversation"),
            (r#""prompt":{"id":"pmpt_1"}"#, "a stored prompt"),
            (r#""background":true"#, "a background response"),
            (r#""context_management":[{"type":"compaction"}]"#, "`context_management`"),
            (r#""input":[{"type":"item_reference","id":"msg_1"}]"#, "a stored item"),
            (r#""input":[{"id":"msg_1"}]"#, "a stored item"),
            (r#""tools":[{"type":"web_search"}]"#, "the built-in tool `web_search`"),
            (
                r#""tools":[{"type":"function","name":"f"},{"type":"mcp","server_label":"x"}]"#,
                "the built-in tool `mcp`",
            ),
            (
                r#""tools":[{"type":"code_interpreter","container":"c"}]"#,
                "the built-in tool `code_interpreter`",
            ),
            (r#""tools":[{"type":"file_search"}]"#, "the built-in tool `file_search`"),
            (r#""tools":[{"type":"image_generation"}]"#, "the built-in tool `image_generation`"),
            (r#""tools":[{"type":"tool_search"}]"#, "the built-in tool `tool_search`"),
            (r#""tools":[{"type":"shell"}]"#, "the built-in tool `shell`"),
            (
                r#""tools":[{"type":"shell","environment":{"type":"container_auto"}}]"#,
                "the built-in tool `shell`",
            ),
            (r#""tools":[{"type":"yet_unknown"}]"#, "the built-in tool `yet_unknown`"),
            (
                r#""input":[{"type":"additional_tools","role":"developer","tools":[{"type":"web_search"}]}]"#,
                "the built-in tool `web_search`",
            ),
        ];
        for (member, what) in table {
            assert_eq!(asked(&format!("{{{member}}}")).input.unbounded.as_deref(), Some(what), "{member}");
        }
    }

    #[test]
    fn what_the_client_runs_or_leaves_out_is_bounded() {
        let own = asked(
            r#"{"input":[{"role":"user","content":"hi","id":"msg_1"},{"type":"shell_call_output","call_id":"c",
                "output":[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]}],
               "previous_response_id":null,"conversation":null,"prompt":null,"background":false,
               "context_management":[],"tools":[{"type":"function","name":"a"},{"type":"custom","name":"b"},
               {"type":"local_shell"},{"type":"apply_patch"},{"type":"computer_use_preview","environment":"browser"},
               {"type":"shell","environment":{"type":"local"}},{"type":"tool_search","execution":"client"},
               {"type":"namespace","name":"n","tools":[{"type":"function","name":"c"},{"type":"function","name":"d"}]}]}"#,
        );
        assert_eq!((own.input.unbounded, own.input.client_tools), (None, 9));
    }

    #[test]
    fn a_repeated_key_is_refused() {
        for name in ["model", "max_output_tokens", "stream", "background", "input", "tools", "prompt"] {
            let body = Bytes::from(format!("{{\"{name}\":null,\"{name}\":null}}"));
            assert!(read(&body).is_err(), "{name}");
        }
        let item = r#"{"input":[{"role":"user","content":"a","content":[{"type":"input_file"}]}]}"#;
        assert!(read(&Bytes::from(item)).is_err());
    }

    #[test]
    fn odd_bodies_are_errors_and_never_panics() {
        for text in [
            "",
            "[]",
            "{",
            "null",
            "{\"model\":5}",
            "{\"input\":5}",
            "{\"input\":[5]}",
            "{\"max_output_tokens\":-1}",
            "{\"tools\":{}}",
        ] {
            assert!(read(&Bytes::from(text)).is_err(), "{text:?}");
        }
        let deep = format!("{{\"input\":{}{}}}", "[{\"content\":".repeat(10_000), "}]".repeat(10_000));
        assert!(read(&Bytes::from(deep)).is_err());
    }
}
