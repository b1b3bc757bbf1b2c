//! Streams put together again, as SDKs do it: events to the message that they would have been in one piece.

use serde_json::{Map, Value, json};

/// The events of a stream, as names and data; names are empty where there are none.
pub(crate) fn events(text: &str) -> Vec<(String, String)> {
    let mut events = Vec::new();
    for event in text.replace("\r\n", "\n").split("\n\n").filter(|event| !event.trim().is_empty()) {
        let field = |name: &str| {
            let values = event.lines().filter_map(|line| line.strip_prefix(name));
            values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
        };
        let (name, data) = (field("event:"), field("data:"));
        if !data.is_empty() {
            events.push((name, data));
        }
    }
    events
}

fn parsed(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in an event: {data}"))
}

/// Adds text to a member that is text.
fn append(object: &mut Value, member: &str, more: &Value) {
    let before = object[member].as_str().unwrap_or_default();
    object[member] = json!(format!("{before}{}", more.as_str().unwrap_or_default()));
}

/// A message of Anthropic's API, from a stream that must be complete.
pub(crate) fn message(text: &str) -> Value {
    let mut message = Value::Null;
    let mut arguments = String::new();
    let mut is_over = false;
    for (name, data) in events(text) {
        let event = parsed(&data);
        assert_eq!(event["type"], name.as_str(), "an event's name is its type");
        assert!(!is_over, "nothing comes after the end: {data}");
        match name.as_str() {
            "message_start" => {
                assert!(message.is_null(), "one start: {text}");
                message = event["message"].clone();
            }
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().expect("blocks");
                assert_eq!(event["index"], blocks.len(), "blocks come in order");
                blocks.push(event["content_block"].clone());
                arguments.clear();
            }
            "content_block_delta" => {
                let block = message["content"].as_array_mut().and_then(|blocks| blocks.last_mut());
                let block = block.expect("a block");
                let delta = &event["delta"];
                match delta["type"].as_str().expect("a type") {
                    "text_delta" => append(block, "text", &delta["text"]),
                    "thinking_delta" => append(block, "thinking", &delta["thinking"]),
                    "signature_delta" => append(block, "signature", &delta["signature"]),
                    "input_json_delta" => {
                        arguments.push_str(delta["partial_json"].as_str().expect("text"));
                    }
                    _ => {}
                }
            }
            "content_block_stop" => {
                let block = message["content"].as_array_mut().and_then(|blocks| blocks.last_mut());
                if !arguments.is_empty() {
                    block.expect("a block")["input"] = parsed(&arguments);
                    arguments.clear();
                }
            }
            "message_delta" => {
                for (member, value) in event["delta"].as_object().expect("an object") {
                    message[member.as_str()] = value.clone();
                }
                for (member, value) in event["usage"].as_object().into_iter().flatten() {
                    message["usage"][member.as_str()] = value.clone();
                }
            }
            "message_stop" => is_over = true,
            "error" => panic!("an error in the stream: {data}"),
            _ => {}
        }
    }
    assert!(is_over, "the stream has no end: {text}");
    message
}

/// A completion of a chat, with its one choice, from a stream that must be complete.
pub(crate) fn completion(text: &str) -> Value {
    let mut message = json!({ "role": "assistant", "content": null });
    let mut completion = Value::Null;
    let mut finish = Value::Null;
    let mut calls: Vec<Value> = Vec::new();
    let events = events(text);
    assert_eq!(events.last().map(|(_, data)| data.as_str()), Some("[DONE]"), "the stream has no end: {text}");
    for (_, data) in &events[..events.len() - 1] {
        let chunk = parsed(data);
        assert!(chunk["error"].is_null(), "an error in the stream: {data}");
        if completion.is_null() {
            completion = json!({ "id": chunk["id"], "object": "chat.completion", "model": chunk["model"] });
        }
        if !chunk["usage"].is_null() {
            completion["usage"] = chunk["usage"].clone();
        }
        let choice = &chunk["choices"][0];
        if !choice["finish_reason"].is_null() {
            finish = choice["finish_reason"].clone();
        }
        let empty = Map::new();
        for (member, value) in choice["delta"].as_object().unwrap_or(&empty) {
            match member.as_str() {
                "tool_calls" => {
                    value.as_array().expect("calls").iter().for_each(|call| add_call(&mut calls, call));
                }
                "content" | "reasoning_content" if value.is_string() => append(&mut message, member, value),
                _ => {}
            }
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    completion["choices"] = json!([{ "index": 0, "message": message, "finish_reason": finish }]);
    completion
}

fn add_call(calls: &mut Vec<Value>, part: &Value) {
    let index = usize::try_from(part["index"].as_u64().expect("an index")).expect("few");
    if index == calls.len() {
        calls.push(
            json!({ "id": part["id"], "type": "function", "function": { "name": "", "arguments": "" } }),
        );
    }
    for member in ["name", "arguments"] {
        append(&mut calls[index]["function"], member, &part["function"][member]);
    }
}
