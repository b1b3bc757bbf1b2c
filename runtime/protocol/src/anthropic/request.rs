//! What is read of a request to Anthropic's Messages API.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::content::{Contents, System};
use crate::asked::{Asked, Input, RequestError, StreamUsage, as_written, place};
use crate::dialect::Dialect;

// A repeated key is an error, so that policy and provider cannot read different ones.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default, deserialize_with = "as_written")]
    model: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    speed: Option<&'a RawValue>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    system: System,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    tools: Option<Vec<Tool>>,
    #[serde(default)]
    mcp_servers: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    container: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Contents,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Tools with a dated type that the client runs all the same
/// (<https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview>); every other dated type runs at the provider.
const CLIENT_TOOL_TYPES: &[&str] = &["custom", "bash_", "text_editor_", "computer_", "memory_"];

/// Reads a body.
pub(crate) fn read(body: &Bytes) -> Result<Asked, RequestError> {
    let parsed: Body<'_> = serde_json::from_slice(body)?;
    let (model, model_at) = match parsed.model {
        Some(raw) => (serde_json::from_str::<Option<String>>(raw.get())?, place(body, raw.get())),
        None => (None, None),
    };
    let max_tokens = match parsed.max_tokens {
        Some(raw) => serde_json::from_str::<Option<u64>>(raw.get())?,
        None => None,
    };
    // Anything else than the word is the provider's to refuse.
    let speed = parsed.speed.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let mut contents = parsed.system.0;
    for message in &parsed.messages {
        contents.add(&message.content);
    }
    let mut input = Input {
        text_bytes: (body.len() as u64).saturating_sub(contents.image_data_bytes),
        images: contents.images,
        image_data_bytes: contents.image_data_bytes,
        unsized_parts: contents.unsized_parts,
        ..Input::default()
    };
    for tool in parsed.tools.into_iter().flatten() {
        match tool.kind {
            Some(kind) if !CLIENT_TOOL_TYPES.iter().any(|known| kind.starts_with(known)) => {
                input.unbounded = Some(format!("the server tool `{kind}`"));
            }
            _ => input.client_tools += 1,
        }
    }
    if parsed.mcp_servers.is_some_and(|servers| !servers.is_empty()) {
        input.unbounded = Some("`mcp_servers`".to_owned());
    }
    if parsed.container.is_some() {
        input.unbounded = Some("`container`".to_owned());
    }
    Ok(Asked {
        dialect: Dialect::Messages,
        model: model.unwrap_or_default(),
        model_at,
        max_output: max_tokens,
        choices: 1,
        stream_usage: StreamUsage::Reported,
        max_output_at: parsed.max_tokens.and_then(|raw| place(body, raw.get())),
        fast: speed.as_deref() == Some("fast"),
        stream: parsed.stream.unwrap_or(false),
        input,
    })
}

/// What the count of a prompt's tokens depends on, and what `count_tokens` takes
/// (<https://platform.claude.com/docs/en/api/messages-count-tokens>). It refuses members that it does not know, such as
/// `max_tokens`.
const COUNTED: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "context_management",
    "mcp_servers",
    "cache_control",
];

