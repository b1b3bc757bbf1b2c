//! The streams and documents that answers come to.

use pai_bundle::unit::Tokens;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::Dialect;
use crate::event::{FailureKind, Seal, SealMaker};
use crate::reading::Reading;
use crate::sse::Splitter;

fn question() -> Question {
    Question {
        id: "req_pai_1".to_owned(),
        model: "asked".to_owned(),
        created: 1_700_000_000,
        stream_usage: false,
    }
}

/// The events of the stream that these come to, each held to its name and number.
fn stream(events: &[Event]) -> Vec<Value> {
    let mut writer = Writer::new(question());
    let mut text = Vec::new();
    for event in events {
        writer.event(event, &mut text);
    }
    let mut splitter = Splitter::default();
    let mut all = Vec::new();
    splitter.feed(&text, |event| {
        let data: Value = serde_json::from_slice(event.data).expect("json");
        assert_eq!(data["type"], event.name);
        assert_eq!(data["sequence_number"], all.len());
        all.push(data);
    });
    assert!(splitter.is_between_events());
    all
}

fn document(events: &[Event]) -> Value {
    serde_json::from_slice(&Writer::new(question()).document(events)).expect("json")
}

fn start() -> Event {
    Event::Start { id: Some("msg_01".to_owned()), model: Some("answers".to_owned()) }
}

fn text(more: &str) -> Event {
    Event::Delta(Delta::Text(more.to_owned()))
}

fn thought(more: &str) -> Event {
    Event::Delta(Delta::Thinking(more.to_owned()))
}

fn arguments(more: &str) -> Event {
    Event::Delta(Delta::Arguments(more.to_owned()))
}

fn seal(maker: SealMaker) -> Event {
    Event::Delta(Delta::Seal(Seal { maker, value: "S=".to_owned() }))
}

fn call(id: &str) -> Event {
    Event::Open(Block::ToolCall { id: id.to_owned(), name: "shell".to_owned() })
}

fn used() -> Event {
    Event::Usage(Usage {
        input: Tokens(10),
        cache_write_5m: Tokens(2),
        cache_write_1h: Tokens(3),
        cache_read: Tokens(50),
        output: Tokens(7),
        web_searches: 0,
    })
}

/// Thoughts, words and two calls, with the counters behind the reason.
fn everything() -> Vec<Event> {
    vec![
        start(),
        Event::Open(Block::Thinking),
        thought("Look"),
        thought(" around"),
        seal(SealMaker::Anthropic),
        Event::Close,
        Event::Open(Block::Text),
        text("I \"look\""),
        text(".\n"),
        Event::Close,
        call("toolu_1"),
        arguments("{\"a\":"),
        arguments("1}"),
        Event::Close,
        call("toolu_2"),
        Event::Close,
        Event::Finish(Finish::ToolCalls),
        used(),
        Event::End,
    ]
}

#[test]
fn a_whole_answer_follows_the_grammar() {
    let events = stream(&everything());
    let kinds: Vec<&str> =
        events.iter().filter_map(|event| event["type"].as_str()?.strip_prefix("response.")).collect();
    assert_eq!(
        kinds,
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    let places: Vec<_> = events.iter().filter_map(|event| event.get("output_index")?.as_u64()).collect();
    assert_eq!(places, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3]);
    assert_eq!(
        events[11],
        json!({
            "type": "response.output_text.delta", "sequence_number": 11, "item_id": "msg_pai_1_1",
            "output_index": 1, "content_index": 0, "delta": "I \"look\"", "logprobs": [],
        })
    );
    assert_eq!(
        events[19],
        json!({
            "type": "response.function_call_arguments.done", "sequence_number": 19, "item_id": "fc_pai_1_2",
            "output_index": 2, "name": "shell", "arguments": "{\"a\":1}",
        })
    );
}

