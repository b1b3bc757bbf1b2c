//! What answers of Google's dialect are read into.

use pai_bundle::unit::Tokens;
use pai_bundle::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::{Failure, FailureKind};
use crate::sse::Splitter;

/// All events of a stream that the provider closes.
fn stream(pieces: &[&[u8]]) -> Vec<Event> {
    let (mut splitter, mut reader, mut found) = (Splitter::default(), Reader::default(), Vec::new());
    for piece in pieces {
        splitter.feed(piece, |event| reader.event(&event, &mut found));
    }
    reader.end(&mut found);
    found
}

fn wire(chunks: &[Value]) -> String {
    chunks.iter().fold(String::new(), |wire, chunk| wire + &format!("data: {chunk}\r\n\r\n"))
}

fn events(chunks: &[Value]) -> Vec<Event> {
    stream(&[wire(chunks).as_bytes()])
}

fn chunk(parts: &Value) -> Value {
    json!({
        "candidates": [{ "content": { "parts": parts, "role": "model" }, "index": 0 }],
        "modelVersion": "gemini-3.7-flash",
        "responseId": "ab-C_9",
    })
}

fn last(parts: &Value, reason: &str) -> Value {
    let mut chunk = chunk(parts);
    chunk["candidates"][0]["finishReason"] = json!(reason);
    chunk
}

fn start() -> Event {
    Event::Start { id: Some("ab-C_9".to_owned()), model: Some("gemini-3.7-flash".to_owned()) }
}

fn text(text: &str) -> Event {
    Event::Delta(Delta::Text(text.to_owned()))
}

fn thinking(text: &str) -> Event {
    Event::Delta(Delta::Thinking(text.to_owned()))
}

fn seal(value: &str) -> Event {
    Event::Delta(Delta::Seal(Seal { maker: SealMaker::Gemini, value: value.to_owned() }))
}

fn call(id: &str, name: &str, arguments: &str) -> [Event; 3] {
    [
        Event::Open(Block::ToolCall { id: id.to_owned(), name: name.to_owned() }),
        Event::Delta(Delta::Arguments(arguments.to_owned())),
        Event::Close,
    ]
}

fn usage(input: u64, output: u64) -> Event {
    Event::Usage(Usage { input: Tokens(input), output: Tokens(output), ..Usage::default() })
}

fn counted(mut chunk: Value, prompt: u64, candidates: u64) -> Value {
    chunk["usageMetadata"] = json!({ "promptTokenCount": prompt, "candidatesTokenCount": candidates });
    chunk
}

/// Thoughts, words, two calls at once of which the first is sealed, and counters behind the end.
fn loop_of_tools() -> Vec<Value> {
    vec![
        counted(chunk(&json!([{ "text": "I must", "thought": true }])), 10, 1),
        chunk(&json!([{ "text": " look", "thought": true }])),
        counted(chunk(&json!([{ "text": "Let me" }])), 10, 1),
        chunk(&json!([{ "text": " see." }])),
        chunk(&json!([
            { "functionCall": { "name": "read", "args": { "path": "a \"b\" \\", "n": 1.50 } }, "thoughtSignature": "S1==" },
            { "functionCall": { "id": "g-1", "name": "read" } },
        ])),
        last(&json!([{ "text": "" }]), "STOP"),
        json!({ "usageMetadata": { "promptTokenCount": 10, "candidatesTokenCount": 30 } }),
    ]
}

