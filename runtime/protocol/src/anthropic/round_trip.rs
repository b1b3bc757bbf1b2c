//! An answer of Anthropic's, read into events and written again, is the same answer: so nothing of it is lost on the way
//! to another dialect before that dialect's own writer has seen it.

use pai_bundle::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::conversation::Renamed;
use crate::dialect::Dialect;
use crate::reading::Reading;
use crate::sse::Splitter;
use crate::translate::{self, Over, Question, StreamTranslator};

fn question() -> Question {
    Question { id: "r1".to_owned(), model: "asked".to_owned(), created: 0, stream_usage: false }
}

fn translated(pieces: &[&[u8]]) -> (Vec<u8>, Option<Over>) {
    let mut translator =
        StreamTranslator::new(Dialect::Messages, Dialect::Messages, question(), Renamed::default())
            .expect("a translator");
    let mut text = Vec::new();
    let mut splitter = Splitter::default();
    for piece in pieces {
        splitter.feed(piece, |event| translator.event(&event, &mut text));
    }
    translator.end(&mut text);
    (text, translator.over())
}

/// The message that a client makes of a stream, as the official packages do.
fn message(stream: &[u8]) -> Value {
    let mut message = Value::Null;
    let mut arguments = String::new();
    Splitter::default().feed(stream, |event| {
        let data: Value = serde_json::from_slice(event.data).expect("json");
        let last = |message: &mut Value, name: &str, more: &Value| {
            let block =
                message["content"].as_array_mut().and_then(|content| content.last_mut()).expect("a block");
            let text = block[name].as_str().unwrap_or_default().to_owned() + more.as_str().expect("text");
            block[name] = json!(text);
        };
        match event.name {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                message["content"].as_array_mut().expect("content").push(data["content_block"].clone());
            }
            "content_block_delta" => match data["delta"]["type"].as_str().expect("a type") {
                "text_delta" => last(&mut message, "text", &data["delta"]["text"]),
                "thinking_delta" => last(&mut message, "thinking", &data["delta"]["thinking"]),
                "signature_delta" => last(&mut message, "signature", &data["delta"]["signature"]),
                "input_json_delta" => arguments += data["delta"]["partial_json"].as_str().expect("text"),
                other => panic!("{other}"),
            },
            "content_block_stop" if !arguments.is_empty() => {
                let input: Value = serde_json::from_str(&std::mem::take(&mut arguments)).expect("arguments");
                let content = message["content"].as_array_mut().expect("content");
                content.last_mut().expect("a block")["input"] = input;
            }
            "message_delta" => {
                message["stop_reason"] = data["delta"]["stop_reason"].clone();
                message["stop_sequence"] = data["delta"]["stop_sequence"].clone();
                for (name, count) in data["usage"].as_object().expect("usage") {
                    message["usage"][name] = count.clone();
                }
            }
            _ => {}
        }
    });
    message
}

fn used(document: &Value) -> Option<Usage> {
    let mut reading = Reading::new(Dialect::Messages);
    reading.document(document.to_string().as_bytes());
    reading.usage
}

/// The same content, reason and counters; the counters by what they mean.
fn assert_same(left: &Value, right: &Value) {
    for name in ["id", "type", "role", "model", "content", "stop_reason", "stop_sequence"] {
        assert_eq!(left[name], right[name], "{name}");
    }
    assert_eq!(used(left), used(right));
}

/// A document as Anthropic sends it.
fn any_document() -> impl Strategy<Value = Value> {
    let text = "[a-zä\\\\\" \n]{1,8}";
    let block = prop_oneof![
        text.prop_map(|text| json!({"type": "text", "text": text})),
        (text, "[A-Za-z0-9+/=]{1,8}").prop_map(
            |(thinking, signature)| json!({"type": "thinking", "thinking": thinking, "signature": signature})
        ),
        "[A-Za-z0-9+/=]{1,8}"
            .prop_map(|signature| json!({"type": "thinking", "thinking": "", "signature": signature})),
        "[A-Za-z0-9+/=]{1,8}".prop_map(|data| json!({"type": "redacted_thinking", "data": data})),
        ("[A-Za-z0-9_]{1,8}", prop::collection::btree_map("[a-z]{1,3}", any::<i32>(), 0..3))
            .prop_map(|(id, input)| json!({"type": "tool_use", "id": id, "name": "t", "input": input})),
    ];
    let stop = prop::sample::select(vec![
        ("tool_use", Value::Null),
        ("max_tokens", Value::Null),
        ("stop_sequence", json!("END")),
        ("refusal", Value::Null),
        ("pause_turn", Value::Null),
        ("model_context_window_exceeded", Value::Null),
    ]);
    (prop::collection::vec(block, 0..5), stop, prop::array::uniform5(0_u32..5_000)).prop_map(
        |(content, (reason, sequence), [input, output, five, hour, read])| {
            json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
                "stop_reason": reason, "stop_sequence": sequence,
                "usage": {
                    "input_tokens": input, "output_tokens": output,
                    "cache_creation_input_tokens": u64::from(five) + u64::from(hour),
                    "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour},
                    "cache_read_input_tokens": read, "service_tier": "standard",
                },
            })
        },
    )
}

