//! What answers of Anthropic's messages are read into.

use pai_bundle::unit::Tokens;

use super::*;
use crate::event::{Failure, FailureKind};
use crate::sse::Splitter;

fn events(stream: &str) -> Vec<Event> {
    let (mut reader, mut splitter, mut found) = (Reader::default(), Splitter::default(), Vec::new());
    splitter.feed(stream.as_bytes(), |event| reader.event(&event, &mut found));
    reader.end(&mut found);
    found
}

fn stream(events: &[(&str, &str)]) -> String {
    let texts: Vec<String> =
        events.iter().map(|(name, data)| format!("event: {name}\ndata: {data}\n\n")).collect();
    texts.concat()
}

fn usage(input: u64, output: u64) -> Event {
    Event::Usage(Usage { input: Tokens(input), output: Tokens(output), ..Usage::default() })
}

fn said(text: &str) -> Event {
    Event::Delta(Delta::Text(text.to_owned()))
}

fn nameless() -> Event {
    Event::Start { id: None, model: None }
}

const START: (&str, &str) = (
    "message_start",
    concat!(
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","#,
        r#""content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#
    ),
);
const STOP: (&str, &str) = ("message_stop", r#"{"type":"message_stop"}"#);

#[test]
fn a_stream_is_read_step_by_step() {
    let text = stream(&[
        START,
        ("ping", r#"{"type":"ping"}"#),
        (
            "content_block_start",
            r#"{"index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        ),
        ("content_block_delta", r#"{"index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#),
        ("content_block_delta", r#"{"index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}"#),
        ("content_block_stop", r#"{"index":0}"#),
        (
            "content_block_start",
            r#"{"index":1,"content_block":{"type":"redacted_thinking","data":"opaque"}}"#,
        ),
        ("content_block_stop", r#"{"index":1}"#),
        ("content_block_start", r#"{"index":2,"content_block":{"type":"text","text":""}}"#),
        ("content_block_delta", r#"{"index":2,"delta":{"type":"text_delta","text":"a"}}"#),
        ("content_block_delta", r#"{"index":2,"delta":{"type":"citations_delta","citation":{"x":1}}}"#),
        ("content_block_delta", r#"{"index":2,"delta":{"type":"to_be_invented","text":"b"}}"#),
        ("content_block_stop", r#"{"index":2}"#),
        (
            "content_block_start",
            r#"{"index":3,"content_block":{"type":"tool_use","id":"toolu_1","name":"t","input":{}}}"#,
        ),
        ("content_block_delta", r#"{"index":3,"delta":{"type":"input_json_delta","partial_json":""}}"#),
        (
            "content_block_delta",
            r#"{"index":3,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        ),
        ("content_block_stop", r#"{"index":3}"#),
        (
            "message_delta",
            r#"{"delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":9}}"#,
        ),
        STOP,
        ("content_block_delta", r#"{"index":4,"delta":{"type":"text_delta","text":"after the end"}}"#),
    ]);
    let seal = |maker, value: &str| Event::Delta(Delta::Seal(Seal { maker, value: value.to_owned() }));
    let expected = vec![
        Event::Start { id: Some("msg_1".to_owned()), model: Some("claude-x".to_owned()) },
        usage(10, 1),
        Event::Open(Block::Thinking),
        Event::Delta(Delta::Thinking("hm".to_owned())),
        seal(SealMaker::Anthropic, "EqQB"),
        Event::Close,
        Event::Open(Block::Thinking),
        seal(SealMaker::AnthropicRedacted, "opaque"),
        Event::Close,
        Event::Open(Block::Text),
        said("a"),
        Event::Close,
        Event::Open(Block::ToolCall { id: "toolu_1".to_owned(), name: "t".to_owned() }),
        Event::Delta(Delta::Arguments("{\"a\":1}".to_owned())),
        Event::Close,
        usage(10, 9),
        Event::Finish(Finish::ToolCalls),
        Event::End,
    ];
    assert_eq!(events(&text), expected);
}

#[test]
fn an_error_ends_it() {
    let text = stream(&[
        START,
        ("error", r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#),
        STOP,
    ]);
    let failure = Failure { kind: FailureKind::Overloaded, message: "Overloaded".to_owned() };
    assert_eq!(events(&text)[2..], [Event::Error(failure)]);
}

#[test]
fn an_answer_that_is_cut_has_no_end() {
    let cut = stream(&[
        START,
        ("content_block_delta", r#"{"index":0,"delta":{"type":"text_delta","text":"a"}}"#),
        ("message_delta", r#"{"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#),
    ]);
    let found = events(&cut);
    assert!(found.contains(&Event::Finish(Finish::Done)) && !found.contains(&Event::End), "{found:?}");
}

#[test]
fn what_is_missing_or_twice_keeps_the_order() {
    let text = stream(&[
        ("content_block_delta", r#"{"index":0,"delta":{"type":"text_delta","text":"a"}}"#),
        START,
        ("message_delta", "not json"),
        ("message_delta", r#"{"delta":{"stop_reason":null},"usage":{"output_tokens":2}}"#),
        ("content_block_delta", r#"{"index":0,"delta":{"type":"text_delta","text":"b"}}"#),
        ("message_delta", r#"{"delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":3}}"#),
        ("message_delta", r#"{"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#),
        ("content_block_delta", r#"{"index":0,"delta":{"type":"text_delta","text":"late"}}"#),
        STOP,
        STOP,
    ]);
    let expected = vec![
        nameless(),
        Event::Open(Block::Text),
        said("a"),
        usage(10, 1),
        usage(10, 2),
        said("b"),
        usage(10, 3),
        Event::Close,
        Event::Finish(Finish::MaxOutput),
        usage(10, 4),
        Event::End,
    ];
    assert_eq!(events(&text), expected);
}

#[test]
fn a_missing_reason_is_the_one_that_the_blocks_show() {
    let call =
        ("content_block_start", r#"{"index":0,"content_block":{"type":"tool_use","id":"a","name":"t"}}"#);
    let unknown = ("message_delta", r#"{"delta":{"stop_reason":"to_be_invented"}}"#);
    let finish = |events: Vec<Event>| {
        events.into_iter().find_map(|event| match event {
            Event::Finish(finish) => Some(finish),
            _ => None,
        })
    };
    assert_eq!(finish(events(&stream(&[START, STOP]))), Some(Finish::Done));
    assert_eq!(finish(events(&stream(&[START, call, STOP]))), Some(Finish::ToolCalls));
    assert_eq!(finish(events(&stream(&[START, call, unknown, STOP]))), Some(Finish::ToolCalls));
}

#[test]
fn an_event_without_a_name_is_known_by_its_type() {
    let text = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}

data: {"type":"message_stop"}

"#;
    let expected = vec![
        nameless(),
        Event::Open(Block::Text),
        said("a"),
        Event::Close,
        Event::Finish(Finish::Done),
        Event::End,
    ];
    assert_eq!(events(text), expected);
}

#[test]
fn a_document_that_is_no_answer_is_none() {
    for document in ["", "null", "{}", r#"{"type":"error","error":{}}"#, r#"{"type":"message"}"#, "[1]"] {
        assert_eq!(Reader::default().document(document.as_bytes()), None, "{document}");
    }
}