fn as_events() -> Vec<Event> {
    let mut expected = vec![
        start(),
        usage(10, 1),
        Event::Open(Block::Thinking),
        thinking("I must"),
        thinking(" look"),
        Event::Close,
        Event::Open(Block::Text),
        text("Let me"),
        text(" see."),
        Event::Close,
        Event::Open(Block::Thinking),
        seal("S1=="),
        Event::Close,
    ];
    expected.extend(call("call_ab-C_9_0", "read", r#"{"path":"a \"b\" \\","n":1.5}"#));
    expected.extend(call("g-1", "read", "{}"));
    expected.extend([usage(10, 30), Event::Finish(Finish::ToolCalls), Event::End]);
    expected
}

#[test]
fn thoughts_words_and_calls_come_in_order() {
    // The order of an object's members is the wire's, whatever this `Value` makes of it.
    let found = events(&loop_of_tools());
    let arguments = |events: &[Event]| {
        let all = events.iter().filter_map(|event| match event {
            Event::Delta(Delta::Arguments(arguments)) => Some(arguments.clone()),
            _ => None,
        });
        all.map(|text| serde_json::from_str::<Value>(&text).expect("json")).collect::<Vec<_>>()
    };
    assert_eq!(arguments(&found), arguments(&as_events()));
    let rest = |events: Vec<Event>| {
        events
            .into_iter()
            .filter(|event| !matches!(event, Event::Delta(Delta::Arguments(_))))
            .collect::<Vec<_>>()
    };
    assert_eq!(rest(found), rest(as_events()));
}

#[test]
fn an_indented_document_and_an_array_say_the_same_as_the_stream() {
    let chunks = loop_of_tools();
    let array = serde_json::to_string_pretty(&chunks).expect("json");
    assert_eq!(Reader::default().document(array.as_bytes()), Some(events(&chunks)));

    let parts = json!([
        { "text": "I see", "thought": true },
        { "text": "it", "thoughtSignature": "S" },
        { "functionCall": { "name": "f", "args": { "a": [1, "x y"] } } },
    ]);
    let one = counted(last(&parts, "STOP"), 10, 3);
    let pretty = serde_json::to_string_pretty(&one).expect("json");
    assert_eq!(Reader::default().document(pretty.as_bytes()), Some(events(&[one])));
}

#[test]
fn arguments_keep_their_order_and_their_numbers() {
    let data = r#"data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"z": 1.50, "a": "x: \" , y", "b" : [ ]}}}]}}]}"#;
    let found = stream(&[data.as_bytes(), b"\n\n"]);
    let expected = Event::Delta(Delta::Arguments(r#"{"z":1.50,"a":"x: \" , y","b":[]}"#.to_owned()));
    assert!(found.contains(&expected), "{found:?}");
}

#[test]
fn a_seal_stands_before_its_part_in_the_thoughts_that_are_open_or_in_its_own() {
    let open = events(&[
        chunk(&json!([{ "text": "hm", "thought": true }])),
        last(&json!([{ "text": "Yes", "thoughtSignature": "S" }]), "STOP"),
    ]);
    let expected = [
        start(),
        Event::Open(Block::Thinking),
        thinking("hm"),
        seal("S"),
        Event::Close,
        Event::Open(Block::Text),
        text("Yes"),
        Event::Close,
        Event::Finish(Finish::Done),
        Event::End,
    ];
    assert_eq!(open, expected);
}

#[test]
fn no_seal_cuts_words_in_two_or_comes_behind_them() {
    let found = events(&[
        chunk(&json!([{ "text": "Ye" }])),
        chunk(&json!([{ "text": "s", "thoughtSignature": "S" }])),
        last(&json!([{ "text": "", "thoughtSignature": "S" }]), "STOP"),
    ]);
    let expected = [
        start(),
        Event::Open(Block::Text),
        text("Ye"),
        text("s"),
        Event::Close,
        Event::Finish(Finish::Done),
        Event::End,
    ];
    assert_eq!(found, expected);
}

#[test]
fn every_call_has_an_id_that_fits_and_no_other_has() {
    let ids = |response: Value, calls: Value| {
        let mut only = last(&calls, "STOP");
        only["responseId"] = response;
        let found = events(&[only]);
        let ids = found.iter().filter_map(|event| match event {
            Event::Open(Block::ToolCall { id, .. }) => Some(id.clone()),
            _ => None,
        });
        ids.collect::<Vec<_>>()
    };
    let f = |id: &str| json!({ "functionCall": { "id": id, "name": "f", "args": {} } });
    assert_eq!(ids(json!("r"), json!([f("a"), f("a"), f("")])), ["a", "call_r_1", "call_r_2"]);
    for (response, id) in [(json!("x".repeat(39)), "ü"), (json!("a b"), "a b"), (Value::Null, "")] {
        let made = ids(response.clone(), json!([f(id), f(id)]));
        assert!(made[0] != made[1], "{made:?}");
        for id in &made {
            assert!((1..=40).contains(&id.len()), "{id}");
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)), "{id}");
        }
    }
}

#[test]
fn a_stream_without_a_reason_is_no_end() {
    let found = events(&[chunk(&json!([{ "text": "half an ans" }]))]);
    assert_eq!(found, [start(), Event::Open(Block::Text), text("half an ans")]);
    let unsaid = events(&[last(&json!([{ "text": "half an ans" }]), "FINISH_REASON_UNSPECIFIED")]);
    assert_eq!(unsaid, found);
    let document = chunk(&json!([{ "text": "half" }])).to_string();
    assert_eq!(Reader::default().document(document.as_bytes()), None);
}

#[test]
fn a_reason_with_every_chunk_ends_with_the_last() {
    let found =
        events(&[last(&json!([{ "text": "a" }]), "STOP"), last(&json!([{ "text": "b" }]), "MAX_TOKENS")]);
    let expected = [
        start(),
        Event::Open(Block::Text),
        text("a"),
        text("b"),
        Event::Close,
        Event::Finish(Finish::MaxOutput),
        Event::End,
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_question_that_is_blocked_is_an_empty_refusal() {
    let found = events(&[
        json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" }, "usageMetadata": { "promptTokenCount": 9 },
                "modelVersion": "m" }),
    ]);
    let expected = [
        Event::Start { id: None, model: Some("m".to_owned()) },
        usage(9, 0),
        Event::Finish(Finish::Refused),
        Event::End,
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_error_ends_the_answer_and_nothing_follows_it() {
    let failure = |kind, message: &str| Event::Error(Failure { kind, message: message.to_owned() });
    let busy = json!({ "error": { "code": 503, "message": "busy", "status": "UNAVAILABLE" } });
    let quota = json!([{ "error": { "code": 429, "message": "slow" } }]);
    let malformed = last(&json!([]), "MALFORMED_FUNCTION_CALL");
    let table = [
        (busy, failure(FailureKind::Overloaded, "busy")),
        (quota, failure(FailureKind::RateLimit, "slow")),
        (malformed, failure(FailureKind::Internal, "the model stopped with MALFORMED_FUNCTION_CALL")),
    ];
    for (error, expected) in table {
        let chunks =
            [chunk(&json!([{ "text": "a" }])), error.clone(), last(&json!([{ "text": "b" }]), "STOP")];
        let found = events(&chunks);
        assert_eq!(found, [start(), Event::Open(Block::Text), text("a"), expected]);
        assert_eq!(Reader::default().document(error.to_string().as_bytes()), None);
    }
}

#[test]
fn what_no_dialect_can_carry_does_not_look_like_an_empty_answer() {
    let found = events(&[last(
        &json!([
            { "executableCode": { "language": "PYTHON", "code": "1+1" } },
            { "codeExecutionResult": { "outcome": "OUTCOME_OK", "output": "2" } },
            { "inlineData": { "mimeType": "image/png", "data": "AAAA" } },
            { "somethingNew": {} },
        ]),
        "STOP",
    )]);
    assert_eq!(found[2..5], [text("1+1"), text("2"), text("[image/png left out]")]);
}

#[test]
fn nonsense_between_the_chunks_is_passed_over() {
    let whole = wire(&loop_of_tools());
    let with = whole
        .replace("\r\n\r\n", "\r\n\r\ndata: nonsense\r\n\r\ndata: {}\r\n\r\n: note\r\n\r\ndata: [7]\n\n");
    assert_eq!(stream(&[with.as_bytes()]), stream(&[whole.as_bytes()]));
    for nonsense in ["", "[]", "{}", "null", "<html>", "{\"candidates\":[]}"] {
        assert_eq!(Reader::default().document(nonsense.as_bytes()), None, "{nonsense}");
    }
}

#[test]
fn other_answers_than_the_first_are_passed_over() {
    let mut two = last(&json!([{ "text": "a" }]), "STOP");
    two["candidates"][0]["index"] = json!(1);
    assert_eq!(events(&[two]), [start()]);
}

/// What [`Event`] promises of the order.
fn is_in_order(events: &[Event]) -> bool {
    let (mut is_open, mut has_started, mut has_finished, mut is_over) = (false, false, false, false);
    events.iter().all(|event| {
        let right = !is_over
            && match event {
                Event::Start { .. } => !has_started,
                Event::Open(_) | Event::Finish(_) => has_started && !is_open && !has_finished,
                Event::Delta(_) | Event::Close => is_open,
                Event::Usage(_) => has_started,
                Event::End => has_finished,
                Event::Error(_) => true,
            };
        match event {
            Event::Start { .. } => has_started = true,
            Event::Open(_) => is_open = true,
            Event::Close => is_open = false,
            Event::Finish(_) => has_finished = true,
            Event::End | Event::Error(_) => is_over = true,
            Event::Delta(_) | Event::Usage(_) => {}
        }
        right
    })
}

fn any_part() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "text": "words" })),
        Just(json!({ "text": "", "thoughtSignature": "S" })),
        Just(json!({ "text": "thoughts", "thought": true })),
        Just(json!({ "text": "sealed", "thought": true, "thoughtSignature": "S" })),
        Just(json!({ "text": "sealed words", "thoughtSignature": "S" })),
        Just(json!({ "functionCall": { "name": "f", "args": { "a": 1 } } })),
        Just(json!({ "functionCall": { "id": "i", "args": 7 }, "thoughtSignature": "S" })),
        Just(json!({ "inlineData": { "mimeType": "image/png" } })),
        Just(json!({ "text": 5 })),
    ]
}

