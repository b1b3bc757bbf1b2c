//! What answers in chat completions look like.

use pai_bundle::unit::Tokens;

use super::*;
use crate::chat::from_answer::Reader;
use crate::conversation::Renamed;
use crate::dialect::Dialect;
use crate::event::{Failure, FailureKind};
use crate::sse::Splitter;
use crate::translate::{self, Over, StreamTranslator};

fn question(stream_usage: bool) -> Question {
    Question { id: "req1".to_owned(), model: "claude".to_owned(), created: 7, stream_usage }
}

fn written(events: &[Event], stream_usage: bool) -> String {
    let mut writer = Writer::new(question(stream_usage));
    let mut text = Vec::new();
    for event in events {
        writer.event(event, &mut text);
    }
    String::from_utf8(text).expect("text")
}

/// The data of each event, `[DONE]` as a string.
fn chunks(events: &[Event], stream_usage: bool) -> Vec<Value> {
    let text = written(events, stream_usage);
    let data = |event: &str| event.strip_prefix("data: ").expect("a data line").to_owned();
    let parse = |event| serde_json::from_str(&data(event)).unwrap_or_else(|_| json!(data(event)));
    text.trim_end().split("\n\n").map(parse).collect()
}

fn delta(text: &str) -> Event {
    Event::Delta(Delta::Text(text.to_owned()))
}

fn an_answer() -> Vec<Event> {
    let usage = Usage {
        input: Tokens(10),
        cache_write_5m: Tokens(2),
        cache_write_1h: Tokens(3),
        cache_read: Tokens(5),
        output: Tokens(7),
        web_searches: 0,
    };
    let call =
        |id: &str, name: &str| Event::Open(Block::ToolCall { id: id.to_owned(), name: name.to_owned() });
    vec![
        Event::Start { id: Some("msg_1".to_owned()), model: Some("claude-x".to_owned()) },
        Event::Open(Block::Thinking),
        Event::Delta(Delta::Thinking("hm".to_owned())),
        Event::Delta(Delta::Seal(Seal { maker: SealMaker::Anthropic, value: "s".to_owned() })),
        Event::Close,
        Event::Open(Block::Text),
        delta("He"),
        delta("llo"),
        Event::Close,
        call("toolu_1", "a"),
        Event::Delta(Delta::Arguments("{\"x\":".to_owned())),
        Event::Delta(Delta::Arguments("1}".to_owned())),
        Event::Delta(Delta::Seal(Seal { maker: SealMaker::Gemini, value: "sig".to_owned() })),
        Event::Close,
        call("toolu_2", "b"),
        Event::Close,
        Event::Finish(Finish::ToolCalls),
        Event::Usage(usage),
        Event::End,
    ]
}

#[test]
fn a_stream_has_the_form_that_clients_expect() {
    let chunks = chunks(&an_answer(), true);
    let deltas: Vec<&Value> = chunks.iter().filter_map(|chunk| chunk.pointer("/choices/0/delta")).collect();
    let expected = [
        json!({ "role": "assistant", "content": "", "refusal": null }),
        json!({ "reasoning_content": "hm" }),
        json!({ "content": "He" }),
        json!({ "content": "llo" }),
        json!({ "tool_calls": [{ "index": 0, "id": "toolu_1", "type": "function",
            "function": { "name": "a", "arguments": "" } }] }),
        json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"x\":" } }] }),
        json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "1}" } }] }),
        json!({ "tool_calls": [{ "index": 0, "extra_content": { "google": { "thought_signature": "sig" } } }] }),
        json!({ "tool_calls": [{ "index": 1, "id": "toolu_2", "type": "function",
            "function": { "name": "b", "arguments": "" } }] }),
        json!({ "tool_calls": [{ "index": 1, "function": { "arguments": "{}" } }] }),
        json!({}),
    ];
    assert_eq!(deltas, expected.iter().collect::<Vec<_>>());
    let [.., finish, used, done] = &chunks[..] else { panic!("{chunks:?}") };
    let head = |choices: Value, usage: Value| {
        json!({ "id": "chatcmpl-req1", "object": "chat.completion.chunk", "created": 7, "model": "claude-x",
            "system_fingerprint": null, "choices": choices, "usage": usage })
    };
    let choice = json!({ "index": 0, "delta": {}, "logprobs": null, "finish_reason": "tool_calls" });
    assert_eq!(*finish, head(json!([choice]), Value::Null));
    let usage = json!({ "prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27,
        "prompt_tokens_details": { "cached_tokens": 5, "cache_write_tokens": 5 } });
    assert_eq!(*used, head(json!([]), usage));
    assert_eq!(*done, "[DONE]");
}

#[test]
fn usage_is_told_to_those_who_asked() {
    let chunks = chunks(&an_answer(), false);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    assert!(chunks.iter().all(|chunk| chunk["choices"] != json!([])));
    assert_eq!(chunks.last(), Some(&json!("[DONE]")));
}