/// The stream of a document, as Anthropic sends it.
fn stream(document: &Value) -> Vec<u8> {
    let mut text = String::new();
    let mut put = |data: Value| {
        text += &format!("event: {}\ndata: {data}\n\n", data["type"].as_str().expect("a type"));
    };
    let mut start = document.clone();
    start["content"] = json!([]);
    (start["stop_reason"], start["stop_sequence"]) = (Value::Null, Value::Null);
    start["usage"]["output_tokens"] = json!(1);
    put(json!({"type": "message_start", "message": start}));
    put(json!({"type": "ping"}));
    for (index, block) in document["content"].as_array().expect("content").iter().enumerate() {
        let mut begin = block.clone();
        let mut deltas = Vec::new();
        match block["type"].as_str().expect("a type") {
            "text" => {
                begin["text"] = json!("");
                deltas.push(json!({"type": "text_delta", "text": block["text"]}));
            }
            "thinking" => {
                (begin["thinking"], begin["signature"]) = (json!(""), json!(""));
                deltas.push(json!({"type": "thinking_delta", "thinking": block["thinking"]}));
                deltas.push(json!({"type": "signature_delta", "signature": block["signature"]}));
            }
            "tool_use" => {
                begin["input"] = json!({});
                let input = block["input"].to_string();
                let (first, second) = input.split_at(input.len() / 2);
                for piece in ["", first, second] {
                    deltas.push(json!({"type": "input_json_delta", "partial_json": piece}));
                }
            }
            _ => {}
        }
        put(json!({"type": "content_block_start", "index": index, "content_block": begin}));
        for delta in deltas {
            put(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        put(json!({"type": "content_block_stop", "index": index}));
    }
    let delta = json!({"stop_reason": document["stop_reason"], "stop_sequence": document["stop_sequence"]});
    let usage = json!({"output_tokens": document["usage"]["output_tokens"]});
    put(json!({"type": "message_delta", "delta": delta, "usage": usage}));
    put(json!({"type": "message_stop"}));
    text.into_bytes()
}

proptest! {
    #[test]
    fn a_document_stays_the_same(document in any_document()) {
        let text = document.to_string();
        let written =
            translate::document(Dialect::Messages, Dialect::Messages, question(), &Renamed::default(), text.as_bytes()).expect("an answer");
        assert_same(&serde_json::from_slice(&written).expect("json"), &document);
    }

    #[test]
    fn a_stream_stays_the_same(document in any_document()) {
        let (written, over) = translated(&[&stream(&document)]);
        prop_assert_eq!(over, Some(Over::Clean));
        assert_same(&message(&written), &document);
    }

    #[test]
    fn any_split_gives_the_same_bytes(document in any_document(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let stream = stream(&document);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(translated(&pieces), translated(&[&stream]));
    }

    #[test]
    fn a_cut_stream_never_ends_clean(document in any_document(), at in any::<prop::sample::Index>()) {
        let stream = stream(&document);
        let (written, over) = translated(&[&stream[..at.index(stream.len() - 1)]]);
        prop_assert_eq!(over, Some(Over::Failed));
        let text = String::from_utf8(written).expect("text");
        prop_assert!(text.contains("event: error\n") && !text.contains("event: message_stop\n"));
    }

    #[test]
    fn nonsense_never_panics(document in any_document(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut stream = stream(&document);
        let at = at.index(stream.len());
        stream[at] = byte;
        translated(&[&stream]);
        let mut text = document.to_string().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        translate::document(Dialect::Messages, Dialect::Messages, question(), &Renamed::default(), &text);
        let _ = super::from_request::read(&text);
    }
}