fn any_chunk() -> impl Strategy<Value = Value> {
    let reasons = prop::sample::select(vec![None, None, None, Some("STOP"), Some("SAFETY"), Some("OTHER")]);
    (prop::collection::vec(any_part(), 0..4), reasons).prop_map(|(parts, reason)| match reason {
        Some(reason) => last(&json!(parts), reason),
        None => counted(chunk(&json!(parts)), parts.len() as u64, 1),
    })
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_events_in_order(
        chunks in prop::collection::vec(any_chunk(), 0..6),
        cuts in prop::collection::vec(0_usize..2_000, 0..6),
    ) {
        let bytes = wire(&chunks);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes.as_bytes()[pair[0]..pair[1]]).collect();
        let found = stream(&pieces);
        prop_assert_eq!(&found, &events(&chunks));
        prop_assert!(is_in_order(&found), "{:?}", found);
    }

    #[test]
    fn no_bytes_make_it_panic(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"candidates\"", "\"content\"", "\"parts\"", "\"text\"", "\"functionCall\"",
            "\"args\"", "\"usageMetadata\"", "\"promptTokenCount\"", "\"error\"", "\"code\"", "null", "-1", "1e999", "\"\\ud800\"",
        ]), 0..24),
    ) {
        let data = tokens.concat();
        let event = format!("data: {data}\n\n");
        prop_assert!(is_in_order(&stream(&[event.as_bytes()])));
        let _ = Reader::default().document(data.as_bytes());
    }
}
