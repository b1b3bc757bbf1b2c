//! What answers of chat completions are read into.

use pai_bundle::unit::Tokens;
use pai_bundle::usage::Usage;
use proptest::prelude::*;

use super::*;
use crate::event::{Block, Delta, Seal, SealMaker};
use crate::sse::Splitter;

fn events(chunks: &[&str]) -> Vec<Event> {
    let mut reader = Reader::default();
    let mut found = Vec::new();
    for data in chunks {
        reader.event(&sse::Event { name: "", data: data.as_bytes() }, &mut found);
    }
    reader.end(&mut found);
    found
}

/// A chunk with this delta and reason.
fn chunk(delta: &str, finish: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","model":"gpt","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}],"usage":null}}"#
    )
}

fn deltas(deltas: &[&str], finish: &str) -> Vec<Event> {
    let mut chunks: Vec<String> = deltas.iter().map(|delta| chunk(delta, "null")).collect();
    chunks.push(chunk("{}", finish));
    chunks.push("[DONE]".to_owned());
    events(&chunks.iter().map(String::as_str).collect::<Vec<_>>())
}

fn start() -> Event {
    Event::Start { id: Some("chatcmpl-1".to_owned()), model: Some("gpt".to_owned()) }
}

fn text(text: &str) -> Event {
    Event::Delta(Delta::Text(text.to_owned()))
}

fn thought(text: &str) -> Event {
    Event::Delta(Delta::Thinking(text.to_owned()))
}

fn arguments(text: &str) -> Event {
    Event::Delta(Delta::Arguments(text.to_owned()))
}

fn call(id: &str, name: &str) -> Event {
    Event::Open(Block::ToolCall { id: id.to_owned(), name: name.to_owned() })
}

/// What stands between the start and the reason of the end.
fn inner(deltas_of: &[&str]) -> Vec<Event> {
    let mut events = deltas(deltas_of, "\"tool_calls\"");
    assert_eq!(events.remove(0), start());
    assert_eq!(events.pop(), Some(Event::End));
    assert!(matches!(events.pop(), Some(Event::Finish(_))));
    events
}

