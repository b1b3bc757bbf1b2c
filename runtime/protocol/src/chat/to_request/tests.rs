//! What requests in chat completions look like.

use serde_json::{Value, json};

use super::*;
use crate::conversation::{
    Image, Json, Part, ResultPart, Speaker, Tool as Asked, ToolCall, ToolResult, Turn,
};
use crate::dialect::Dialect;
use crate::event::{Seal, SealMaker};

fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).expect("json")
}

fn target(kind: ProviderKind, model: &str) -> Target<'_> {
    Target { dialect: Dialect::Chat, kind, model, max_output: 16_000 }
}

fn said(speaker: Speaker, text: &str) -> Turn {
    Turn { speaker, parts: vec![Part::Text(text.to_owned())] }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: raw(arguments),
        seal: None,
    })
}

fn result(call_id: &str, parts: Vec<ResultPart>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { call_id: call_id.to_owned(), parts, is_error })
}

fn tool(name: &str) -> Asked {
    Asked { name: name.to_owned(), description: None, schema: None, strict: None }
}

fn hello() -> Conversation {
    Conversation { turns: vec![said(Speaker::User, "hi")], ..Conversation::default() }
}

/// The body, and what was dropped.
fn written(mut conversation: Conversation, target: &Target<'_>) -> (Value, String) {
    let body = write(&mut conversation, target).expect("a body");
    let dropped: Vec<_> = conversation.dropped.names().iter().map(AsRef::as_ref).collect();
    (serde_json::from_slice(&body).expect("json"), dropped.join(" "))
}

fn refused(mut conversation: Conversation, target: &Target<'_>) -> String {
    write(&mut conversation, target).expect_err("refused").what
}

