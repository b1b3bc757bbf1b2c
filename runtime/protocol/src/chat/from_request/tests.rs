//! What requests of chat completions are read into.

use super::*;
use crate::conversation::{Image, Part, ResultPart, Speaker, ToolResult};
use crate::event::SealMaker;

fn conversation(text: &str) -> Conversation {
    read(text.as_bytes()).expect("a conversation")
}

/// A request of one message and these members.
fn with(members: &str) -> Result<Conversation, Untranslatable> {
    read(format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{members}}}"#).as_bytes())
}

fn dropped(conversation: &Conversation) -> Vec<&str> {
    conversation.dropped.names().iter().map(AsRef::as_ref).collect()
}

#[test]
fn a_tool_loop_is_read_in_order() {
    let read = conversation(
        r#"{"model":"m","messages":[
            {"role":"system","content":"be brief"},
            {"role":"developer","content":[{"type":"text","text":"be "},{"type":"text","text":"kind"}]},
            {"role":"user","content":"weather in Rome and Oslo?"},
            {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
                {"id":"c1","type":"function","function":{"name":"w","arguments":"{\"z\":1.50,\"a\":\"Rome\"}"},
                 "extra_content":{"google":{"thought_signature":"sig"}}},
                {"id":"c2","type":"function","function":{"name":"w","arguments":""}}]},
            {"role":"tool","tool_call_id":"c1","content":"sun"},
            {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"rain"}]},
            {"role":"user","content":[{"type":"text","text":"and this?"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
                {"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}"#,
    );
    assert_eq!(read.system, ["be brief", "be kind"]);
    let speakers: Vec<_> = read.turns.iter().map(|turn| turn.speaker).collect();
    assert_eq!(speakers, [Speaker::User, Speaker::Assistant, Speaker::User, Speaker::User]);
    let [Part::ToolCall(one), Part::ToolCall(two)] = &read.turns[1].parts[..] else {
        panic!("{:?}", read.turns[1]);
    };
    // Order and numbers as written.
    assert_eq!((one.id.as_str(), one.arguments.get()), ("c1", r#"{"z":1.50,"a":"Rome"}"#));
    assert_eq!(
        one.seal.as_ref().map(|seal| (seal.maker, seal.value.as_str())),
        Some((SealMaker::Gemini, "sig"))
    );
    assert_eq!((two.id.as_str(), two.arguments.get()), ("c2", "{}"));
    let [Part::ToolResult(sun), Part::ToolResult(rain)] = &read.turns[2].parts[..] else {
        panic!("{:?}", read.turns[2]);
    };
    let text = |result: &ToolResult| match &result.parts[..] {
        [ResultPart::Text(text)] => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((text(sun), text(rain)), ("sun".to_owned(), "rain".to_owned()));
    let [Part::Text(_), Part::Image(inline), Part::Image(url)] = &read.turns[3].parts[..] else {
        panic!("{:?}", read.turns[3]);
    };
    assert_eq!(*inline, Image::Inline { media_type: "image/png".to_owned(), data: "AAAA".to_owned() });
    assert_eq!(*url, Image::Url("https://example.com/a.png".to_owned()));
    assert_eq!(dropped(&read), ["reasoning_content", "detail"]);
}

#[test]
fn functions_of_old_find_their_results() {
    let read = conversation(
        r#"{"functions":[{"name":"w","parameters":{"type":"object"}}],"function_call":{"name":"w"},"messages":[
            {"role":"assistant","content":null,"function_call":{"name":"w","arguments":"{\"a\":1}"}},
            {"role":"function","name":"w","content":"sun"}]}"#,
    );
    assert_eq!(read.tool_choice, ToolChoice::Named("w".to_owned()));
    assert_eq!(read.tools.len(), 1);
    let (Part::ToolCall(call), Part::ToolResult(result)) = (&read.turns[0].parts[0], &read.turns[1].parts[0])
    else {
        panic!("{:?}", read.turns);
    };
    assert_eq!(call.id, result.call_id);
    assert!(super::read(br#"{"messages":[{"role":"function","name":"w","content":"sun"}]}"#).is_err());
}

#[test]
fn a_system_message_that_comes_late_keeps_its_authority_and_loses_its_place() {
    let read = conversation(
        r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"hi"},{"role":"system","content":"b"}]}"#,
    );
    assert_eq!(read.system, ["a", "b"]);
    assert_eq!(dropped(&read), ["system message position"]);
}

#[test]
fn a_refusal_is_what_the_model_said() {
    let read = conversation(
        r#"{"messages":[{"role":"assistant","content":null,"refusal":"no"},
            {"role":"assistant","content":[{"type":"refusal","refusal":"never"}]}]}"#,
    );
    for (turn, said) in read.turns.iter().zip(["no", "never"]) {
        assert!(matches!(&turn.parts[..], [Part::Text(text)] if text == said), "{turn:?}");
    }
}

