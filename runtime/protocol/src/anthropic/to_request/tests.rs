//! What requests in Anthropic's messages look like.

use pai_bundle::provider::ProviderKind;
use serde_json::{Value, json};

use super::*;
use crate::conversation::{
    Effort, Image, Part, Reasoning, ResultPart, Speaker, Tool, ToolCall, ToolChoice, ToolResult, Turn,
};
use crate::dialect::Dialect;
use crate::event::{Seal, SealMaker};

const OLD: &str = "claude-sonnet-4-5";
const NEW: &str = "claude-sonnet-5";

fn json(text: &str) -> Box<RawValue> {
    serde_json::from_str(text).expect("json")
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn turn(speaker: Speaker, parts: Vec<Part>) -> Turn {
    Turn { speaker, parts }
}

fn call(id: &str, arguments: &str) -> Part {
    let (id, name) = (id.to_owned(), "read".to_owned());
    Part::ToolCall(ToolCall { id, name, arguments: json(arguments), seal: None })
}

fn result(id: &str, said: &str) -> Part {
    let parts = vec![ResultPart::Text(said.to_owned())];
    Part::ToolResult(ToolResult { call_id: id.to_owned(), parts, is_error: false })
}

fn sealed(maker: SealMaker) -> Part {
    let seal = Some(Seal { maker, value: "s".to_owned() });
    Part::Thinking { text: "t".to_owned(), seal }
}

fn asking(turns: Vec<Turn>) -> Conversation {
    Conversation { turns, ..Conversation::default() }
}

fn hi() -> Conversation {
    asking(vec![turn(Speaker::User, vec![text("hi")])])
}

fn tool() -> Tool {
    Tool { name: "read".to_owned(), description: None, schema: None, strict: None }
}

fn said(asked: &mut Conversation, model: &str) -> Result<String, Untranslatable> {
    let target =
        Target { dialect: Dialect::Messages, kind: ProviderKind::Anthropic, model, max_output: 16_000 };
    write(asked, &target).map(|body| String::from_utf8(body).expect("text"))
}

fn body(asked: &mut Conversation, model: &str) -> Value {
    serde_json::from_str(&said(asked, model).expect("a body")).expect("json")
}

fn dropped(asked: &Conversation) -> Vec<&str> {
    asked.dropped.names().iter().map(AsRef::as_ref).collect()
}

#[test]
fn a_loop_of_tools_is_written_as_the_api_wants_it() {
    let mut asked = asking(vec![
        turn(Speaker::User, vec![text("a")]),
        turn(Speaker::User, vec![text(""), text("b")]),
        turn(Speaker::Assistant, vec![text(" "), sealed(SealMaker::OpenAi), text("c")]),
        turn(Speaker::Assistant, vec![call("call_1", r#"{"z":1.0,"a":2}"#), call("x:2", "{}")]),
        turn(Speaker::User, vec![text("and")]),
        turn(Speaker::User, vec![result("call_1", "one"), result("x:2", "")]),
    ]);
    asked.system = vec!["s".to_owned(), String::new()];
    asked.stream = true;
    asked.user = Some("u".to_owned());
    asked.stop = vec!["END".to_owned()];
    asked.tools = vec![Tool { schema: Some(json(r#"{"type":"object","z":1,"a":2}"#)), ..tool() }];
    let expected = concat!(
        r#"{"model":"claude-sonnet-5","max_tokens":16000,"system":[{"type":"text","text":"s"}],"messages":["#,
        r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},"#,
        r#"{"role":"assistant","content":[{"type":"text","text":"c"},"#,
        r#"{"type":"tool_use","id":"call_1","name":"read","input":{"z":1.0,"a":2}},"#,
        r#"{"type":"tool_use","id":"pai_783a32","name":"read","input":{}}]},"#,
        r#"{"role":"user","content":["#,
        r#"{"type":"tool_result","tool_use_id":"call_1","content":[{"type":"text","text":"one"}]},"#,
        r#"{"type":"tool_result","tool_use_id":"pai_783a32"},{"type":"text","text":"and"}]}],"#,
        r#""tools":[{"name":"read","input_schema":{"type":"object","z":1,"a":2}}],"#,
        r#""stop_sequences":["END"],"metadata":{"user_id":"u"},"stream":true}"#,
    );
    assert_eq!(said(&mut asked, NEW).expect("a body"), expected);
    assert_eq!(dropped(&asked), ["thinking"]);
}

#[test]
fn anthropics_own_thoughts_go_back_and_those_of_others_do_not() {
    let mut asked = asking(vec![
        turn(Speaker::User, vec![text("a")]),
        turn(
            Speaker::Assistant,
            vec![
                sealed(SealMaker::Gemini),
                sealed(SealMaker::Anthropic),
                sealed(SealMaker::AnthropicRedacted),
                Part::Thinking { text: "t".to_owned(), seal: None },
                text("b"),
            ],
        ),
        turn(Speaker::User, vec![text("c")]),
    ]);
    assert_eq!(
        body(&mut asked, NEW)["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "redacted_thinking", "data": "s"},
            {"type": "text", "text": "b"},
        ])
    );
    assert_eq!(dropped(&asked), ["thinking"]);
}

#[test]
fn never_more_output_is_asked_for_than_the_model_has() {
    for (asked_for, expected) in [(None, 16_000), (Some(5), 5), (Some(64_000), 16_000)] {
        let mut asked = Conversation { max_output: asked_for, ..hi() };
        assert_eq!(body(&mut asked, NEW)["max_tokens"], expected);
    }
}

#[test]
fn thinking_is_asked_for_as_the_model_takes_it() {
    let (adaptive, none) = (json!({"type": "adaptive"}), Value::Null);
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let effort = Reasoning::Effort;
    let table = [
        (NEW, Reasoning::Default, none.clone(), none.clone()),
        (NEW, Reasoning::Off, json!({"type": "disabled"}), none.clone()),
        (NEW, Reasoning::Adaptive, adaptive.clone(), none.clone()),
        (NEW, effort(Effort::Minimal), adaptive.clone(), json!("low")),
        (NEW, effort(Effort::Medium), adaptive.clone(), json!("medium")),
        (NEW, effort(Effort::Max), adaptive.clone(), json!("xhigh")),
        (NEW, Reasoning::Budget(8_000), adaptive.clone(), json!("medium")),
        ("claude-sonnet-5-5", Reasoning::Off, json!({"type": "between_tools"}), none.clone()),
        ("claude-fable-5-1", Reasoning::Off, none.clone(), none.clone()),
        ("claude-opus-4-6", effort(Effort::Max), adaptive.clone(), json!("max")),
        (OLD, effort(Effort::Low), budget(2_048), none.clone()),
        (OLD, effort(Effort::Max), budget(8_000), none.clone()),
        (OLD, Reasoning::Adaptive, budget(8_000), none.clone()),
        (OLD, Reasoning::Budget(50_000), budget(15_999), none.clone()),
        (OLD, Reasoning::Budget(5), budget(1_024), none.clone()),
        (OLD, Reasoning::Off, json!({"type": "disabled"}), none.clone()),
        ("claude-3-5-haiku-20241022", effort(Effort::High), none.clone(), none.clone()),
        ("kimi-k3", effort(Effort::Low), budget(2_048), none.clone()),
    ];
    for (model, reasoning, thinking, effort) in table {
        let mut asked = Conversation { reasoning, ..hi() };
        let body = body(&mut asked, model);
        assert_eq!(body["thinking"], thinking, "{model} {reasoning:?}");
        assert_eq!(body["output_config"]["effort"], effort, "{model} {reasoning:?}");
        let is_lost = thinking.is_null() && reasoning != Reasoning::Default;
        assert_eq!(dropped(&asked).contains(&"reasoning"), is_lost, "{model} {reasoning:?}");
    }
}

#[test]
fn a_budget_leaves_room_for_the_answer_or_is_not_asked_for() {
    for (max_output, expected) in [(2_048, Some(1_024)), (2_047, None), (3_000, Some(1_500))] {
        let mut asked =
            Conversation { max_output: Some(max_output), reasoning: Reasoning::Effort(Effort::High), ..hi() };
        assert_eq!(body(&mut asked, OLD)["thinking"]["budget_tokens"].as_u64(), expected);
    }
}

#[test]
fn no_thinking_is_asked_for_where_the_api_would_refuse_it() {
    let forced = |choice| Conversation {
        reasoning: Reasoning::Effort(Effort::High),
        tools: vec![tool()],
        tool_choice: choice,
        ..hi()
    };
    for choice in [ToolChoice::Any, ToolChoice::Named("read".to_owned())] {
        let mut asked = forced(choice);
        let body = body(&mut asked, NEW);
        assert_eq!((body["thinking"].clone(), dropped(&asked)), (Value::Null, vec!["reasoning"]));
    }
    assert!(!body(&mut forced(ToolChoice::Auto), NEW)["thinking"].is_null());

    // A loop of tools that another provider began.
    let interrupted = |thoughts: Vec<Part>| {
        let mut parts = thoughts;
        parts.push(call("c", "{}"));
        let mut asked = asking(vec![
            turn(Speaker::User, vec![text("a")]),
            turn(Speaker::Assistant, parts),
            turn(Speaker::User, vec![result("c", "r")]),
        ]);
        asked.reasoning = Reasoning::Effort(Effort::High);
        asked
    };
    assert!(body(&mut interrupted(vec![sealed(SealMaker::OpenAi)]), OLD)["thinking"].is_null());
    assert!(!body(&mut interrupted(vec![sealed(SealMaker::Anthropic)]), OLD)["thinking"].is_null());
    assert!(!body(&mut interrupted(Vec::new()), NEW)["thinking"].is_null());
}

#[test]
fn sampling_is_only_what_the_client_said_and_the_model_takes() {
    let number = |value: f64| Number::from_f64(value);
    let table = [
        (OLD, Reasoning::Default, [number(0.5), None], json!([0.5, null, 3]), ""),
        (OLD, Reasoning::Default, [number(0.5), number(0.9)], json!([0.5, null, 3]), "top_p"),
        (OLD, Reasoning::Default, [None, number(0.9)], json!([null, 0.9, 3]), ""),
        (OLD, Reasoning::Default, [number(1.7), None], json!([1, null, 3]), "temperature"),
        (OLD, Reasoning::Budget(2_000), [number(0.5), None], json!([null, null, null]), "temperature top_k"),
        (OLD, Reasoning::Off, [number(0.5), None], json!([0.5, null, 3]), ""),
        (NEW, Reasoning::Default, [None, number(0.9)], json!([null, null, null]), "top_p top_k"),
    ];
    for (model, reasoning, [temperature, top_p], expected, left_out) in table {
        let mut asked = Conversation { reasoning, temperature, top_p, top_k: Some(3), ..hi() };
        let body = body(&mut asked, model);
        assert_eq!(json!([body["temperature"], body["top_p"], body["top_k"]]), expected);
        assert_eq!(dropped(&asked).join(" "), left_out);
    }
    assert_eq!(body(&mut hi(), OLD).get("temperature"), None);
}

#[test]
fn the_form_of_the_answer_is_asked_for() {
    let schema = || Format::Schema {
        name: Some("n".to_owned()),
        schema: json(r#"{"type":"object","z":1,"a":1.50}"#),
        strict: None,
    };
    let written = said(&mut Conversation { format: schema(), ..hi() }, NEW).expect("a body");
    assert!(
        written.contains(
            r#""output_config":{"format":{"type":"json_schema","schema":{"type":"object","z":1,"a":1.50}}}"#
        ),
        "{written}"
    );
    let refused = said(&mut Conversation { format: schema(), ..hi() }, "claude-opus-4-1");
    assert_eq!(refused.expect_err("no such feature").what, "an answer of a JSON schema");
    let mut any = Conversation { format: Format::Json, ..hi() };
    assert_eq!(body(&mut any, NEW)["system"], json!([{"type": "text", "text": ANY_JSON}]));
    assert_eq!(dropped(&any), ["response_format"]);
}

#[test]
fn tools_get_the_type_that_their_schema_lacks() {
    let table = [
        (None, r#"{"type":"object"}"#),
        (Some("{}"), r#"{"type":"object"}"#),
        (Some(r#"{ "z":1,"a":2}"#), r#"{"type":"object", "z":1,"a":2}"#),
        (Some(r#"{"z":1,"type":"object"}"#), r#"{"z":1,"type":"object"}"#),
    ];
    for (schema, expected) in table {
        let tools = vec![Tool { schema: schema.map(json), strict: Some(true), ..tool() }];
        let written = said(&mut Conversation { tools, ..hi() }, NEW).expect("a body");
        let tool = format!(r#""tools":[{{"name":"read","input_schema":{expected},"strict":true}}]"#);
        assert!(written.contains(&tool), "{written}");
    }
    let tools = vec![Tool { schema: Some(json("true")), ..tool() }];
    assert!(said(&mut Conversation { tools, ..hi() }, NEW).is_err());
}

#[test]
fn the_choice_of_a_tool_is_written_where_there_are_tools() {
    let table = [
        (ToolChoice::Auto, None, Value::Null),
        (ToolChoice::Auto, Some(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (ToolChoice::Any, Some(true), json!({"type": "any"})),
        (ToolChoice::Never, Some(false), json!({"type": "none"})),
        (ToolChoice::Named("read".to_owned()), None, json!({"type": "tool", "name": "read"})),
    ];
    for (tool_choice, parallel_tool_calls, expected) in table {
        let mut asked = Conversation { tool_choice, parallel_tool_calls, tools: vec![tool()], ..hi() };
        assert_eq!(body(&mut asked, NEW)["tool_choice"], expected);
        asked.tools.clear();
        assert_eq!(body(&mut asked, NEW)["tool_choice"], Value::Null);
    }
}

#[test]
fn pictures_are_written_and_others_than_the_api_takes_are_refused() {
    let inline = |media_type: &str| {
        let (media_type, data) = (media_type.to_owned(), "AAAA".to_owned());
        asking(vec![turn(Speaker::User, vec![Part::Image(Image::Inline { media_type, data })])])
    };
    let source = json!({"type": "base64", "media_type": "image/png", "data": "AAAA"});
    assert_eq!(
        body(&mut inline("image/png"), NEW)["messages"][0]["content"],
        json!([{"type": "image", "source": source}])
    );
    let refused = said(&mut inline("image/tiff"), NEW).expect_err("an odd image");
    assert_eq!(refused.what, "an image of the type `image/tiff`");
}

#[test]
fn what_cannot_be_said_is_refused() {
    let stop = Conversation { stop: vec!["\n".to_owned()], ..hi() };
    let prefilled = asking(vec![
        turn(Speaker::User, vec![text("a")]),
        turn(Speaker::Assistant, vec![text("Once")]),
        turn(Speaker::User, vec![text("")]),
    ]);
    let table = [
        (stop, "a stop sequence of nothing but white space"),
        (prefilled, "an answer that goes on from the assistant's own words"),
        (asking(Vec::new()), "a conversation without words"),
    ];
    for (mut asked, what) in table {
        assert_eq!(said(&mut asked, NEW).expect_err(what).what, what);
    }
}

#[test]
fn a_tool_that_failed_without_a_word_says_so() {
    let failed = ToolResult { call_id: "c".to_owned(), parts: Vec::new(), is_error: true };
    let mut asked = asking(vec![
        turn(Speaker::User, vec![text("a")]),
        turn(Speaker::Assistant, vec![call("c", "{}")]),
        turn(Speaker::User, vec![Part::ToolResult(failed)]),
    ]);
    let content = json!([{"type": "text", "text": "The tool failed."}]);
    assert_eq!(body(&mut asked, NEW)["messages"][2]["content"][0]["content"], content);
}
