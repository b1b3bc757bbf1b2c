//! What requests of Anthropic's messages are read into.

use super::*;
use crate::conversation::{
    Effort, Image, Part, Reasoning, ResultPart, Speaker, ToolCall, ToolChoice, ToolResult,
};
use crate::event::{Seal, SealMaker};

fn conversation(body: &str) -> Conversation {
    read(body.as_bytes()).expect("a conversation")
}

fn refused(body: &str) -> String {
    read(body.as_bytes()).expect_err("a request that cannot be translated").what
}

fn with(members: &str) -> String {
    format!(r#"{{"model":"m","max_tokens":5,"messages":[{{"role":"user","content":"hi"}}],{members}}}"#)
}

fn saying(blocks: &str) -> String {
    format!(r#"{{"max_tokens":5,"messages":[{{"role":"user","content":[{blocks}]}}]}}"#)
}

fn dropped(conversation: &Conversation) -> Vec<&str> {
    conversation.dropped.names().iter().map(AsRef::as_ref).collect()
}

/// What Claude Code sends in the middle of a loop of tools.
const LOOP: &str = r#"{
    "model": "claude-sonnet-5", "max_tokens": 32000, "stream": true,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1"},
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}}
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Read it.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I read.", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "opaque"},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            {"type": "thinking", "thinking": "", "signature": "pai:call:toolu_1:pai:gemini:c2ln"},
            {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"b": 1.0, "a": 2}}
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
            {"type": "tool_result", "tool_use_id": "toolu_0", "content": "earlier"},
            {"type": "tool_result", "tool_use_id": "toolu_2"}
        ]}
    ],
    "tools": [{"name": "Read", "description": "Reads.", "input_schema": {"type": "object", "b": 1, "a": 2},
        "cache_control": {"type": "ephemeral"}, "defer_loading": false},
        {"name": "Later", "description": "Only after a search.", "input_schema": {"type": "object"}, "defer_loading": true}],
    "metadata": {"user_id": "u"},
    "thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"},
    "context_management": {"edits": []}, "temperature": 1
}"#;

