//! What answers in Anthropic's messages look like.

use pai_bundle::unit::Tokens;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{Failure, FailureKind};
use crate::sse::Splitter;

fn question() -> Question {
    Question { id: "r1".to_owned(), model: "asked".to_owned(), created: 0, stream_usage: false }
}

/// The events of the stream that is written.
fn stream(events: &[Event]) -> Vec<Value> {
    let (mut writer, mut text) = (Writer::new(question()), Vec::new());
    for event in events {
        writer.event(event, &mut text);
    }
    let mut all = Vec::new();
    Splitter::default().feed(&text, |event| {
        let data: Value = serde_json::from_slice(event.data).expect("json");
        assert_eq!(data["type"], event.name);
        all.push(data);
    });
    all
}

fn document(events: &[Event]) -> Value {
    serde_json::from_slice(&Writer::new(question()).document(events)).expect("json")
}

fn start() -> Event {
    Event::Start { id: Some("chatcmpl-1".to_owned()), model: Some("gpt-x".to_owned()) }
}

fn call(id: &str) -> Event {
    Event::Open(Block::ToolCall { id: id.to_owned(), name: "t".to_owned() })
}

fn said(text: &str) -> Event {
    Event::Delta(Delta::Text(text.to_owned()))
}

fn thought(text: &str) -> Event {
    Event::Delta(Delta::Thinking(text.to_owned()))
}

fn arguments(text: &str) -> Event {
    Event::Delta(Delta::Arguments(text.to_owned()))
}

fn sealed(maker: SealMaker) -> Event {
    Event::Delta(Delta::Seal(Seal { maker, value: "s".to_owned() }))
}

fn usage() -> Event {
    Event::Usage(Usage {
        input: Tokens(10),
        cache_write_5m: Tokens(1),
        cache_write_1h: Tokens(0),
        cache_read: Tokens(20),
        output: Tokens(7),
        web_searches: 0,
    })
}

/// What a provider of OpenAI's kind says: its counters come after everything else.
fn answer() -> Vec<Event> {
    vec![
        start(),
        Event::Open(Block::Thinking),
        thought("hm"),
        sealed(SealMaker::OpenAi),
        Event::Close,
        Event::Open(Block::Text),
        said("a"),
        said(""),
        said("b"),
        Event::Close,
        call("call.1"),
        sealed(SealMaker::Gemini),
        arguments("{\"z\":1.0,"),
        arguments("\"a\":2}"),
        Event::Close,
        call("call_2"),
        Event::Close,
        Event::Finish(Finish::Done),
        usage(),
        Event::End,
    ]
}

#[test]
fn a_stream_is_written_as_clients_read_it() {
    let counted = json!({"input_tokens": 10, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 20,
        "output_tokens": 7});
    let nothing = json!({"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        "output_tokens": 0});
    let begin = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta =
        |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let unsigned = json!({"type": "thinking", "thinking": "", "signature": ""});
    let signed = |signature: &str| json!({"type": "signature_delta", "signature": signature});
    let tool = |id: &str| json!({"type": "tool_use", "id": id, "name": "t", "input": {}});
    let expected = vec![
        json!({"type": "message_start", "message": {"id": "msg_r1", "type": "message", "role": "assistant",
            "model": "gpt-x", "content": [], "stop_reason": null, "stop_sequence": null, "usage": nothing}}),
        begin(0, unsigned.clone()),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, signed("pai:openai:s")),
        stop(0),
        begin(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "a"})),
        delta(1, json!({"type": "text_delta", "text": "b"})),
        stop(1),
        begin(2, unsigned),
        delta(2, signed("pai:call:pai_63616c6c2e31:pai:gemini:s")),
        stop(2),
        begin(3, tool("pai_63616c6c2e31")),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{\"z\":1.0,"})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "\"a\":2}"})),
        stop(3),
        begin(4, tool("call_2")),
        stop(4),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": counted}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(stream(&answer()), expected);
}

