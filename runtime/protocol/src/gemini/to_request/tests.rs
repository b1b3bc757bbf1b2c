//! What requests in Google's dialect look like.

use pai_bundle::provider::ProviderKind;
use serde_json::{Value, json};

use super::*;
use crate::conversation::{Effort, Image, Part, Reasoning, ResultPart, Speaker, ToolCall, ToolResult, Turn};
use crate::dialect::Dialect;
use crate::event::{Seal, SealMaker};

const NEW: &str = "gemini-3.7-flash";
const OLD: &str = "gemini-2.5-flash";

fn text(conversation: &mut Conversation, model: &str) -> Result<String, Untranslatable> {
    let target = Target { dialect: Dialect::Gemini, kind: ProviderKind::Gemini, model, max_output: 8_000 };
    write(conversation, &target).map(|body| String::from_utf8(body).expect("text"))
}

fn body(conversation: &mut Conversation, model: &str) -> Value {
    serde_json::from_str(&text(conversation, model).expect("a request")).expect("json")
}

fn refused(mut conversation: Conversation, model: &str) -> String {
    text(&mut conversation, model).expect_err("untranslatable").what
}

fn raw(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).expect("json")
}

fn words(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn thought(text: &str, maker: SealMaker, seal: &str) -> Part {
    let seal = (!seal.is_empty()).then(|| Seal { maker, value: seal.to_owned() });
    Part::Thinking { text: text.to_owned(), seal }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: raw(arguments),
        seal: None,
    })
}

fn result(id: &str, parts: Vec<ResultPart>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { call_id: id.to_owned(), parts, is_error })
}

fn said(text: &str) -> Vec<ResultPart> {
    vec![ResultPart::Text(text.to_owned())]
}

fn image(media_type: &str) -> Image {
    Image::Inline { media_type: media_type.to_owned(), data: "AAAA".to_owned() }
}

fn user(parts: Vec<Part>) -> Turn {
    Turn { speaker: Speaker::User, parts }
}

fn assistant(parts: Vec<Part>) -> Turn {
    Turn { speaker: Speaker::Assistant, parts }
}

fn turns(turns: Vec<Turn>) -> Conversation {
    Conversation { turns, ..Conversation::default() }
}

fn hello() -> Conversation {
    turns(vec![user(vec![words("hello")])])
}

fn tool(name: &str, schema: &str) -> Tool {
    Tool { name: name.to_owned(), description: Some("d".to_owned()), schema: Some(raw(schema)), strict: None }
}