/// The body that asks how many tokens this one has.
pub fn counting(body: &Bytes) -> Option<Bytes> {
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    members.retain(|name, _| COUNTED.contains(&name.as_str()));
    serde_json::to_vec(&members).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::edit::{Wanted, rewritten};

    fn asked(text: &str) -> Asked {
        read(&Bytes::from(text.to_owned())).expect("a request")
    }

    fn read(body: &Bytes) -> Result<Asked, RequestError> {
        Asked::read(Dialect::Messages, body)
    }

    fn model(model: &str) -> Wanted<'_> {
        Wanted { model, ..Wanted::default() }
    }

    #[test]
    fn only_the_models_bytes_change() {
        let text = "{ \"x\" : [1,  2], \"model\" :\t\"a/claude\\u002d1\" , \"max_tokens\":5,\"messages\":[]}";
        let body = Bytes::from(text);
        let asked = read(&body).expect("a request");
        assert_eq!(asked.model, "a/claude-1");
        let renamed = text.replace("\"a/claude\\u002d1\"", "\"claude-1\"");
        assert_eq!(rewritten(&body, &asked, &model("claude-1")), renamed);
        assert_eq!(rewritten(&body, &asked, &model("a/claude-1")), text);
    }

    #[test]
    fn a_maximum_is_put_in_and_nothing_else_changes() {
        let with = |text: &str, model: &str| {
            let body = Bytes::from(text.to_owned());
            let asked = read(&body).expect("a request");
            assert_eq!(asked.max_output, None);
            let wanted = Wanted { model, max_output: Some(("max_tokens", 9)), ..Wanted::default() };
            String::from_utf8(rewritten(&body, &asked, &wanted).to_vec()).expect("text")
        };
        assert_eq!(with(" {}", "m"), " {\"model\":\"m\",\"max_tokens\":9}");
        assert_eq!(
            with("{ \"model\" : \"m\", \"messages\":[ ]}", "m"),
            "{\"max_tokens\":9, \"model\" : \"m\", \"messages\":[ ]}"
        );
        // A second member of the same name might win over ours.
        assert_eq!(
            with("{\"max_tokens\": null ,\"model\":\"a/m\",\"messages\":[]}", "m"),
            "{\"max_tokens\": 9 ,\"model\":\"m\",\"messages\":[]}"
        );
        assert_eq!(
            with("{\"model\":\"a/m\",\"messages\":[],\"max_tokens\":null}", "m"),
            "{\"model\":\"m\",\"messages\":[],\"max_tokens\":9}"
        );
    }

    #[test]
    fn what_does_not_count_is_left_out_of_a_count() {
        let body = Bytes::from_static(
            b"{\"model\":\"m\",\"max_tokens\":5,\"stream\":true,\"messages\":[],\"metadata\":{},\"system\":\"s\"}",
        );
        let counted: serde_json::Value =
            serde_json::from_slice(&counting(&body).expect("an object")).expect("json");
        assert_eq!(counted, serde_json::json!({ "model": "m", "messages": [], "system": "s" }));
    }

    #[test]
    fn fast_mode_is_noticed() {
        assert!(asked("{\"speed\":\"f\\u0061st\"}").fast);
        assert!(!asked("{\"speed\":\"standard\"}").fast && !asked("{\"speed\":7}").fast && !asked("{}").fast);
    }

    #[test]
    fn a_repeated_model_is_refused() {
        let body = Bytes::from_static(b"{\"model\":\"a\",\"model\":\"b\",\"messages\":[]}");
        assert!(read(&body).is_err());
    }

    #[test]
    fn an_images_bytes_are_no_text() {
        let data = "A".repeat(10_000);
        let text = format!(
            r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":[
               {{"type":"text","text":"hi"}},
               {{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}},
               {{"type":"tool_result","tool_use_id":"t","content":[
                 {{"type":"image","source":{{"type":"url","url":"https://example.com/a.png"}}}}]}}]}}]}}"#
        );
        let asked = asked(&text);
        assert_eq!(asked.input.images, 2);
        assert_eq!(asked.input.text_bytes, (text.len() - 10_000) as u64);
        assert_eq!(asked.input.unsized_parts, None);
    }

    #[test]
    fn what_has_no_size_in_the_body_is_found() {
        let document = asked(
            r#"{"messages":[{"content":[{"type":"document","source":{"type":"base64","data":"AAAA"}}]}]}"#,
        );
        assert!(document.input.unsized_parts.is_some());
        let file =
            asked(r#"{"messages":[{"content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#);
        assert_eq!(file.input.images, 1);
        let search = asked(r#"{"messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#);
        assert!(search.input.unbounded.is_some());
        let own = asked(
            r#"{"messages":[],"tools":[{"name":"a"},{"type":"custom","name":"b"},{"type":"bash_20250124","name":"bash"}]}"#,
        );
        assert_eq!((own.input.unbounded, own.input.client_tools), (None, 3));
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