#[test]
fn a_document_has_what_the_stream_has() {
    let expected = json!({
        "id": "msg_r1", "type": "message", "role": "assistant", "model": "gpt-x",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "pai:openai:s"},
            {"type": "text", "text": "ab"},
            {"type": "thinking", "thinking": "", "signature": "pai:call:pai_63616c6c2e31:pai:gemini:s"},
            {"type": "tool_use", "id": "pai_63616c6c2e31", "name": "t", "input": {"z": 1.0, "a": 2}},
            {"type": "tool_use", "id": "call_2", "name": "t", "input": {}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 20,
            "output_tokens": 7},
    });
    assert_eq!(document(&answer()), expected);
    let text = String::from_utf8(Writer::new(question()).document(&answer())).expect("text");
    assert!(text.contains(r#""input":{"z":1.0,"a":2}"#), "arguments keep their text: {text}");
}

#[test]
fn anthropics_own_names_are_kept() {
    let named = [Event::Start { id: Some("msg_9".to_owned()), model: None }, Event::End];
    let message = &stream(&named)[0]["message"];
    assert_eq!((&message["id"], &message["model"]), (&json!("msg_9"), &json!("asked")));
}

#[test]
fn counters_that_are_known_at_the_beginning_stand_there() {
    let written = stream(&[start(), usage(), Event::Open(Block::Text)]);
    assert_eq!(written[0]["message"]["usage"]["input_tokens"], 10);
}

#[test]
fn writes_for_an_hour_are_told_apart() {
    let used =
        Usage { cache_write_5m: Tokens(3), cache_write_1h: Tokens(4), web_searches: 2, ..Usage::default() };
    let written = document(&[start(), Event::Usage(used), Event::End]);
    assert_eq!(written["usage"]["cache_creation_input_tokens"], 7);
    let split = json!({"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4});
    assert_eq!(written["usage"]["cache_creation"], split);
    assert_eq!(written["usage"]["server_tool_use"], json!({"web_search_requests": 2}));
}

#[test]
fn every_reason_is_told() {
    let table = [
        (Finish::Done, "end_turn", Value::Null),
        (Finish::MaxOutput, "max_tokens", Value::Null),
        (Finish::Stop(Some("END".to_owned())), "stop_sequence", json!("END")),
        (Finish::Stop(None), "stop_sequence", Value::Null),
        (Finish::Refused, "refusal", Value::Null),
        (Finish::ContextFull, "model_context_window_exceeded", Value::Null),
    ];
    for (finish, reason, sequence) in table {
        let events = [start(), Event::Finish(finish), Event::End];
        let [.., delta, _] = &stream(&events)[..] else { panic!("a short stream") };
        assert_eq!(delta["delta"], json!({"stop_reason": reason, "stop_sequence": sequence}));
        assert_eq!(document(&events)["stop_reason"], reason);
    }
}

#[test]
fn an_error_is_the_last_thing_that_is_said() {
    let failure = Failure { kind: FailureKind::Overloaded, message: "busy".to_owned() };
    let events = [start(), Event::Open(Block::Text), said("a"), Event::Error(failure), said("b"), Event::End];
    let written = stream(&events);
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    assert_eq!(written.last(), Some(&error));
    assert_eq!(document(&events)["error"], error["error"]);
}

#[test]
fn thoughts_that_only_anthropic_can_read_are_a_block_of_their_own() {
    let events = [
        start(),
        Event::Open(Block::Thinking),
        sealed(SealMaker::AnthropicRedacted),
        Event::Close,
        Event::End,
    ];
    let block = json!({"type": "redacted_thinking", "data": "s"});
    assert_eq!(stream(&events)[1]["content_block"], block);
    assert_eq!(document(&events)["content"], json!([block]));
}

#[test]
fn thoughts_that_nobody_has_sealed_say_so() {
    let events = [start(), Event::Open(Block::Thinking), thought("hm"), Event::Close, Event::End];
    assert_eq!(stream(&events)[3]["delta"]["signature"], "pai:unsealed");
    assert_eq!(document(&events)["content"][0]["signature"], "pai:unsealed");
}

#[test]
fn a_calls_seal_that_comes_late_is_not_lost() {
    let events = [start(), call("c"), arguments("{}"), sealed(SealMaker::Gemini), Event::Close, Event::End];
    assert_eq!(stream(&events)[5]["delta"]["signature"], "pai:call:c:pai:gemini:s");
    assert_eq!(document(&events)["content"][0]["signature"], "pai:call:c:pai:gemini:s");
}

#[test]
fn blocks_that_say_nothing_are_not_written() {
    let events = [
        start(),
        Event::Open(Block::Text),
        Event::Close,
        Event::Open(Block::Thinking),
        Event::Close,
        Event::End,
    ];
    assert_eq!(stream(&events).len(), 3);
    assert_eq!(document(&events)["content"], json!([]));
}

#[test]
fn arguments_that_are_no_object_are_an_empty_one() {
    for text in ["", "[1]", "{\"a\":", "nonsense"] {
        let written = document(&[start(), call("c"), arguments(text), Event::Close, Event::End]);
        assert_eq!(written["content"][0]["input"], json!({}), "{text}");
    }
}

/// Whether a stream is one that clients can read: <https://platform.claude.com/docs/en/build-with-claude/streaming>.
fn check(stream: &[Value]) {
    let (mut index, mut open) = (0, None);
    for (at, event) in stream.iter().enumerate() {
        let rest = stream.len() - at - 1;
        match event["type"].as_str().expect("a type") {
            "message_start" => assert_eq!(at, 0),
            "content_block_start" => {
                assert_eq!((event["index"].as_u64(), open.take()), (Some(index), None));
                open = event["content_block"]["type"].as_str();
            }
            "content_block_delta" => {
                assert_eq!(event["index"].as_u64(), Some(index));
                let fits = match event["delta"]["type"].as_str().expect("a type") {
                    "text_delta" => open == Some("text"),
                    "input_json_delta" => open == Some("tool_use"),
                    _ => open == Some("thinking"),
                };
                assert!(fits, "{event} in {open:?}");
            }
            "content_block_stop" => {
                assert!(open.take().is_some());
                assert_eq!(event["index"].as_u64(), Some(index));
                index += 1;
            }
            "message_delta" => assert_eq!((rest, open), (1, None)),
            "message_stop" | "error" => assert_eq!(rest, 0),
            other => panic!("{other}"),
        }
        assert!(at > 0 || matches!(event["type"].as_str(), Some("message_start" | "error")));
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    prop::sample::select(vec![
        start(),
        Event::Open(Block::Text),
        Event::Open(Block::Thinking),
        call("c"),
        call("d.e"),
        said("a"),
        said(""),
        thought("b"),
        arguments("{}"),
        sealed(SealMaker::Anthropic),
        sealed(SealMaker::AnthropicRedacted),
        sealed(SealMaker::Gemini),
        Event::Close,
        Event::Close,
        usage(),
        Event::Finish(Finish::MaxOutput),
    ])
}

proptest! {
    #[test]
    fn events_in_any_order_give_a_stream_that_clients_can_read(
        mut events in prop::collection::vec(any_event(), 0..24),
        breaks in any::<bool>(),
        more in prop::collection::vec(any_event(), 0..3),
    ) {
        let failure = Failure { kind: FailureKind::Internal, message: String::new() };
        events.push(if breaks { Event::Error(failure) } else { Event::End });
        events.extend(more);
        let written = stream(&events);
        check(&written);
        let last = written.last().map(|event| event["type"].clone());
        prop_assert_eq!(last, Some(json!(if breaks { "error" } else { "message_stop" })));
        document(&events);
    }
}