#[test]
fn the_last_event_and_the_document_are_the_whole_response() {
    let expected = json!({
        "id": "resp_pai_1", "object": "response", "created_at": 1_700_000_000, "status": "completed",
        "background": false, "error": null, "incomplete_details": null, "instructions": null,
        "max_output_tokens": null, "max_tool_calls": null, "metadata": {}, "model": "answers",
        "output": [
            {
                "type": "reasoning", "id": "rs_pai_1_0", "status": "completed",
                "summary": [{ "type": "summary_text", "text": "Look around" }],
                "encrypted_content": "pai:thoughts:anthropic:S=",
            },
            {
                "type": "message", "id": "msg_pai_1_1", "status": "completed", "role": "assistant",
                "content": [{
                    "type": "output_text", "text": "I \"look\".\n", "annotations": [], "logprobs": [],
                }],
            },
            {
                "type": "function_call", "id": "fc_pai_1_2", "status": "completed", "call_id": "toolu_1",
                "name": "shell", "arguments": "{\"a\":1}",
            },
            {
                "type": "function_call", "id": "fc_pai_1_3", "status": "completed", "call_id": "toolu_2",
                "name": "shell", "arguments": "{}",
            },
        ],
        "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": { "effort": null, "summary": null }, "service_tier": "default", "store": false,
        "temperature": null, "text": { "format": { "type": "text" } }, "tool_choice": "auto", "tools": [],
        "top_p": null, "truncation": "disabled",
        "usage": {
            "input_tokens": 65,
            "input_tokens_details": { "cached_tokens": 50, "cache_write_tokens": 5 },
            "output_tokens": 7, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 72,
        },
        "user": null,
    });
    assert_eq!(document(&everything()), expected);
    assert_eq!(stream(&everything()).last().expect("an event")["response"], expected);
}

#[test]
fn what_a_client_sends_back_is_what_was_answered() {
    let answer = document(&everything());
    let body = json!({ "model": "m", "input": answer["output"] }).to_string();
    let asked = crate::responses::from_request::read(body.as_bytes()).expect("a conversation");
    let parts = format!("{:?}", asked.turns[0].parts);
    for part in [
        "Thinking { text: \"Look around\", seal: Some(Seal { maker: Anthropic, value: \"S=\" }) }",
        "Text(\"I \\\"look\\\".\\n\")",
        "ToolCall { id: \"toolu_1\", name: \"shell\", arguments: RawValue({\"a\":1}), seal: None }",
    ] {
        assert!(parts.contains(part), "{part} in {parts}");
    }
    assert_eq!(asked.dropped.names(), [] as [&str; 0]);
}

#[test]
fn a_seal_on_a_call_comes_back_on_the_same_call() {
    let answer = document(&[
        start(),
        call("a"),
        arguments("{}"),
        seal(SealMaker::Gemini),
        Event::Close,
        call("b"),
        arguments("{}"),
        Event::Close,
        Event::Finish(Finish::ToolCalls),
        Event::End,
    ]);
    let body = json!({ "model": "m", "input": answer["output"] }).to_string();
    let asked = crate::responses::from_request::read(body.as_bytes()).expect("a conversation");
    let parts = format!("{:?}", asked.turns[0].parts);
    assert!(
        parts
            .contains("id: \"a\", name: \"shell\", arguments: RawValue({}), seal: Some(Seal { maker: Gemini"),
        "{parts}"
    );
    assert!(parts.contains("id: \"b\", name: \"shell\", arguments: RawValue({}), seal: None"), "{parts}");
}

#[test]
fn a_new_item_says_that_it_is_empty_and_under_way() {
    let events = stream(&everything());
    let added =
        |index: usize| events.iter().filter(|event| event["type"] == "response.output_item.added").nth(index);
    assert_eq!(
        added(0).expect("an item")["item"],
        json!({
            "type": "reasoning", "id": "rs_pai_1_0", "status": "in_progress", "summary": [],
            "encrypted_content": null,
        })
    );
    assert_eq!(
        added(1).expect("an item")["item"],
        json!({
            "type": "message", "id": "msg_pai_1_1", "status": "in_progress", "role": "assistant", "content": [],
        })
    );
    assert_eq!(
        added(2).expect("an item")["item"],
        json!({
            "type": "function_call", "id": "fc_pai_1_2", "status": "in_progress", "call_id": "toolu_1",
            "name": "shell", "arguments": "",
        })
    );
    assert_eq!(events[0]["response"]["status"], "in_progress");
    assert_eq!(events[0]["response"]["output"], json!([]));
    assert_eq!(events[0]["response"]["usage"], Value::Null);
}