#[test]
fn a_conversation_goes_on_in_the_middle_of_a_loop_of_tools() {
    let mut conversation = turns(vec![
        user(vec![words("read both")]),
        assistant(vec![
            thought("elsewhere", SealMaker::Anthropic, "x"),
            words("I will."),
            call("toolu_1", "read", r#"{"path":"a","n":1.50}"#),
            call("toolu_2", "read", r#"{"path":"b"}"#),
        ]),
        user(vec![result("toolu_1", said("A"), false), result("toolu_2", said("gone"), true)]),
        user(vec![words(""), words("go on")]),
    ]);
    conversation.system = vec!["be brief".to_owned(), String::new()];
    let mut calls = json!([
        { "text": "I will." },
        { "functionCall": { "id": "toolu_1", "name": "read", "args": { "path": "a", "n": 1.50 } } },
        { "functionCall": { "id": "toolu_2", "name": "read", "args": { "path": "b" } } },
    ]);
    let expected = |calls: &Value| {
        json!({
            "systemInstruction": { "parts": [{ "text": "be brief" }] },
            "contents": [
                { "role": "user", "parts": [{ "text": "read both" }] },
                { "role": "model", "parts": calls },
                { "role": "user", "parts": [
                    { "functionResponse": { "id": "toolu_1", "name": "read", "response": { "output": "A" } } },
                    { "functionResponse": { "id": "toolu_2", "name": "read", "response": { "error": "gone" } } },
                    { "text": "go on" },
                ] },
            ],
            "generationConfig": { "maxOutputTokens": 8_000 },
        })
    };
    assert_eq!(body(&mut conversation.clone(), OLD), expected(&calls));
    // The first of the calls needs a seal where Google looks for one.
    calls[1]["thoughtSignature"] = json!("skip_thought_signature_validator");
    assert_eq!(body(&mut conversation, NEW), expected(&calls));
    assert_eq!(conversation.dropped.names(), ["thinking"]);
}

#[test]
fn a_seal_goes_back_on_the_part_that_follows_it() {
    let mut own = call("c3", "f", "{}");
    if let Part::ToolCall(call) = &mut own {
        call.seal = Some(Seal { maker: SealMaker::Gemini, value: "own".to_owned() });
    }
    let mut conversation = turns(vec![
        user(vec![words("u")]),
        assistant(vec![
            thought("hm", SealMaker::Gemini, "s1"),
            call("c1", "f", "{}"),
            call("c2", "f", "{}"),
            thought("", SealMaker::Gemini, "s2"),
            words("w"),
            own,
            thought("", SealMaker::Gemini, "s3"),
            thought("", SealMaker::Gemini, "s4"),
        ]),
        user(vec![result("c1", said("r"), false)]),
    ]);
    let written = body(&mut conversation, NEW);
    let function_call = |id: &str| json!({ "id": id, "name": "f", "args": {} });
    assert_eq!(
        written["contents"][1]["parts"],
        json!([
            { "functionCall": function_call("c1"), "thoughtSignature": "s1" },
            { "functionCall": function_call("c2") },
            { "text": "w", "thoughtSignature": "s2" },
            { "functionCall": function_call("c3"), "thoughtSignature": "own" },
            { "text": "", "thoughtSignature": "s3" },
            { "text": "", "thoughtSignature": "s4" },
        ])
    );
    assert!(conversation.dropped.names().is_empty());
}

#[test]
fn a_picture_in_a_result_stands_where_the_model_takes_it() {
    let mut conversation = turns(vec![
        user(vec![words("look"), Part::Image(image("image/jpeg"))]),
        assistant(vec![call("c", "see", "{}")]),
        user(vec![result("c", vec![ResultPart::Image(image("image/png"))], false)]),
    ]);
    let blob = json!({ "inlineData": { "mimeType": "image/png", "data": "AAAA" } });
    let within = json!({ "id": "c", "name": "see", "response": { "output": "" }, "parts": [blob.clone()] });
    assert_eq!(
        body(&mut conversation.clone(), NEW)["contents"][2]["parts"],
        json!([{ "functionResponse": within }])
    );
    let alone = json!({ "id": "c", "name": "see", "response": { "output": "" } });
    let old = body(&mut conversation, OLD);
    assert_eq!(old["contents"][2]["parts"], json!([{ "functionResponse": alone }, blob]));
    assert_eq!(
        old["contents"][0]["parts"][1],
        json!({ "inlineData": { "mimeType": "image/jpeg", "data": "AAAA" } })
    );
}

#[test]
fn what_a_tool_said_stays_a_string_even_where_it_is_json() {
    let mut conversation = turns(vec![
        user(vec![words("u")]),
        assistant(vec![call("c", "f", "{}")]),
        user(vec![result(
            "c",
            vec![ResultPart::Text("{\"$ref\":\"#/a\"}".to_owned()), ResultPart::Text("b".to_owned())],
            false,
        )]),
    ]);
    assert_eq!(
        body(&mut conversation, OLD)["contents"][2]["parts"][0]["functionResponse"]["response"],
        json!({ "output": "{\"$ref\":\"#/a\"}\nb" })
    );
}

#[test]
fn schemas_and_arguments_keep_their_text() {
    let schema = r#"{"type":"object", "properties":{"z":{"$schema":"inner","minimum":1.0},"a":{}}, "additionalProperties":false}"#;
    let mut conversation = hello();
    conversation.tools = vec![tool("f", schema)];
    let plain = text(&mut conversation.clone(), OLD).expect("a request");
    assert!(plain.contains(&format!(r#""parametersJsonSchema":{schema}"#)), "{plain}");
    // What names the dialect of the schema goes, the order stays.
    conversation.tools =
        vec![tool("f", &schema.replacen('{', "{\"$schema\":\"https://json-schema.org\",", 1))];
    let without = text(&mut conversation, OLD).expect("a request");
    assert!(
        without.contains(
            r#"{"type":"object","properties":{"z":{"$schema":"inner","minimum":1.0},"a":{}},"additionalProperties":false}"#
        ),
        "{without}"
    );
}

#[test]
fn a_choice_among_tools_is_said_in_googles_modes() {
    let table = [
        (ToolChoice::Auto, None, Value::Null),
        (ToolChoice::Auto, Some(true), json!({ "mode": "VALIDATED" })),
        (ToolChoice::Never, None, json!({ "mode": "NONE" })),
        (ToolChoice::Any, Some(true), json!({ "mode": "ANY" })),
        (ToolChoice::Named("g".to_owned()), None, json!({ "mode": "ANY", "allowedFunctionNames": ["g"] })),
    ];
    for (choice, strict, expected) in table {
        let mut conversation = hello();
        conversation.tools = vec![tool("f", "{}"), Tool { strict, ..tool("g", "{}") }];
        conversation.tool_choice = choice.clone();
        assert_eq!(
            body(&mut conversation, OLD)["toolConfig"]["functionCallingConfig"],
            expected,
            "{choice:?}"
        );
    }
}

#[test]
fn how_to_answer_is_said_in_googles_words() {
    let mut conversation = Conversation {
        max_output: Some(9_000),
        temperature: serde_json::Number::from_f64(0.5),
        top_p: serde_json::Number::from_f64(0.9),
        top_k: Some(40),
        stop: vec!["END".to_owned()],
        format: Format::Schema {
            name: Some("n".to_owned()),
            schema: raw(r#"{"type":"object"}"#),
            strict: Some(true),
        },
        reasoning: Reasoning::Effort(Effort::Low),
        parallel_tool_calls: Some(false),
        user: Some("u".to_owned()),
        stream: true,
        ..hello()
    };
    let expected = json!({
        "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }],
        "generationConfig": {
            "maxOutputTokens": 8_000,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": { "type": "object" },
            "thinkingConfig": { "thinkingBudget": 1_024, "includeThoughts": true },
        },
    });
    assert_eq!(body(&mut conversation, OLD), expected);
    assert_eq!(conversation.dropped.names(), ["user"]);
    conversation.format = Format::Json;
    conversation.max_output = Some(7);
    conversation.tools = vec![tool("f", "{}")];
    let config = body(&mut conversation, NEW)["generationConfig"].take();
    assert_eq!(
        (&config["maxOutputTokens"], &config["responseMimeType"]),
        (&json!(7), &json!("application/json"))
    );
    assert_eq!(config["responseJsonSchema"], Value::Null);
    assert_eq!(conversation.dropped.names(), ["user", "parallel_tool_calls"]);
}

#[test]
fn instructions_alone_are_said_by_the_user() {
    let mut conversation = Conversation { system: vec!["do it".to_owned()], ..Conversation::default() };
    assert_eq!(
        body(&mut conversation, OLD),
        json!({
            "contents": [{ "role": "user", "parts": [{ "text": "do it" }] }],
            "generationConfig": { "maxOutputTokens": 8_000 },
        })
    );
}

#[test]
fn what_cannot_be_said_is_refused_before_anything_is_sent() {
    let with = |part: Part| turns(vec![user(vec![part])]);
    let prefilled = turns(vec![user(vec![words("u")]), assistant(vec![words("The answer is")])]);
    let orphan = with(result("nobody", said("r"), false));
    let mut tools_and_json = hello();
    tools_and_json.tools = vec![tool("f", "{}")];
    tools_and_json.format = Format::Json;
    let stops = Conversation { stop: vec!["s".to_owned(); 6], ..hello() };
    let chosen = Conversation { tool_choice: ToolChoice::Named("f".to_owned()), ..hello() };
    let odd_name = Conversation { tools: vec![tool("1st", "{}")], ..hello() };
    let table = [
        (prefilled, "an answer that goes on with the last message of the assistant"),
        (with(Part::Image(Image::Url("https://example.com/a.png".to_owned()))), "an image by URL"),
        (with(Part::Image(image("image/gif"))), "an image of the type `image/gif`"),
        (orphan, "the result of a tool call that is not in the conversation"),
        (tools_and_json, "an answer in JSON together with tools"),
        (stops, "more than 5 stop sequences"),
        (chosen, "the choice of a tool that is not among the tools"),
        (odd_name, "a tool of the name `1st`"),
        (with(words("")), "a conversation without words"),
    ];
    for (conversation, what) in table {
        assert_eq!(refused(conversation, OLD), what);
    }
}