fn tool_loop() -> Conversation {
    let image = Image::Inline { media_type: "image/png".to_owned(), data: "AAAA".to_owned() };
    Conversation {
        system: vec!["be brief".to_owned(), String::new(), "be kind".to_owned()],
        turns: vec![
            said(Speaker::User, "weather?"),
            Turn {
                speaker: Speaker::Assistant,
                parts: vec![
                    Part::Thinking {
                        text: "hm".to_owned(),
                        seal: Some(Seal { maker: SealMaker::Anthropic, value: "sig".to_owned() }),
                    },
                    Part::Text(String::new()),
                    call("toolu_1", "w", r#"{"z":1.50,"a":"Rome"}"#),
                    call("toolu_2", "see", "{}"),
                ],
            },
            Turn {
                speaker: Speaker::User,
                parts: vec![result("toolu_1", vec![ResultPart::Text("no net".to_owned())], true)],
            },
            Turn {
                speaker: Speaker::User,
                parts: vec![
                    result("toolu_2", vec![ResultPart::Image(image)], false),
                    Part::Text("well?".to_owned()),
                ],
            },
        ],
        tools: vec![Asked { schema: Some(raw(r#"{"type":"object"}"#)), ..tool("w") }, tool("see")],
        max_output: Some(64_000),
        stream: true,
        ..Conversation::default()
    }
}

#[test]
fn a_tool_loop_is_written_as_openai_takes_it() {
    let (body, dropped) = written(tool_loop(), &target(ProviderKind::OpenAi, "gpt-4o"));
    let expected = json!({
        "model": "gpt-4o",
        "messages": [
            { "role": "system", "content": "be brief\n\nbe kind" },
            { "role": "user", "content": "weather?" },
            { "role": "assistant", "content": null, "tool_calls": [
                { "type": "function", "id": "toolu_1",
                  "function": { "name": "w", "arguments": "{\"z\":1.50,\"a\":\"Rome\"}" } },
                { "type": "function", "id": "toolu_2", "function": { "name": "see", "arguments": "{}" } },
            ] },
            { "role": "tool", "tool_call_id": "toolu_1", "content": "[error]\nno net" },
            { "role": "tool", "tool_call_id": "toolu_2", "content": "[images: see the next user message]" },
            { "role": "user", "content": [
                { "type": "text", "text": "Images from the tool call toolu_2:" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } },
                { "type": "text", "text": "well?" },
            ] },
        ],
        "tools": [
            { "type": "function", "function": { "name": "w", "parameters": { "type": "object" } } },
            { "type": "function",
              "function": { "name": "see", "parameters": { "type": "object", "properties": {} } } },
        ],
        "max_completion_tokens": 16_000,
        "stream": true,
        "stream_options": { "include_usage": true },
    });
    assert_eq!(body, expected);
    assert_eq!(dropped, "thinking");
}

#[test]
fn schemas_keep_their_order() {
    let schema = r#"{"type":"object","properties":{"z":{"minimum":1.0},"a":{}}}"#;
    let mut conversation =
        Conversation { tools: vec![Asked { schema: Some(raw(schema)), ..tool("w") }], ..hello() };
    let body = write(&mut conversation, &target(ProviderKind::Vllm, "m")).expect("a body");
    assert!(String::from_utf8_lossy(&body).contains(schema));
}

#[test]
fn each_kind_is_told_the_most_in_its_word() {
    for (kind, word) in [
        (ProviderKind::OpenAi, "max_completion_tokens"),
        (ProviderKind::AzureOpenAi, "max_completion_tokens"),
        (ProviderKind::OpenRouter, "max_tokens"),
        (ProviderKind::Vllm, "max_tokens"),
    ] {
        for (asked, most) in [(None, 16_000), (Some(5), 5), (Some(64_000), 16_000)] {
            let conversation = Conversation { max_output: asked, ..hello() };
            let (body, _) = written(conversation, &target(kind, "m"));
            assert_eq!(body[word], most, "{kind:?}");
            assert!(
                body.get(if word == "max_tokens" { "max_completion_tokens" } else { "max_tokens" }).is_none()
            );
        }
    }
}

#[test]
fn thoughts_without_a_seal_go_back_to_servers_that_want_them() {
    let thinking = |seal| {
        let thought = Part::Thinking { text: "hm".to_owned(), seal };
        let parts = vec![thought, call("c", "w", "{}")];
        let turns = vec![
            Turn { speaker: Speaker::Assistant, parts },
            Turn { speaker: Speaker::User, parts: vec![result("c", Vec::new(), false)] },
        ];
        Conversation { turns, ..Conversation::default() }
    };
    for kind in [ProviderKind::Vllm, ProviderKind::OpenRouter] {
        let (body, dropped) = written(thinking(None), &target(kind, "m"));
        assert_eq!((&body["messages"][0]["reasoning"], dropped.as_str()), (&json!("hm"), ""));
        let sealed = Seal { maker: SealMaker::Gemini, value: "s".to_owned() };
        let (body, dropped) = written(thinking(Some(sealed)), &target(kind, "m"));
        assert!(body["messages"][0].get("reasoning").is_none());
        assert_eq!(dropped, "thinking");
    }
    let (body, dropped) = written(thinking(None), &target(ProviderKind::OpenAi, "gpt-4o"));
    assert!(body["messages"][0].get("reasoning").is_none());
    assert_eq!(dropped, "thinking");
}

/// `reasoning_effort` as written, and what was dropped.
fn effort_of(reasoning: Reasoning, kind: ProviderKind, model: &str, tools: &[&str]) -> (Value, String) {
    let tools = tools.iter().map(|name| tool(name)).collect();
    let (body, dropped) = written(Conversation { tools, reasoning, ..hello() }, &target(kind, model));
    (body.get("reasoning_effort").cloned().unwrap_or_default(), dropped)
}

#[test]
fn effort_is_said_in_the_nearest_word_that_the_model_knows() {
    let table = [
        ("gpt-4o", Reasoning::Default, json!(null), ""),
        ("gpt-4o", Reasoning::Off, json!(null), ""),
        ("gpt-4o", Reasoning::Effort(Effort::High), json!(null), "thinking"),
        ("gpt-4o", Reasoning::Effort(Effort::Max), json!(null), "thinking"),
        ("gpt-4o", Reasoning::Adaptive, json!(null), "thinking"),
        ("o3", Reasoning::Default, json!(null), ""),
        ("o3", Reasoning::Off, json!("low"), ""),
        ("o3", Reasoning::Effort(Effort::Max), json!("high"), ""),
        ("gpt-5-mini", Reasoning::Off, json!("minimal"), ""),
        ("gpt-5-mini", Reasoning::Effort(Effort::Minimal), json!("minimal"), ""),
        ("gpt-5.1", Reasoning::Effort(Effort::Minimal), json!("low"), ""),
        ("gpt-5.2", Reasoning::Off, json!("none"), ""),
        ("gpt-5.2", Reasoning::Effort(Effort::Max), json!("xhigh"), ""),
        ("gpt-5.6-sol", Reasoning::Effort(Effort::Max), json!("max"), ""),
        ("gpt-5.2", Reasoning::Budget(1_024), json!("low"), ""),
        ("gpt-5.2", Reasoning::Budget(10_000), json!("medium"), ""),
        ("gpt-5.2", Reasoning::Budget(31_999), json!("high"), ""),
        ("gpt-5.2", Reasoning::Adaptive, json!("medium"), ""),
        ("gpt-6-astra", Reasoning::Off, json!("low"), ""),
    ];
    for (model, reasoning, word, dropped) in table {
        let expected = (word, dropped.to_owned());
        assert_eq!(effort_of(reasoning, ProviderKind::OpenAi, model, &[]), expected, "{model} {reasoning:?}");
    }
    let own = effort_of(Reasoning::Effort(Effort::High), ProviderKind::Vllm, "openai/gpt-oss-120b", &[]);
    assert_eq!(own, (json!("high"), String::new()));
    let other = effort_of(Reasoning::Effort(Effort::High), ProviderKind::Vllm, "qwen", &[]);
    assert_eq!(other, (json!(null), "thinking".to_owned()));
}

#[test]
fn models_that_call_tools_without_thinking_only_are_told_not_to_think() {
    let high = Reasoning::Effort(Effort::High);
    let of = |reasoning, model| effort_of(reasoning, ProviderKind::OpenAi, model, &["w"]);
    assert_eq!(of(high, "gpt-5.2"), (json!("high"), String::new()));
    assert_eq!(of(high, "gpt-5.4"), (json!("none"), "thinking".to_owned()));
    assert_eq!(of(Reasoning::Default, "gpt-5.6-terra"), (json!("none"), String::new()));
    let with_tool = Conversation { tools: vec![tool("w")], ..hello() };
    let what = refused(with_tool, &target(ProviderKind::AzureOpenAi, "gpt-6-astra"));
    assert_eq!(what, "a tool of `gpt-6-astra`, which calls tools in OpenAI's Responses API alone,");
}

#[test]
fn openrouter_has_words_of_its_own_for_thinking() {
    let of = |reasoning| {
        let (body, dropped) = written(
            Conversation { reasoning, ..hello() },
            &target(ProviderKind::OpenRouter, "openai/gpt-5.4"),
        );
        (body.get("reasoning").cloned().unwrap_or_default(), dropped)
    };
    let table = [
        (Reasoning::Default, json!(null), ""),
        (Reasoning::Off, json!(null), "thinking"),
        (Reasoning::Adaptive, json!({ "enabled": true }), ""),
        (Reasoning::Effort(Effort::Max), json!({ "effort": "xhigh" }), ""),
        (Reasoning::Budget(2_000), json!({ "max_tokens": 2_000 }), ""),
        (Reasoning::Budget(20_000), json!({ "effort": "high" }), ""),
    ];
    for (reasoning, expected, dropped) in table {
        assert_eq!(of(reasoning), (expected, dropped.to_owned()), "{reasoning:?}");
    }
}

#[test]
fn sampling_that_the_model_refuses_is_left_out() {
    let sampled = |temperature: f64| Conversation {
        temperature: serde_json::Number::from_f64(temperature),
        top_p: serde_json::Number::from_f64(0.5),
        top_k: Some(40),
        ..hello()
    };
    let (body, dropped) = written(sampled(0.7), &target(ProviderKind::OpenAi, "gpt-4o"));
    assert_eq!((&body["temperature"], &body["top_p"], body.get("top_k")), (&json!(0.7), &json!(0.5), None));
    assert_eq!(dropped, "top_k");
    let (body, dropped) = written(sampled(0.7), &target(ProviderKind::OpenAi, "gpt-5"));
    assert!(body.get("temperature").is_none() && body.get("top_p").is_none());
    assert_eq!(dropped, "top_k temperature top_p");
    let (_, dropped) = written(sampled(1.0), &target(ProviderKind::OpenAi, "o3"));
    assert_eq!(dropped, "top_k top_p");
    let (body, dropped) = written(sampled(0.7), &target(ProviderKind::Vllm, "m"));
    assert_eq!((&body["top_k"], dropped.as_str()), (&json!(40), ""));
}

#[test]
fn choices_and_forms_are_said() {
    let chosen = |choice| {
        let conversation = Conversation {
            tools: vec![tool("w")],
            tool_choice: choice,
            parallel_tool_calls: Some(false),
            ..hello()
        };
        written(conversation, &target(ProviderKind::OpenAi, "gpt-4o")).0
    };
    assert!(chosen(ToolChoice::Auto).get("tool_choice").is_none());
    assert_eq!(chosen(ToolChoice::Never)["tool_choice"], "none");
    assert_eq!(chosen(ToolChoice::Any)["tool_choice"], "required");
    let named = chosen(ToolChoice::Named("w".to_owned()));
    assert_eq!(named["tool_choice"], json!({ "type": "function", "function": { "name": "w" } }));
    assert_eq!(named["parallel_tool_calls"], false);
    // Neither is taken without tools.
    let without = Conversation { tool_choice: ToolChoice::Any, parallel_tool_calls: Some(true), ..hello() };
    let (body, _) = written(without, &target(ProviderKind::OpenAi, "gpt-4o"));
    assert!(body.get("tool_choice").is_none() && body.get("parallel_tool_calls").is_none());
    let formed = |format| {
        let conversation = Conversation { format, ..hello() };
        written(conversation, &target(ProviderKind::OpenAi, "gpt-4o")).0["response_format"].clone()
    };
    assert_eq!(formed(Format::Json), json!({ "type": "json_object" }));
    let schema = Format::Schema { name: None, schema: raw("{\"a\":1}"), strict: Some(true) };
    let json_schema = json!({ "name": "answer", "schema": { "a": 1 }, "strict": true });
    assert_eq!(formed(schema), json!({ "type": "json_schema", "json_schema": json_schema }));
}

#[test]
fn names_that_are_too_long_are_noted_for_the_answer() {
    let long = format!("mcp__{}", "server".repeat(12));
    let mut conversation = Conversation {
        tools: vec![tool(&long)],
        tool_choice: ToolChoice::Named(long.clone()),
        turns: vec![
            Turn { speaker: Speaker::Assistant, parts: vec![call(&"i".repeat(50), &long, "{}")] },
            Turn { speaker: Speaker::User, parts: vec![result(&"i".repeat(50), Vec::new(), false)] },
        ],
        ..Conversation::default()
    };
    let body = write(&mut conversation, &target(ProviderKind::OpenAi, "gpt-4o")).expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("json");
    let sent = body["tools"][0]["function"]["name"].as_str().expect("a name");
    assert!(sent.len() <= 64);
    assert_eq!(body["tool_choice"]["function"]["name"], sent);
    let made = &body["messages"][0]["tool_calls"][0];
    assert_eq!(made["function"]["name"], sent);
    assert_eq!(made["id"], body["messages"][1]["tool_call_id"]);
    assert_eq!(conversation.renamed.asked(sent), long);
}

#[test]
fn what_cannot_be_said_is_refused() {
    let prefilled = Conversation { turns: vec![said(Speaker::Assistant, "so")], ..hello() };
    assert_eq!(refused(prefilled, &target(ProviderKind::Vllm, "m")), "a prefilled answer");
    let stops = |count: usize| Conversation { stop: vec!["x".to_owned(); count], ..hello() };
    assert_eq!(refused(stops(5), &target(ProviderKind::OpenAi, "gpt-4o")), "more than four stop sequences");
    assert_eq!(refused(stops(1), &target(ProviderKind::OpenAi, "o3")), "a stop sequence for `o3`");
    let (body, _) = written(stops(5), &target(ProviderKind::Vllm, "m"));
    assert_eq!(body["stop"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_user_that_is_too_long_is_left_out() {
    let of = |user: &str| {
        let conversation = Conversation { user: Some(user.to_owned()), ..hello() };
        let (body, dropped) = written(conversation, &target(ProviderKind::OpenAi, "gpt-4o"));
        (body.get("user").cloned(), dropped)
    };
    assert_eq!(of("u"), (Some(json!("u")), String::new()));
    assert_eq!(of(&"u".repeat(65)), (None, "user".to_owned()));
}
