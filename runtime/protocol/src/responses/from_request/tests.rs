//! What requests come to, and which are refused.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::conversation::{Image, Part, ResultPart, Speaker, Turn};
use crate::event::{Seal, SealMaker};
use crate::responses::seal::{self, On};

fn conversation(text: &str) -> Conversation {
    read(text.as_bytes()).expect("a conversation")
}

/// A request of nothing but this input.
fn with_input(input: &str) -> Conversation {
    conversation(&format!("{{\"model\":\"m\",\"input\":{input}}}"))
}

/// With this member besides.
fn with(member: &str) -> Conversation {
    conversation(&format!("{{\"input\":\"hi\",{member}}}"))
}

fn refused(text: &str) -> String {
    read(text.as_bytes()).map(|_| ()).expect_err(text).what
}

fn dropped(conversation: &Conversation) -> Vec<&str> {
    conversation.dropped.names().iter().map(AsRef::as_ref).collect()
}

/// A turn in short, for tables.
fn said(turn: &Turn) -> String {
    let speaker = match turn.speaker {
        Speaker::User => "user:",
        Speaker::Assistant => "assistant:",
    };
    let result = |part: &ResultPart| match part {
        ResultPart::Text(text) => text.clone(),
        ResultPart::Image(image) => format!("{image:?}"),
    };
    let parts = turn.parts.iter().map(|part| match part {
        Part::Text(text) => format!(" {text}"),
        Part::Image(image) => format!(" {image:?}"),
        Part::Thinking { text, seal } => format!(" ({text} {:?})", seal.as_ref().map(|seal| &seal.value)),
        Part::ToolCall(call) => {
            let seal = call.seal.as_ref().map_or("", |seal| &seal.value);
            format!(" {}={}{}{seal}", call.id, call.name, call.arguments)
        }
        Part::ToolResult(of) => {
            assert!(!of.is_error);
            format!(" {}:{}", of.call_id, of.parts.iter().map(result).collect::<Vec<_>>().join("+"))
        }
    });
    speaker.to_owned() + &parts.collect::<String>()
}

fn turns(input: &str) -> Vec<String> {
    with_input(input).turns.iter().map(said).collect()
}

#[test]
fn the_middle_of_a_tool_loop_is_read_whole() {
    let asked = conversation(
        r#"{"model":"claude","instructions":"You are Codex.","stream":true,"store":false,"max_output_tokens":900,
        "include":["reasoning.encrypted_content"],"prompt_cache_key":"k","parallel_tool_calls":true,
        "reasoning":{"effort":"high","summary":"auto"},"text":{"verbosity":"low"},"tool_choice":"auto",
        "tools":[{"type":"function","name":"shell","description":"Runs","strict":false,
          "parameters":{"type":"object","properties":{"z":{"maximum":1.0},"a":{}}}}],
        "input":[
          {"type":"message","role":"developer","content":[{"type":"input_text","text":"Be brief."}]},
          {"role":"user","content":"list files"},
          {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Look"},
            {"type":"summary_text","text":"around"}],"content":null,"encrypted_content":"gAAA/="},
          {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[
            {"type":"output_text","text":"I look.","annotations":[],"logprobs":[]}]},
          {"type":"function_call","id":"fc_1","status":"completed","call_id":"call_1","name":"shell",
            "arguments":"{\"z\": 1.0, \"a\":\"ls\"}"},
          {"type":"function_call","call_id":"call_2","name":"shell","arguments":""},
          {"type":"function_call_output","call_id":"call_1","output":"a.rs\nb.rs"},
          {"type":"function_call_output","call_id":"call_2","output":[{"type":"input_text","text":"x"},
            {"type":"input_image","image_url":"data:image/png;base64,QUJD"}]},
          {"role":"user","content":[{"type":"input_text","text":"and?"},
            {"type":"input_image","detail":"auto","image_url":"https://example.com/a.png"}]}]}"#,
    );
    assert_eq!(asked.system, ["You are Codex.", "Be brief."]);
    assert_eq!(
        asked.turns.iter().map(said).collect::<Vec<_>>(),
        [
            "user: list files",
            "assistant: (Look\n\naround Some(\"rs_1/gAAA/=\")) I look. \
             call_1=shell{\"z\": 1.0, \"a\":\"ls\"} call_2=shell{}",
            "user: call_1:a.rs\nb.rs call_2:x+Inline { media_type: \"image/png\", data: \"QUJD\" }",
            "user: and? Url(\"https://example.com/a.png\")",
        ]
    );
    let tool = &asked.tools[0];
    assert_eq!((tool.name.as_str(), tool.description.as_deref()), ("shell", Some("Runs")));
    assert_eq!(
        tool.schema.as_ref().map(|schema| schema.get()),
        Some(r#"{"type":"object","properties":{"z":{"maximum":1.0},"a":{}}}"#)
    );
    assert_eq!((tool.strict, asked.parallel_tool_calls), (Some(false), Some(true)));
    assert_eq!((asked.max_output, asked.stream), (Some(900), true));
    assert_eq!(asked.reasoning, Reasoning::Effort(Effort::High));
    assert_eq!(dropped(&asked), ["text.verbosity", "reasoning.summary", "prompt_cache_key"]);
}