#[test]
fn why_it_stopped_is_told_in_this_dialects_words() {
    let table = [
        (Finish::Done, "completed", Value::Null, "completed"),
        (Finish::ToolCalls, "completed", Value::Null, "completed"),
        (Finish::Stop(Some("x".to_owned())), "completed", Value::Null, "completed"),
        (Finish::MaxOutput, "incomplete", json!({ "reason": "max_output_tokens" }), "incomplete"),
        (Finish::ContextFull, "incomplete", json!({ "reason": "max_output_tokens" }), "incomplete"),
        (Finish::Refused, "incomplete", json!({ "reason": "content_filter" }), "incomplete"),
    ];
    for (finish, status, details, item) in table {
        let events = stream(&[
            start(),
            Event::Open(Block::Text),
            text("one"),
            Event::Close,
            Event::Open(Block::Text),
            text("two"),
            Event::Close,
            Event::Finish(finish.clone()),
            Event::End,
        ]);
        let last = events.last().expect("an event");
        assert_eq!(last["type"], format!("response.{status}"), "{finish:?}");
        assert_eq!(last["response"]["status"], status, "{finish:?}");
        assert_eq!(last["response"]["incomplete_details"], details, "{finish:?}");
        // Only what it stopped in is not all there.
        assert_eq!(last["response"]["output"][0]["status"], "completed", "{finish:?}");
        assert_eq!(last["response"]["output"][1]["status"], item, "{finish:?}");
        let done = events.iter().rfind(|event| event["type"] == "response.output_item.done");
        assert_eq!(done.expect("an event")["item"]["status"], item, "{finish:?}");
    }
}

#[test]
fn a_call_that_was_cut_off_before_its_arguments_has_none() {
    let answer = [start(), call("a"), Event::Close, Event::Finish(Finish::MaxOutput), Event::End];
    let item = &document(&answer)["output"][0];
    assert_eq!((&item["arguments"], &item["status"]), (&json!(""), &json!("incomplete")));
}

#[test]
fn thoughts_without_words_keep_their_seal() {
    let answer = [start(), Event::Open(Block::Thinking), seal(SealMaker::AnthropicRedacted), Event::Close];
    let answer = [&answer[..], &[Event::Finish(Finish::Done), Event::End]].concat();
    let kinds: Vec<_> = stream(&answer).iter().map(|event| event["type"].to_string()).collect();
    assert!(!kinds.iter().any(|kind| kind.contains("summary")), "{kinds:?}");
    let item = &document(&answer)["output"][0];
    assert_eq!(
        (&item["summary"], &item["encrypted_content"]),
        (&json!([]), &json!("pai:thoughts:anthropic-redacted:S="))
    );
}

#[test]
fn an_answer_that_breaks_off_never_ends_clean() {
    let failure = Failure { kind: FailureKind::RateLimit, message: "slow down".to_owned() };
    let answer = [start(), Event::Open(Block::Text), text("half"), Event::Error(failure.clone())];
    let events = stream(&answer);
    let [.., failed, error] = &events[..] else { panic!("{events:?}") };
    assert_eq!(failed["type"], "response.failed");
    let response = &failed["response"];
    assert_eq!(response["status"], "failed");
    assert_eq!(response["error"], json!({ "code": "rate_limit_exceeded", "message": "slow down" }));
    assert_eq!(
        (&response["output"][0]["status"], &response["output"][0]["content"][0]["text"]),
        (&json!("incomplete"), &json!("half"))
    );
    assert_eq!(
        *error,
        json!({
            "type": "error", "sequence_number": events.len() - 1, "code": "rate_limit_exceeded",
            "message": "slow down", "param": null,
            "error": {
                "type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "slow down", "param": null,
            },
        })
    );
    let kinds: Vec<_> = stream(&[Event::Error(failure)]).iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["response.created", "response.in_progress", "response.failed", "error"]);
}

