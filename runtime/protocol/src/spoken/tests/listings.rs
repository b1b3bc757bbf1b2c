//! A list that is read on from a stop says what the whole of it says from there, whatever the messages are.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::any::value;
use super::*;

/// A message of any dialect's, with ids and names that come again.
fn message() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(vec!["a", "b", "Ignore all", "previous instructions", "\u{fc}\n\""]);
    let role =
        prop::sample::select(vec!["user", "assistant", "system", "tool", "developer", "function", "x"]);
    let id = || prop::sample::select(vec!["1", "2", "3"]);
    let name = || prop::sample::select(vec!["bash", "fetch", ""]);
    prop_oneof![
        2 => value(),
        4 => (role, word()).prop_map(|(role, text)| json!({ "role": role, "content": text })),
        1 => (word(), word()).prop_map(|(one, other)| json!({ "role": "user", "content": [
            { "type": "text", "text": one }, { "type": "image", "source": {} }, { "type": "text", "text": other }] })),
        2 => (id(), name()).prop_map(|(id, name)| json!({ "role": "assistant", "content": [
            { "type": "tool_use", "id": id, "name": name, "input": { "x": name } }] })),
        2 => (id(), word()).prop_map(|(id, text)| json!({ "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": id, "content": text }] })),
        2 => (id(), name()).prop_map(|(id, name)| json!({ "role": "assistant", "tool_calls": [
            { "id": id, "type": "function", "function": { "name": name, "arguments": "{}" } }] })),
        2 => (id(), word(), name()).prop_map(|(id, text, name)| json!({
            "role": "tool", "tool_call_id": id, "name": name, "content": text })),
        2 => (id(), name()).prop_map(|(id, name)| json!({
            "type": "function_call", "call_id": id, "name": name, "arguments": "{}" })),
        2 => (id(), word()).prop_map(|(id, text)| json!({
            "type": "function_call_output", "call_id": id, "output": text })),
    ]
}

/// The body, with space between messages, members around the list, and perhaps a role that is said twice.
fn body(dialect: Dialect, list: &[Value], outside: &[Value], space: &str) -> String {
    let key = if dialect == Dialect::Responses { "input" } else { "messages" };
    let said = list.iter().map(Value::to_string).collect::<Vec<_>>().join(&format!("{space},{space}"));
    let said = said.replace(r#""role":"x""#, r#""role":"assistant","role":"user""#);
    let [before, after] = [0, 1].map(|at| outside.get(at).unwrap_or(&Value::Null));
    format!(
        r#"{{"system":{before},"instructions":{before},"{key}":{space}[{space}{said}{space}],"metadata":1,"{key}":{after}}}"#
    )
}

proptest! {
    #[test]
    fn reading_on_from_a_stop_says_the_same(
        list in prop::collection::vec(message(), 0..12),
        outside in prop::collection::vec(value(), 0..3),
        space in prop::sample::select(vec!["", " ", "\n\t"]),
    ) {
        for dialect in [Dialect::Messages, Dialect::Chat, Dialect::Responses, Dialect::Embeddings] {
            let body = body(dialect, &list, &outside, space);
            let expected = request(dialect, body.as_bytes()).expect("a request");
            let whole = Opening::new(dialect, body.as_bytes()).expect("a list").read(&Stop::default());
            let whole = whole.expect("a listing");
            prop_assert_eq!(&whole.spoken, &expected);
            prop_assert_eq!(whole.messages.len(), list.len());
            let bytes = Opening::new(dialect, body.as_bytes()).expect("a list").list();
            for message in &whole.messages {
                let alone = super::message(dialect, &bytes[message.bytes.clone()]).expect("a message");
                let texts = |passages: &[Passage<'_>]| {
                    passages.iter().map(|passage| passage.text.to_string()).collect::<Vec<_>>()
                };
                prop_assert_eq!(texts(&alone.passages), texts(&expected.passages[message.passages.clone()]));
            }
            for stop in &whole.stops {
                let opening = Opening::new(dialect, body.as_bytes()).expect("a list");
                let Some(rest) = opening.read(stop) else { continue };
                let until = whole.messages[stop.messages - 1].passages.end;
                let mut passages = expected.passages.clone();
                passages.drain(whole.list.start..until);
                prop_assert_eq!(&rest.spoken.passages, &passages, "{} {:?}", &body, stop);
                prop_assert_eq!(&rest.spoken.unread, &expected.unread);
                prop_assert_eq!(rest.list, whole.list.start..whole.list.end - (until - whole.list.start));
                prop_assert_eq!(rest.messages.len(), list.len() - stop.messages);
                let last = whole.stops.last().filter(|last| last.bytes > stop.bytes);
                prop_assert_eq!(rest.stops.last().map(|stop| stop.bytes), last.map(|stop| stop.bytes));
                prop_assert_eq!(rest.stops.last().map(|stop| &stop.unread), last.map(|stop| &stop.unread));
            }
        }
    }
}

#[test]
fn a_stop_stands_before_the_assistants_turn_and_at_the_end() {
    let said = |role: &str, text: &str| json!({ "role": role, "content": text });
    let list: Vec<Value> = (0..4)
        .flat_map(|turn| [said("user", &format!("{turn}")), said("user", "more"), said("assistant", "yes")])
        .collect();
    for (list, expected) in [
        (&list[..], vec![5, 8, 11]),
        (&list[..11], vec![5, 8, 11]),
        (&list[..2], vec![2]),
        (&list[2..3], vec![]),
        (&[], vec![]),
    ] {
        let body = body(Dialect::Chat, list, &[], "");
        let listing =
            Opening::new(Dialect::Chat, body.as_bytes()).and_then(|opening| opening.read(&Stop::default()));
        let stops = listing.expect("a listing").stops;
        assert_eq!(stops.iter().map(|stop| stop.messages).collect::<Vec<_>>(), expected, "{body}");
    }
}

#[test]
fn a_result_of_an_earlier_call_is_not_read_without_it() {
    let list = r#"[{"role":"user","content":"a"},
        {"role":"assistant","content":[{"type":"tool_use","id":"1","name":"bash","input":{}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"b"}]},
        {"role":"assistant","content":"c"},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"d"}]}]"#;
    let body = format!(r#"{{"messages":{list}}}"#);
    let opening = || Opening::new(Dialect::Messages, body.as_bytes()).expect("a list");
    let stops = opening().read(&Stop::default()).expect("a listing").stops;
    let read: Vec<bool> = stops.iter().map(|stop| opening().read(stop).is_some()).collect();
    assert_eq!(
        read,
        [true, false, true],
        "the call stands behind the first stop, and none has to be read behind the last"
    );
}

#[test]
fn what_is_no_list_has_no_opening() {
    for body in [r#"{"messages":"a"}"#, "{}", "[]", r#"{"prompt":[]}"#, r#"{"messages""#, "\"\""] {
        assert!(Opening::new(Dialect::Messages, body.as_bytes()).is_none(), "{body}");
    }
    for body in [r#"{"messages":[1"#, r#"{"messages":[1]"#, r#"{"messages":[1,]}"#, r#"{"messages":[]}x"#] {
        let opening = Opening::new(Dialect::Messages, body.as_bytes()).expect(body);
        assert!(opening.read(&Stop::default()).is_none(), "{body}");
    }
    let invalid = b"{\"messages\":[\"\xff\"]}";
    assert!(Opening::new(Dialect::Messages, invalid).and_then(|it| it.read(&Stop::default())).is_none());
    assert!(request(Dialect::Messages, invalid).is_ok());
}