#[test]
fn a_string_is_a_users_turn() {
    assert_eq!(turns("\"hi\""), ["user: hi"]);
}

#[test]
fn refusals_and_texts_of_every_kind_are_words() {
    let input = r#"[{"role":"assistant","content":"so"},{"type":"message","role":"assistant","content":[
        {"type":"refusal","refusal":"no"},{"type":"output_text","text":"sorry"}]}]"#;
    assert_eq!(turns(input), ["assistant: so no sorry"]);
}

#[test]
fn thoughts_go_back_to_whom_made_them() {
    let seal = Seal { maker: SealMaker::Anthropic, value: "EqQB==".to_owned() };
    let input = json!([{
        "type": "reasoning", "id": "rs_x", "summary": [], "encrypted_content": seal::write(&seal, On::Thoughts),
    }]);
    let asked = with_input(&input.to_string());
    let [Part::Thinking { text, seal: Some(read) }] = &asked.turns[0].parts[..] else {
        panic!("{:?}", asked.turns)
    };
    assert_eq!((text.as_str(), read), ("", &seal));
}

#[test]
fn a_seal_on_a_call_finds_its_call() {
    let seal = |value: &str| {
        let seal = Seal { maker: SealMaker::Gemini, value: value.to_owned() };
        json!({ "type": "reasoning", "id": "rs", "summary": [], "encrypted_content": seal::write(&seal, On::Call) })
    };
    let call = |id: &str| json!({ "type": "function_call", "call_id": id, "name": "f", "arguments": "{}" });
    let input = json!([call("a"), seal("S"), call("b"), call("c"), seal("T")]);
    assert_eq!(turns(&input.to_string()), ["assistant: a=f{}S b=f{} c=f{}T"]);
    let lost = with_input(&json!([{ "role": "user", "content": "x" }, seal("S")]).to_string());
    assert_eq!(dropped(&lost), ["reasoning"]);
}