#[test]
fn what_the_provider_does_not_name_has_a_name() {
    let answer = [
        Event::Start { id: None, model: None },
        call(""),
        Event::Close,
        Event::Finish(Finish::Done),
        Event::End,
    ];
    let response = document(&answer);
    assert_eq!(response["model"], "asked");
    assert_eq!(response["output"][0]["call_id"], "call_pai_1_0");
    assert_eq!(response["usage"], Value::Null);
}

#[test]
fn what_is_written_is_read_as_the_same_usage() {
    let mut writer = Writer::new(question());
    let mut text = Vec::new();
    for event in everything() {
        writer.event(&event, &mut text);
    }
    let mut reading = Reading::new(Dialect::Responses);
    Splitter::default().feed(&text, |event| reading.event(&event));
    let Event::Usage(usage) = used() else { panic!("usage") };
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    assert_eq!(reading.usage, Some(Usage { cache_write_5m: written, cache_write_1h: Tokens(0), ..usage }));
    assert!(reading.stopped && reading.has_content && !reading.failed);
}

/// Blocks of any kind and length.
fn blocks() -> impl Strategy<Value = Vec<Event>> {
    let pieces = || prop::collection::vec("[a-z\"\\\\\n\u{e9}]{0,4}", 0..4);
    let block = prop_oneof![
        pieces()
            .prop_map(|pieces| (Event::Open(Block::Text), pieces.iter().map(|piece| text(piece)).collect())),
        pieces().prop_map(|pieces| (
            Event::Open(Block::Thinking),
            pieces.iter().map(|piece| thought(piece)).collect()
        )),
        pieces().prop_map(|pieces| (call("c"), pieces.iter().map(|piece| arguments(piece)).collect())),
        Just((call("d"), vec![seal(SealMaker::Gemini)])),
        Just((Event::Open(Block::Thinking), vec![seal(SealMaker::Anthropic)])),
    ];
    prop::collection::vec(
        block.prop_map(|(open, deltas): (Event, Vec<Event>)| {
            [vec![open], deltas, vec![Event::Close]].concat()
        }),
        0..5,
    )
    .prop_map(|blocks| blocks.concat())
}

/// What the deltas of a stream add up to, item by item.
fn added_up(events: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for event in events {
        match event["type"].as_str() {
            Some("response.output_item.added") => texts.push(String::new()),
            Some(_) if event.get("delta").is_some() => {
                let index =
                    usize::try_from(event["output_index"].as_u64().expect("an index")).expect("small");
                texts[index].push_str(event["delta"].as_str().expect("a string"));
            }
            _ => {}
        }
    }
    texts
}

proptest! {
    #[test]
    fn deltas_add_up_to_items_and_items_to_the_response(blocks in blocks()) {
        let answer = [vec![start()], blocks, vec![used(), Event::Finish(Finish::Done), Event::End]].concat();
        let events = stream(&answer);
        let done: Vec<&Value> = events
            .iter()
            .filter(|event| event["type"] == "response.output_item.done")
            .map(|event| &event["item"])
            .collect();
        let response = &events.last().expect("an event")["response"];
        prop_assert_eq!(response, &document(&answer));
        prop_assert_eq!(&json!(done), &response["output"]);
        let texts: Vec<String> = done
            .iter()
            .map(|item| {
                let text = item.pointer("/content/0/text").or_else(|| item.pointer("/summary/0/text"));
                text.or_else(|| item.get("arguments")).and_then(Value::as_str).unwrap_or_default().to_owned()
            })
            .collect();
        prop_assert_eq!(added_up(&events), texts);
    }
}