#[test]
fn words_thoughts_and_usage_come_in_order() {
    let events = events(&[
        r#"{"id":"","model":"","choices":[],"prompt_filter_results":[]}"#,
        &chunk(r#"{"role":"assistant","content":""}"#, "null"),
        &chunk(r#"{"reasoning":"h","reasoning_content":"h","content":null}"#, "null"),
        &chunk(r#"{"reasoning":"m"}"#, "null"),
        &chunk(r#"{"content":"He"}"#, "null"),
        &chunk(r#"{"content":"llo"}"#, "null"),
        &chunk("{}", "\"stop\""),
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#,
        "[DONE]",
        &chunk(r#"{"content":"after the end"}"#, "null"),
    ]);
    let used = Usage { input: Tokens(5), cache_read: Tokens(4), output: Tokens(2), ..Usage::default() };
    let expected = [
        start(),
        Event::Open(Block::Thinking),
        thought("h"),
        thought("m"),
        Event::Close,
        Event::Open(Block::Text),
        text("He"),
        text("llo"),
        Event::Close,
        Event::Finish(Finish::Done),
        Event::Usage(used),
        Event::End,
    ];
    assert_eq!(events, expected);
}

#[test]
fn calls_one_after_the_other_go_on_at_once() {
    let pieces = [
        r#"{"tool_calls":[{"index":0,"id":"c0","type":"function","function":{"name":"a","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"}\"}"}}]}"#,
        r#"{"tool_calls":[{"index":1,"id":"c1","function":{"name":"b","arguments":"{}"}}]}"#,
    ];
    let expected = [
        call("c0", "a"),
        arguments("{\"x\":"),
        arguments("\"}\"}"),
        Event::Close,
        call("c1", "b"),
        arguments("{}"),
        Event::Close,
    ];
    assert_eq!(inner(&pieces), expected);
    // Nothing waits for the end.
    let chunks: Vec<String> = pieces.iter().map(|piece| chunk(piece, "null")).collect();
    let so_far = events(&chunks.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(so_far.last(), Some(&arguments("{}")));
}

#[test]
fn calls_that_are_mixed_are_put_in_order() {
    let expected = [
        call("c0", "a"),
        arguments("{\"x\":"),
        arguments("1}"),
        Event::Close,
        call("c1", "b"),
        arguments("{\"y\":2}"),
        Event::Close,
    ];
    assert_eq!(
        inner(&[
            r#"{"tool_calls":[{"index":0,"id":"c0","function":{"name":"a"}},{"index":1,"id":"c1","function":{"name":"b"}}]}"#,
            r#"{"tool_calls":[{"index":1,"function":{"arguments":"{\"y\":"}},{"index":0,"function":{"arguments":"{\"x\":"}}]}"#,
            r#"{"tool_calls":[{"index":1,"function":{"arguments":"2}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}"#,
        ]),
        expected
    );
}

#[test]
fn odd_ways_to_number_calls_are_understood() {
    // All with the number 0, told apart by their ids.
    let both =
        [call("c0", "a"), arguments("{}"), Event::Close, call("c1", "b"), arguments("{}"), Event::Close];
    let zeros = [
        r#"{"tool_calls":[{"index":0,"id":"c0","function":{"name":"a","arguments":"{}"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"c1","function":{"name":"b","arguments":"{}"}}]}"#,
    ];
    assert_eq!(inner(&zeros), both);
    // Without numbers, and the arguments as the object that they are.
    let none = [
        r#"{"tool_calls":[{"id":"c0","function":{"name":"a","arguments":{}}},{"id":"c1","function":{"name":"b","arguments":{}}}]}"#,
    ];
    assert_eq!(inner(&none), both);
    // Id and name on every piece.
    let repeated = [
        r#"{"tool_calls":[{"index":0,"id":"c0","function":{"name":"a","arguments":"{"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"c0","function":{"name":"a","arguments":"}"}}]}"#,
    ];
    assert_eq!(inner(&repeated), [call("c0", "a"), arguments("{"), arguments("}"), Event::Close]);
    // The name after the id, and no id at all.
    let late = [
        r#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"a"}}]}"#,
    ];
    assert_eq!(inner(&late), [call("call_chatcmpl1_0", "a"), Event::Close]);
    // Never named.
    assert_eq!(inner(&[r#"{"tool_calls":[{"index":0,"id":"c0"}]}"#]), []);
}

#[test]
fn a_function_of_old_is_a_call() {
    let pieces =
        [r#"{"function_call":{"name":"a","arguments":""}}"#, r#"{"function_call":{"arguments":"{}"}}"#];
    assert_eq!(inner(&pieces), [call("call_chatcmpl1_0", "a"), arguments("{}"), Event::Close]);
}

#[test]
fn googles_seal_on_a_call_is_kept() {
    let piece = r#"{"tool_calls":[{"index":0,"id":"c0","function":{"name":"a","arguments":"{}"},
        "extra_content":{"google":{"thought_signature":"sig"}}}]}"#;
    let seal = Seal { maker: SealMaker::Gemini, value: "sig".to_owned() };
    let expected = [call("c0", "a"), arguments("{}"), Event::Delta(Delta::Seal(seal)), Event::Close];
    assert_eq!(inner(&[piece]), expected);
}

#[test]
fn every_reason_of_an_end_is_understood() {
    let said = r#"{"content":"a"}"#;
    let called = r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"a","arguments":"{}"}}]}"#;
    let table = [
        (said, "\"stop\"", Finish::Done),
        (said, "\"length\"", Finish::MaxOutput),
        (said, "\"content_filter\"", Finish::Refused),
        (said, "\"eos\"", Finish::Done),
        (said, "null", Finish::Done),
        (said, "\"tool_calls\"", Finish::Done),
        (called, "\"tool_calls\"", Finish::ToolCalls),
        (called, "\"function_call\"", Finish::ToolCalls),
        (called, "\"stop\"", Finish::ToolCalls),
        (called, "\"length\"", Finish::MaxOutput),
        (r#"{"refusal":"no"}"#, "\"stop\"", Finish::Refused),
    ];
    for (delta, reason, finish) in table {
        let events = deltas(&[delta], reason);
        assert_eq!(events[events.len() - 2..], [Event::Finish(finish), Event::End], "{delta} {reason}");
    }
    let stopped =
        events(&[r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","stop_reason":"END"}]}"#]);
    assert_eq!(stopped.last(), Some(&Event::Finish(Finish::Stop(Some("END".to_owned())))));
}

#[test]
fn errors_in_the_stream_end_it() {
    let table = [
        (r#"{"error":{"message":"busy","type":"server_error","code":null}}"#, FailureKind::Internal, "busy"),
        (r#"{"error":{"message":"slow","code":429},"choices":[]}"#, FailureKind::RateLimit, "slow"),
        (
            r#"{"object":"error","message":"bad","type":"BadRequestError","code":400}"#,
            FailureKind::Invalid,
            "bad",
        ),
        (
            r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error","error":{"code":402,"message":"pay"}}]}"#,
            FailureKind::Billing,
            "pay",
        ),
        (
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#,
            FailureKind::Internal,
            "the provider ended its answer with `error`",
        ),
    ];
    for (data, kind, message) in table {
        let events = events(&[&chunk(r#"{"content":"a"}"#, "null"), data, "[DONE]"]);
        let failure = Failure { kind, message: message.to_owned() };
        assert_eq!(events.last(), Some(&Event::Error(failure)), "{data}");
    }
}

#[test]
fn an_answer_that_breaks_off_has_no_end() {
    let cut = events(&[&chunk(r#"{"content":"a"}"#, "null")]);
    assert_eq!(cut, [start(), Event::Open(Block::Text), text("a")]);
    let almost = events(&[&chunk(r#"{"content":"a"}"#, "\"stop\"")]);
    assert!(!almost.contains(&Event::End));
    assert_eq!(events(&["[DONE]"]), []);
}

#[test]
fn the_first_choice_alone_is_read() {
    let events = events(&[
        r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ]);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Delta(_))).count(), 1);
    assert!(events.contains(&text("a")));
}

#[test]
fn a_document_is_the_stream_of_the_same_answer() {
    let document = r#"{"id":"chatcmpl-1","model":"gpt","object":"chat.completion","choices":[{"index":0,
        "message":{"role":"assistant","reasoning_content":"hm","content":"Hello","refusal":null,"tool_calls":[
            {"id":"c0","type":"function","function":{"name":"a","arguments":"{\"x\":1}"}},
            {"id":"c1","type":"function","function":{"name":"b","arguments":""}}]},
        "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#;
    let whole = Reader::default().document(document.as_bytes()).expect("an answer");
    let mut streamed = deltas(
        &[
            r#"{"role":"assistant","content":""}"#,
            r#"{"reasoning_content":"hm"}"#,
            r#"{"content":"Hello"}"#,
            r#"{"tool_calls":[{"index":0,"id":"c0","function":{"name":"a","arguments":"{\"x\":1}"}}]}"#,
            r#"{"tool_calls":[{"index":1,"id":"c1","function":{"name":"b","arguments":""}}]}"#,
        ],
        "\"tool_calls\"",
    );
    streamed.insert(1, Event::Usage(Usage { input: Tokens(5), output: Tokens(2), ..Usage::default() }));
    assert_eq!(whole, streamed);
    for odd in ["", "[]", "{}", r#"{"choices":[]}"#, r#"{"error":{"message":"no"}}"#, r#"{"choices":[7]}"#] {
        assert_eq!(Reader::default().document(odd.as_bytes()), None, "{odd}");
    }
}

/// Whether events are in the order that writers rely on.
fn in_order(events: &[Event]) -> bool {
    let mut open = false;
    let mut started = false;
    let mut finished = false;
    let mut over = false;
    events.iter().all(|event| {
        let fits = !over
            && match event {
                Event::Start { .. } => !std::mem::replace(&mut started, true),
                Event::Open(_) => started && !finished && !std::mem::replace(&mut open, true),
                Event::Delta(_) => open,
                Event::Close => std::mem::take(&mut open),
                Event::Usage(_) => started,
                Event::Finish(_) => started && !open && !std::mem::replace(&mut finished, true),
                Event::End => finished,
                Event::Error(_) => true,
            };
        over = matches!(event, Event::End | Event::Error(_));
        fits
    })
}

const PIECES: [&str; 14] = [
    r#"{"content":"a"}"#,
    r#"{"content":[{"type":"text","text":"a"},{"type":"image"}]}"#,
    r#"{"reasoning":"h"}"#,
    r#"{"refusal":"no"}"#,
    r#"{"tool_calls":[{"index":0,"id":"c0","function":{"name":"a","arguments":"{"}}]}"#,
    r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#,
    r#"{"tool_calls":[{"index":1,"id":"c1","function":{"name":"b","arguments":"{}"}}]}"#,
    r#"{"tool_calls":[{"index":1,"function":{"arguments":"x"}}]}"#,
    r#"{"tool_calls":[{"index":2,"id":"c2"}]}"#,
    r#"{"tool_calls":[{"function":{"name":"d"}},{"index":0},7]}"#,
    r#"{"function_call":{"name":"f"}}"#,
    r#"{"tool_calls":7}"#,
    "7",
    r#"{"content":{"a":1},"refusal":""}"#,
];

proptest! {
    #[test]
    fn any_pieces_in_any_order_come_out_in_order(
        picks in prop::collection::vec((0..PIECES.len(), 0_u8..12), 0..24),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut stream = String::new();
        for (pick, finish) in picks {
            let finish = match finish { 0 => "\"stop\"", 1 => "\"error\"", _ => "null" };
            stream.push_str(&format!("data: {}\r\n\r\n", chunk(PIECES[pick], finish)));
        }
        stream.push_str("data: [DONE]\n\n");
        let read = |pieces: &[&[u8]]| {
            let (mut splitter, mut reader, mut found) = (Splitter::default(), Reader::default(), Vec::new());
            for piece in pieces {
                splitter.feed(piece, |event| reader.event(&event, &mut found));
            }
            found
        };
        let whole = read(&[stream.as_bytes()]);
        prop_assert!(in_order(&whole), "{:?}", whole);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(&pieces), whole);
    }

    #[test]
    fn nonsense_is_passed_over_and_never_a_panic(data in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        reader.event(&sse::Event { name: "", data: data.as_bytes() }, &mut found);
        prop_assert!(in_order(&found));
        let _ = Reader::default().document(data.as_bytes());
    }
}