#[test]
fn settings_are_read() {
    let read = with(
        r#""max_tokens":5,"max_completion_tokens":9,"temperature":0.70,"top_p":1,"top_k":-1,"stop":"x","stream":true,
            "user":"u","safety_identifier":"s","parallel_tool_calls":false,"reasoning_effort":"minimal",
            "stream_options":{"include_usage":true},"presence_penalty":0,"n":1,"logprobs":false,"logit_bias":{},
            "modalities":["text"],"top_logprobs":null"#,
    )
    .expect("a conversation");
    assert_eq!(read.max_output, Some(9));
    assert_eq!(read.temperature.map(|number| number.to_string()).as_deref(), Some("0.7"));
    assert_eq!((read.top_k, read.stop, read.stream), (None, vec!["x".to_owned()], true));
    assert_eq!((read.user.as_deref(), read.parallel_tool_calls), (Some("u"), Some(false)));
    assert_eq!(read.reasoning, Reasoning::Effort(Effort::Minimal));
    assert_eq!(read.dropped, Dropped::default());
}

#[test]
fn reasoning_is_read_in_both_dialects_words() {
    let table = [
        (r#""reasoning_effort":"none""#, Reasoning::Off),
        (r#""reasoning_effort":"xhigh""#, Reasoning::Effort(Effort::Max)),
        (r#""reasoning_effort":"max""#, Reasoning::Effort(Effort::Max)),
        (r#""reasoning_effort":null"#, Reasoning::Default),
        (r#""reasoning":{"effort":"high"}"#, Reasoning::Effort(Effort::High)),
        (r#""reasoning":{"max_tokens":2000}"#, Reasoning::Budget(2000)),
        (r#""reasoning":{"enabled":true}"#, Reasoning::Adaptive),
        (r#""reasoning":{"enabled":false}"#, Reasoning::Off),
    ];
    for (members, expected) in table {
        assert_eq!(with(members).expect("a conversation").reasoning, expected, "{members}");
    }
}

#[test]
fn tools_choices_and_formats_are_read() {
    let read = with(
        r#""tools":[{"type":"function","function":{"name":"w","description":"d","strict":true,
            "parameters":{"type":"object","properties":{"z":{},"a":{}}}}}],
            "response_format":{"type":"json_schema","json_schema":{"name":"f","schema":{"z":1,"a":2},"strict":false}}"#,
    )
    .expect("a conversation");
    let tool = &read.tools[0];
    assert_eq!((tool.name.as_str(), tool.description.as_deref(), tool.strict), ("w", Some("d"), Some(true)));
    let schema = tool.schema.as_ref().map(|schema| schema.get());
    assert_eq!(schema, Some(r#"{"type":"object","properties":{"z":{},"a":{}}}"#));
    let Format::Schema { name, schema, strict } = &read.format else { panic!("{:?}", read.format) };
    assert_eq!((name.as_deref(), schema.get(), *strict), (Some("f"), r#"{"z":1,"a":2}"#, Some(false)));
    for (choice, expected) in [
        (r#""auto""#, ToolChoice::Auto),
        (r#""none""#, ToolChoice::Never),
        (r#""required""#, ToolChoice::Any),
        (r#"{"type":"function","function":{"name":"w"}}"#, ToolChoice::Named("w".to_owned())),
    ] {
        let read = with(&format!(r#""tool_choice":{choice}"#)).expect("a conversation");
        assert_eq!(read.tool_choice, expected, "{choice}");
    }
}

#[test]
fn hints_are_dropped_and_told() {
    let read = with(
        r#""seed":7,"presence_penalty":0.5,"store":true,"metadata":{"a":"b"},"service_tier":"flex","prompt_cache_key":"k",
            "verbosity":"low","something_new":1,"nothing":null"#,
    )
    .expect("a conversation");
    assert_eq!(
        dropped(&read),
        [
            "presence_penalty",
            "metadata",
            "prompt_cache_key",
            "seed",
            "service_tier",
            "something_new",
            "store",
            "verbosity"
        ]
    );
}

#[test]
fn what_cannot_be_said_elsewhere_is_refused_by_its_name() {
    let table = [
        (r#""n":3"#, "`n` = 3"),
        (r#""logprobs":true"#, "`logprobs`"),
        (r#""top_logprobs":2"#, "`logprobs`"),
        (r#""logit_bias":{"5":1}"#, "`logit_bias`"),
        (r#""modalities":["text","audio"]"#, "an answer in another form than text"),
        (r#""web_search_options":{}"#, "web search"),
        (r#""prediction":{"type":"content","content":"x"}"#, "`prediction`"),
        (r#""guided_json":{"a":1}"#, "`guided_json`"),
        (r#""tools":[{"type":"custom","custom":{"name":"w"}}]"#, "a tool of the type `custom`"),
        (r#""tool_choice":{"type":"allowed_tools","allowed_tools":{}}"#, "the tool choice `allowed_tools`"),
        (r#""reasoning_effort":"extreme""#, "the reasoning effort `extreme`"),
        (r#""response_format":{"type":"grammar"}"#, "the response format `grammar`"),
        (r#""max_tokens":"many""#, "a malformed `max_tokens`"),
        (r#""messages":7"#, "a malformed `messages`"),
    ];
    for (members, what) in table {
        assert_eq!(with(members).expect_err(members).what, what, "{members}");
    }
    let messages = [
        (r#"{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}"#, "sound"),
        (r#"{"role":"user","content":[{"type":"file","file":{}}]}"#, "a file"),
        (r#"{"role":"user","content":[{"type":"video_url"}]}"#, "content of the type `video_url`"),
        (r#"{"role":"user","content":7}"#, "a malformed `content`"),
        (r#"{"role":"assistant","audio":{"id":"a"}}"#, "an earlier answer in sound"),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"a","type":"custom"}]}"#,
            "a call of a tool of the type `custom`",
        ),
        (r#"{"role":"tool","content":"a"}"#, "a missing `tool_call_id`"),
        (r#"{"role":"critic","content":"a"}"#, "a message of the role `critic`"),
        (
            r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:application/pdf;base64,A"}}]}"#,
            "a data URL that is no image in base64",
        ),
    ];
    for (message, what) in messages {
        let refused = read(format!(r#"{{"messages":[{message}]}}"#).as_bytes());
        assert_eq!(refused.expect_err(message).what, what, "{message}");
    }
}

#[test]
fn nonsense_is_refused_and_never_a_panic() {
    for body in
        ["", "null", "[]", "{}", "{", r#"{"messages":[7]}"#, r#"{"messages":[{"role":"user","content":{}}]}"#]
    {
        assert!(read(body.as_bytes()).is_err(), "{body:?}");
    }
    assert!(read(b"\xff").is_err());
    let deep =
        format!(r#"{{"messages":[{{"role":"user","content":{}{}}}]}}"#, "[".repeat(9_999), "]".repeat(9_999));
    assert!(read(deep.as_bytes()).is_err());
}