#[test]
fn a_loop_of_tools_is_read_whole() {
    let read = conversation(LOOP);
    assert_eq!(read.system, ["You are Claude Code."]);
    assert_eq!((read.max_output, read.stream, read.user.as_deref()), (Some(32_000), true, Some("u")));
    assert_eq!(read.reasoning, Reasoning::Effort(Effort::Max));
    assert_eq!(read.temperature, Some(1.into()));
    let speakers: Vec<_> = read.turns.iter().map(|turn| turn.speaker).collect();
    assert_eq!(speakers, [Speaker::User, Speaker::Assistant, Speaker::User]);
    assert_eq!(read.tools.len(), 1, "what must be searched for first cannot be called");
    let schema = read.tools[0].schema.as_ref().expect("a schema").get();
    assert_eq!(schema, r#"{"type": "object", "b": 1, "a": 2}"#);
    assert_eq!(
        dropped(&read),
        ["cache_control", "x-anthropic-billing-header", "tools with defer_loading", "context_management"]
    );
}

#[test]
fn what_the_model_thought_and_called_keeps_its_seals() {
    let read = conversation(LOOP);
    let [
        Part::Thinking { text: signed, seal: Some(signature) },
        Part::Thinking { text: hidden, seal: Some(data) },
        Part::Thinking { text: unsigned, seal: None },
        Part::ToolCall(ToolCall { id, name, arguments, seal: Some(of_the_call) }),
    ] = &read.turns[1].parts[..]
    else {
        panic!("{:?}", read.turns[1]);
    };
    let seal = |maker, value: &str| Seal { maker, value: value.to_owned() };
    assert_eq!((signed.as_str(), signature), ("I read.", &seal(SealMaker::Anthropic, "EqQB")));
    assert_eq!((hidden.as_str(), data), ("", &seal(SealMaker::AnthropicRedacted, "opaque")));
    assert_eq!(unsigned, "unsigned");
    assert_eq!((id.as_str(), name.as_str(), arguments.get()), ("toolu_1", "Read", r#"{"b": 1.0, "a": 2}"#));
    assert_eq!(of_the_call, &seal(SealMaker::Gemini, "c2ln"));
}

#[test]
fn what_tools_said_keeps_its_ids_and_its_pictures() {
    let read = conversation(LOOP);
    let results: Vec<&ToolResult> = read.turns[2]
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(result) => result,
            part => panic!("{part:?}"),
        })
        .collect();
    let picture = Image::Inline { media_type: "image/png".to_owned(), data: "AAAA".to_owned() };
    assert_eq!(results[0].parts, [ResultPart::Text("no".to_owned()), ResultPart::Image(picture)]);
    assert_eq!((results[0].is_error, results[0].call_id.as_str()), (true, "toolu_1"));
    assert_eq!(results[1].parts, [ResultPart::Text("earlier".to_owned())]);
    assert_eq!((results[1].is_error, results[1].call_id.as_str()), (false, "toolu_0"));
    assert_eq!((&results[2].parts[..], results[2].call_id.as_str()), (&[][..], "toolu_2"));
}

#[test]
fn a_document_of_words_is_words() {
    let read = conversation(&saying(
        r#"{"type":"document","title":"T","context":"C","citations":{"enabled":true},
            "source":{"type":"text","media_type":"text/plain","data":"D"}},
           {"type":"document","source":{"type":"content","content":"E"}},
           {"type":"document","source":{"type":"content","content":[{"type":"text","text":"F"},
            {"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}}"#,
    ));
    let words: Vec<String> = read.turns[0].parts.iter().map(|part| format!("{part:?}")).collect();
    let image = r#"Image(Url("https://example.com/a.png"))"#;
    let text = |text: &str| format!("Text({text:?})");
    assert_eq!(words, [text("T"), text("C"), text("D"), text("E"), text("F"), image.to_owned()]);
    assert_eq!(dropped(&read), ["citations"]);
}

#[test]
fn an_instruction_in_the_middle_stays_an_instruction() {
    let read = conversation(
        r#"{"max_tokens":5,"system":"a","messages":[{"role":"user","content":"u"},
            {"role":"system","content":[{"type":"text","text":"b"}]}]}"#,
    );
    assert_eq!((read.system.len(), read.system[1].as_str(), read.turns.len()), (2, "b", 1));
}

#[test]
fn only_a_block_of_its_own_is_an_attribution() {
    for system in [
        r#""system":"x-anthropic-billing-header: all of the prompt""#,
        r#""system":[{"type":"text","text":"a"},{"type":"text","text":"x-anthropic-billing-header: quoted"}]"#,
    ] {
        let read = conversation(&with(system));
        assert!(read.system.iter().any(|text| text.starts_with(ATTRIBUTION)), "{system}");
        assert_eq!(dropped(&read), [""; 0]);
    }
}

#[test]
fn how_much_to_think_is_read_from_both_places() {
    let table = [
        (r#""stream":null"#, Reasoning::Default, ""),
        (r#""thinking":{"type":"disabled"}"#, Reasoning::Off, ""),
        (r#""thinking":{"type":"between_tools"}"#, Reasoning::Off, ""),
        (r#""thinking":{"type":"adaptive","display":"omitted"}"#, Reasoning::Adaptive, "thinking.display"),
        (r#""thinking":{"type":"enabled","budget_tokens":2048}"#, Reasoning::Budget(2_048), ""),
        (r#""output_config":{"effort":"low"}"#, Reasoning::Effort(Effort::Low), ""),
        (r#""output_config":{"effort":null}"#, Reasoning::Default, ""),
        (
            r#""thinking":{"type":"enabled","budget_tokens":9},"output_config":{"effort":"high"}"#,
            Reasoning::Budget(9),
            "output_config.effort",
        ),
        (
            r#""thinking":{"type":"disabled"},"output_config":{"effort":"medium"}"#,
            Reasoning::Off,
            "output_config.effort",
        ),
    ];
    for (members, reasoning, left_out) in table {
        let read = conversation(&with(members));
        assert_eq!(read.reasoning, reasoning, "{members}");
        assert_eq!(dropped(&read).concat(), left_out, "{members}");
    }
}

#[test]
fn the_choice_of_a_tool_is_read() {
    let table = [
        (r#"{"type":"auto"}"#, ToolChoice::Auto, None),
        (r#"{"type":"any","disable_parallel_tool_use":true}"#, ToolChoice::Any, Some(false)),
        (r#"{"type":"tool","name":"t","disable_parallel_tool_use":false}"#, named("t"), Some(true)),
        (r#"{"type":"none"}"#, ToolChoice::Never, None),
    ];
    for (choice, expected, parallel) in table {
        let read = conversation(&with(&format!(r#""tool_choice":{choice}"#)));
        assert_eq!((read.tool_choice, read.parallel_tool_calls), (expected, parallel), "{choice}");
    }
}

fn named(name: &str) -> ToolChoice {
    ToolChoice::Named(name.to_owned())
}

#[test]
fn a_schema_of_the_answer_keeps_its_text_under_either_name() {
    let format = r#"{"type":"json_schema","schema":{"type":"object","z":1,"a":1.50}}"#;
    for members in
        [format!(r#""output_config":{{"format":{format}}}"#), format!(r#""output_format":{format}"#)]
    {
        let Format::Schema { name: None, schema, strict: Some(true) } = conversation(&with(&members)).format
        else {
            panic!("{members}");
        };
        assert_eq!(schema.get(), r#"{"type":"object","z":1,"a":1.50}"#);
    }
}

#[test]
fn hints_and_unknown_members_are_named_and_nothing_else() {
    let read = conversation(&with(
        r#""service_tier":"auto","speed":"fast","inference_geo":"us","betas":["b"],"diagnostics":null,
           "stop_sequences":["a"],"top_k":3,"top_p":0.5,"metadata":{"user_id":null,"x":1},"invented":{}"#,
    ));
    assert_eq!(dropped(&read), ["metadata.x", "betas", "inference_geo", "invented", "service_tier", "speed"]);
    assert_eq!((read.stop.len(), read.top_k, read.user), (1, Some(3), None));
}

#[test]
fn of_many_invented_names_few_are_kept() {
    let names: Vec<String> = (0..1_000).map(|name| format!(r#""x{name}":1"#)).collect();
    assert_eq!(conversation(&with(&names.join(","))).dropped.names().len(), 100);
}

#[test]
fn what_has_no_counterpart_is_refused_by_its_name() {
    let tool = |kind: &str| with(&format!(r#""tools":[{{"type":"{kind}","name":"x"}}]"#));
    let source = |kind: &str, source: &str| saying(&format!(r#"{{"type":"{kind}","source":{source}}}"#));
    let table = [
        (tool("web_search_20250305"), "the server tool `web_search_20250305`"),
        (tool("bash_20250124"), "the tool `bash_20250124`, which has no schema,"),
        (tool("browser_toolset_20260801"), "the tool `browser_toolset_20260801`, which has no schema,"),
        (with(r#""mcp_servers":[{"url":"u"}]"#), "`mcp_servers`"),
        (with(r#""container":"c""#), "`container`"),
        (with(r#""tool_choice":{"type":"best"}"#), "the tool choice `best`"),
        (with(r#""output_config":{"effort":"huge"}"#), "the effort `huge`"),
        (source("document", r#"{"type":"base64","data":"AAAA"}"#), "a document"),
        (source("document", r#"{"type":"file","file_id":"f"}"#), "a document"),
        (source("image", r#"{"type":"file","file_id":"f"}"#), "an image by the id of a file"),
        (saying(r#"{"type":"search_result","source":"s"}"#), "a search result"),
        (saying(r#"{"type":"container_upload","file_id":"f"}"#), "an uploaded file"),
        (
            saying(r#"{"type":"server_tool_use","name":"web_search","id":"s","input":{}}"#),
            "a call of the server tool `web_search`",
        ),
        (
            saying(r#"{"type":"web_search_tool_result","content":[]}"#),
            "what a server tool said (`web_search_tool_result`)",
        ),
        (saying(r#"{"type":"compaction","content":"c"}"#), "a content block of the type `compaction`"),
        (
            saying(
                r#"{"type":"tool_use","id":"a","name":"b","input":{},"caller":{"type":"code_execution"}}"#,
            ),
            "a tool that is called by code",
        ),
        (r#"{"max_tokens":0,"messages":[]}"#.to_owned(), "`max_tokens = 0`"),
    ];
    for (body, what) in table {
        assert_eq!(refused(&body), what, "{body}");
    }
}

#[test]
fn empty_lists_of_servers_and_own_schemas_are_no_reason_to_refuse() {
    let read = conversation(&with(
        r#""mcp_servers":[],"container":null,"tools":[{"type":"custom","name":"a","input_schema":{}},
           {"type":"bash_20250124","name":"b","input_schema":{"type":"object"}}]"#,
    ));
    assert_eq!(read.tools.len(), 2);
}

#[test]
fn arguments_that_are_no_object_are_an_empty_one() {
    for input in [r#","input":null"#, r#","input":"""#, r#","input":[1]"#, ""] {
        let body = saying(&format!(r#"{{"type":"tool_use","id":"a","name":"b"{input}}}"#));
        let read = conversation(&body);
        let Part::ToolCall(call) = &read.turns[0].parts[0] else { panic!("{read:?}") };
        assert_eq!(call.arguments.get(), "{}", "{input}");
    }
}

#[test]
fn malformed_bodies_are_refused_and_never_panic() {
    let deep = format!(r#"{{"messages":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let bodies = [
        "",
        "[]",
        "{",
        "{}",
        "null",
        r#"{"messages":5}"#,
        r#"{"messages":[5]}"#,
        r#"{"messages":[{"role":"tool","content":"x"}]}"#,
        r#"{"messages":[{"role":"user"}]}"#,
        r#"{"messages":[{"role":"user","content":[{}]}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":5}]}]}"#,
        r#"{"messages":[],"max_tokens":-1}"#,
        r#"{"messages":[],"temperature":"hot"}"#,
        deep.as_str(),
    ];
    for body in bodies {
        assert!(refused(body).starts_with("a malformed `"), "{body:.80}");
    }
}