#[test]
fn thoughts_that_only_their_provider_knows_are_dropped_by_name() {
    let asked =
        with_input(r#"[{"type":"reasoning","id":"rs_1","summary":[]},{"role":"user","content":"x"}]"#);
    assert_eq!(dropped(&asked), ["reasoning"]);
    assert_eq!(asked.turns.len(), 1);
}

#[test]
fn tool_choices_have_their_words() {
    let table = [
        (r#""auto""#, ToolChoice::Auto),
        (r#""none""#, ToolChoice::Never),
        (r#""required""#, ToolChoice::Any),
        (r#"{"type":"function","name":"f"}"#, ToolChoice::Named("f".to_owned())),
        ("null", ToolChoice::Auto),
    ];
    for (choice, read) in table {
        assert_eq!(with(&format!("\"tool_choice\":{choice}")).tool_choice, read, "{choice}");
    }
}

#[test]
fn efforts_have_their_words() {
    let table = [
        ("null", Reasoning::Default),
        (r#"{"effort":null}"#, Reasoning::Default),
        (r#"{"effort":"none"}"#, Reasoning::Off),
        (r#"{"effort":"minimal"}"#, Reasoning::Effort(Effort::Minimal)),
        (r#"{"effort":"low"}"#, Reasoning::Effort(Effort::Low)),
        (r#"{"effort":"medium"}"#, Reasoning::Effort(Effort::Medium)),
        (r#"{"effort":"xhigh"}"#, Reasoning::Effort(Effort::Max)),
        (r#"{"effort":"max"}"#, Reasoning::Effort(Effort::Max)),
    ];
    for (reasoning, read) in table {
        let asked = with(&format!("\"reasoning\":{reasoning}"));
        assert_eq!((asked.reasoning, dropped(&asked).len()), (read, 0), "{reasoning}");
    }
    assert_eq!(dropped(&with(r#""reasoning":{"effort":"heroic"}"#)), ["reasoning.effort"]);
}

#[test]
fn formats_keep_their_schema_as_written() {
    let asked = with(
        r#""text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"z":1.0, "a":{}}}}"#,
    );
    let Format::Schema { name, schema, strict } = &asked.format else { panic!("{:?}", asked.format) };
    assert_eq!((name.as_deref(), schema.get(), *strict), (Some("n"), r#"{"z":1.0, "a":{}}"#, Some(true)));
    assert!(matches!(with(r#""text":{"format":{"type":"json_object"}}"#).format, Format::Json));
    assert!(matches!(with(r#""text":{"format":{"type":"text"}}"#).format, Format::Text));
}

#[test]
fn sampling_and_users_are_kept_as_written() {
    let asked = with(r#""temperature":0.10,"top_p":1,"user":"old","safety_identifier":"new""#);
    assert_eq!(asked.temperature.map(|number| number.to_string()).as_deref(), Some("0.1"));
    assert_eq!(asked.top_p, Some(1.into()));
    assert_eq!(asked.user.as_deref(), Some("new"));
    assert_eq!(with(r#""user":"old","temperature":null"#).user.as_deref(), Some("old"));
}

#[test]
fn what_is_left_out_is_told_by_its_name() {
    let asked = conversation(
        r#"{"model":"m","store":true,"metadata":{"a":"b"},"include":["web_search_call.results"],"truncation":"auto",
        "service_tier":"flex","yet_unknown":1,"max_tool_calls":null,"user":"u","safety_identifier":"s",
        "tools":[{"type":"function","name":"f","defer_loading":true}],
        "input":[{"role":"user","phase":"commentary","content":[
          {"type":"input_text","text":"x","prompt_cache_breakpoint":{"mode":"explicit"}},
          {"type":"input_image","detail":"low","image_url":"https://example.com"},
          {"type":"output_text","text":"y","annotations":[{"type":"url_citation"}]}]}]}"#,
    );
    let mut names = dropped(&asked);
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "annotations",
            "defer_loading",
            "detail",
            "include",
            "metadata",
            "phase",
            "prompt_cache_breakpoint",
            "service_tier",
            "store",
            "truncation",
            "user",
            "yet_unknown",
        ]
    );
}

#[test]
fn what_cannot_be_said_elsewhere_is_refused_by_its_name() {
    let table = [
        (r#""previous_response_id":"resp_1""#, "a stored conversation (`previous_response_id`)"),
        (r#""conversation":{"id":"c"}"#, "a stored conversation"),
        (r#""prompt":{"id":"p"}"#, "a stored prompt"),
        (r#""background":true"#, "a background response"),
        (r#""moderation":{"model":"omni"}"#, "`moderation`"),
        (r#""top_logprobs":3"#, "`top_logprobs`"),
        (r#""tools":[{"type":"web_search"}]"#, "the built-in tool `web_search`"),
        (r#""tools":[{"type":"custom","name":"apply_patch"}]"#, "the custom tool `apply_patch`"),
        (r#""tools":[{"type":"namespace","name":"n","tools":[]}]"#, "the namespace of tools `n`"),
        (r#""tool_choice":{"type":"allowed_tools","tools":[]}"#, "a `tool_choice` of type `allowed_tools`"),
        (r#""text":{"format":{"type":"grammar"}}"#, "a `text.format` of type `grammar`"),
    ];
    for (member, what) in table {
        assert_eq!(refused(&format!("{{\"input\":\"hi\",{member}}}")), what);
    }
    let table = [
        (r#"{"type":"item_reference","id":"msg_1"}"#, "a stored item"),
        (r#"{"id":"msg_1"}"#, "a stored item"),
        (r#"{"type":"custom_tool_call","call_id":"c"}"#, "a call of a custom tool"),
        (r#"{"type":"custom_tool_call_output","call_id":"c"}"#, "a call of a custom tool"),
        (r#"{"type":"compaction","encrypted_content":"x"}"#, "an item of type `compaction`"),
        (r#"{"role":"critic","content":"x"}"#, "a message of the role `critic`"),
        (r#"{"role":"user","content":[{"type":"input_file","file_id":"f"}]}"#, "a file"),
        (r#"{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}"#, "audio"),
        (
            r#"{"role":"user","content":[{"type":"input_image","file_id":"f"}]}"#,
            "an image by the id of a file",
        ),
        (r#"{"role":"user","content":[{"type":"hologram"}]}"#, "a part of type `hologram`"),
        (
            r#"{"role":"system","content":[{"type":"input_image","image_url":"https://a"}]}"#,
            "an image among instructions",
        ),
        (
            r#"{"type":"function_call","call_id":"c","name":"f","namespace":"n","arguments":"{}"}"#,
            "a call of a tool in a namespace",
        ),
    ];
    for (item, what) in table {
        assert_eq!(refused(&format!("{{\"input\":[{item}]}}")), what);
    }
}

#[test]
fn malformed_requests_are_refused_by_what_is_wrong() {
    let table = [
        ("[]", "body"),
        ("{}", "input"),
        (r#"{"input":5}"#, "input"),
        (r#"{"input":[[]]}"#, "input"),
        (r#"{"input":"x","temperature":"hot"}"#, "temperature"),
        (r#"{"input":"x","tools":[{"type":"function"}]}"#, "name"),
        (r#"{"input":"x","tool_choice":"sometimes"}"#, "tool_choice"),
        (r#"{"input":[{"role":"user"}]}"#, "content"),
        (r#"{"input":[{"type":"function_call","name":"f"}]}"#, "call_id"),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:x"}]}]}"#,
            "image_url",
        ),
    ];
    for (text, name) in table {
        assert_eq!(refused(text), format!("a request whose `{name}` is missing or malformed"), "{text}");
    }
    assert!(read(b"{\"input\":\"\xff\"}").is_err());
}

#[test]
fn an_inline_image_loses_its_wrapping_alone() {
    let input = r#"[{"role":"user","content":[
        {"type":"input_image","image_url":"data:image/svg+xml;charset=utf-8;base64,QQ=="}]}]"#;
    let asked = with_input(input);
    let [Part::Image(image)] = &asked.turns[0].parts[..] else { panic!("{:?}", asked.turns) };
    let expected = Image::Inline { media_type: "image/svg+xml".to_owned(), data: "QQ==".to_owned() };
    assert_eq!(*image, expected);
}

/// Anything that can stand in a request, made of the words that mean something in it.
fn anything() -> impl Strategy<Value = serde_json::Value> {
    let word = prop::sample::select(vec![
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "input_text",
        "input_image",
        "user",
        "assistant",
        "developer",
        "pai:call:gemini:x",
        "data:image/png;base64,A",
        "{",
        "",
    ]);
    let name = prop::sample::select(vec![
        "type",
        "role",
        "content",
        "output",
        "call_id",
        "name",
        "arguments",
        "summary",
        "text",
        "image_url",
        "encrypted_content",
        "id",
        "tools",
        "input",
        "parameters",
        "format",
        "effort",
    ]);
    let leaf = prop_oneof![
        word.prop_map(serde_json::Value::from),
        any::<i8>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nonsense_never_panics(input in anything(), other in anything()) {
        for body in [
            json!({ "input": input, "text": other }),
            json!({ "input": [input], "tools": [other] }),
            json!({ "input": [{ "role": "user", "content": [input] }], "reasoning": other }),
            input.clone(),
        ] {
            let body = bytes::Bytes::from(body.to_string());
            let _ = read(&body);
            let _ = crate::asked::Asked::read(crate::dialect::Dialect::Responses, &body);
        }
    }
}