#[test]
fn a_document_says_the_same() {
    let document = Writer::new(question(false)).document(&an_answer());
    let document: Value = serde_json::from_slice(&document).expect("json");
    let expected = json!({
        "id": "chatcmpl-req1", "object": "chat.completion", "created": 7, "model": "claude-x",
        "system_fingerprint": null,
        "choices": [{ "index": 0, "logprobs": null, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Hello", "refusal": null, "reasoning_content": "hm",
            "tool_calls": [
                { "id": "toolu_1", "type": "function", "function": { "name": "a", "arguments": "{\"x\":1}" },
                  "extra_content": { "google": { "thought_signature": "sig" } } },
                { "id": "toolu_2", "type": "function", "function": { "name": "b", "arguments": "{}" } },
            ],
        } }],
        "usage": { "prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27,
            "prompt_tokens_details": { "cached_tokens": 5, "cache_write_tokens": 5 } },
    });
    assert_eq!(document, expected);
    let silent = [
        Event::Start { id: Some("chatcmpl-own".to_owned()), model: None },
        Event::Finish(Finish::Done),
        Event::End,
    ];
    let document: Value =
        serde_json::from_slice(&Writer::new(question(false)).document(&silent)).expect("json");
    assert_eq!(document["choices"][0]["message"]["content"], Value::Null);
    assert_eq!((&document["id"], &document["model"]), (&json!("chatcmpl-own"), &json!("claude")));
    assert!(document.get("usage").is_none());
}

#[test]
fn every_reason_of_an_end_has_a_word() {
    for (finish, word) in [
        (Finish::Done, "stop"),
        (Finish::Stop(Some("x".to_owned())), "stop"),
        (Finish::Paused, "stop"),
        (Finish::ToolCalls, "tool_calls"),
        (Finish::MaxOutput, "length"),
        (Finish::ContextFull, "length"),
        (Finish::Refused, "content_filter"),
    ] {
        assert_eq!(chunks(&[Event::Finish(finish)], false)[0]["choices"][0]["finish_reason"], word);
    }
}

#[test]
fn an_error_is_told_and_never_a_clean_end() {
    let failure = Failure { kind: FailureKind::Overloaded, message: "busy".to_owned() };
    let text = written(&[Event::Error(failure)], true);
    let error =
        json!({ "error": { "message": "busy", "type": "server_error", "param": null, "code": null } });
    assert_eq!(text, format!("data: {error}\n\n"));
}

/// Through reader and writer, in these pieces.
fn translated(pieces: &[&[u8]], renamed: Renamed) -> (String, Option<Over>) {
    let translator = StreamTranslator::new(Dialect::Chat, Dialect::Chat, question(true), renamed);
    let mut translator = translator.expect("a translator");
    let mut text = Vec::new();
    let mut splitter = Splitter::default();
    for piece in pieces {
        splitter.feed(piece, |event| translator.event(&event, &mut text));
    }
    translator.end(&mut text);
    (String::from_utf8(text).expect("text"), translator.over())
}

#[test]
fn any_split_gives_the_same_bytes_and_a_cut_is_an_error() {
    let text = written(&an_answer(), true);
    let (whole, over) = translated(&[text.as_bytes()], Renamed::default());
    assert_eq!(over, Some(Over::Clean));
    let end = text.len() - "data: [DONE]\n\n".len();
    // Splits in every place of an event, if not of every event; one by one, all of them.
    for at in (0..text.len()).step_by(17) {
        let (one, two) = text.as_bytes().split_at(at);
        assert_eq!(translated(&[one, two], Renamed::default()), (whole.clone(), over), "split at {at}");
        let (cut, over) = translated(&[one], Renamed::default());
        if at <= end {
            assert_eq!(over, Some(Over::Failed), "cut at {at}");
            assert!(cut.contains("\"error\"") && !cut.contains("[DONE]"), "cut at {at}");
        }
    }
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(translated(&bytes, Renamed::default()).0, whole);
}

#[test]
fn tools_are_called_by_the_clients_names() {
    let mut renamed = Renamed::default();
    renamed.add("a", "a.long.name");
    let named = |text: &str| (text.contains("\"a.long.name\""), text.contains("\"a\""));
    let (stream, _) = translated(&[written(&an_answer(), true).as_bytes()], renamed.clone());
    assert_eq!(named(&stream), (true, false));
    let document = Writer::new(question(false)).document(&an_answer());
    let (from, to) = (Dialect::Chat, Dialect::Chat);
    let document = translate::document(from, to, question(false), &renamed, &document).expect("an answer");
    assert_eq!(named(&String::from_utf8_lossy(&document)), (true, false));
}

#[test]
fn what_is_written_is_read_back_as_the_same_events() {
    let text = written(&an_answer(), true);
    let (mut reader, mut found) = (Reader::default(), Vec::new());
    Splitter::default().feed(text.as_bytes(), |event| reader.event(&event, &mut found));
    let mut expected = an_answer();
    // Without what the dialect has no place for, and with what it puts in.
    expected[0] = Event::Start { id: Some("chatcmpl-req1".to_owned()), model: Some("claude-x".to_owned()) };
    expected.remove(3);
    let last_close = expected.iter().rposition(|event| *event == Event::Close).expect("a close");
    expected.insert(last_close, Event::Delta(Delta::Arguments("{}".to_owned())));
    for event in &mut expected {
        if let Event::Usage(usage) = event {
            usage.cache_write_5m = Tokens(5);
            usage.cache_write_1h = Tokens::ZERO;
        }
    }
    assert_eq!(found, expected);
}
