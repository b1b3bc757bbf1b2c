//! Nothing is unread in silence, whatever the body: every string of it is in a passage, is a mark, or is named.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::whole::{DATA, MARKS, SEALS};
use super::*;

/// Keys that mean something somewhere, and some that do not.
const KEYS: &[&str] = &[
    "role",
    "content",
    "type",
    "text",
    "thinking",
    "source",
    "data",
    "title",
    "context",
    "input",
    "output",
    "outputs",
    "results",
    "name",
    "id",
    "call_id",
    "tool_use_id",
    "tool_call_id",
    "tool_calls",
    "function",
    "arguments",
    "function_call",
    "custom",
    "image_url",
    "url",
    "file",
    "file_data",
    "file_id",
    "input_audio",
    "audio",
    "summary",
    "encrypted_content",
    "signature",
    "cache_control",
    "reasoning_content",
    "refusal",
    "annotations",
    "action",
    "error",
    "document",
    "tools",
    "status",
    "logprobs",
    "headers",
    "authorization",
    "phase",
    "Role",
    "unheard of",
    "x",
];

/// What those keys may hold.
const WORDS: &[&str] = &[
    "user",
    "assistant",
    "system",
    "developer",
    "tool",
    "function",
    "text",
    "tool_use",
    "tool_result",
    "image",
    "document",
    "web_search_tool_result",
    "server_tool_use",
    "base64",
    "url",
    "content",
    "file",
    "thinking",
    "redacted_thinking",
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call_output",
    "mcp_call",
    "mcp",
    "reasoning",
    "item_reference",
    "compaction",
    "input_text",
    "input_image",
    "input_file",
    "image_url",
    "image_generation_call",
    "https://example.com/a.png",
    "data:image/png;base64,iVBORw0KGgo=",
    "iVBORw0KGgo=",
    "toolu_1",
];

/// Letters, spaces, and what needs an escape.
fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select("abcdefgh  \n\"\\ü\u{200b}\u{1f600}".chars().collect::<Vec<_>>()),
        4..24,
    )
    .prop_map(|letters| letters.into_iter().collect())
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => words().prop_map(Value::String),
        4 => prop::sample::select(WORDS).prop_map(|word| json!(word)),
        1 => Just(Value::Null),
        1 => any::<u32>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            3 => prop::collection::vec((prop::sample::select(KEYS), inner), 0..6).prop_map(|members| {
                Value::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
            }),
        ]
    })
}

/// Strings that must be in a passage, and those that must be in one or named.
fn strings<'v>(key: &'v str, value: &'v Value, found: &mut Vec<(&'v str, &'v str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(list) => list.iter().for_each(|value| strings(key, value, found)),
        Value::Object(members) => members.iter().for_each(|(key, value)| strings(key, value, found)),
        _ => {}
    }
}

fn is_unbroken(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn check_body(dialect: Dialect, body: &str, said: &[(&str, &str)]) -> Result<(), TestCaseError> {
    let spoken = request(dialect, body.as_bytes()).expect("a request");
    for (key, text) in said.iter().filter(|(_, text)| text.len() > 3) {
        if spoken.passages.iter().any(|passage| passage.text.contains(text)) {
            continue;
        }
        let is_mark = is_unbroken(text) && (MARKS.contains(key) || SEALS.contains(key) || is_short_mark(key));
        let is_sealed = is_unbroken(text) && matches!(*key, "data" | "encrypted_content");
        let is_data = DATA.contains(key) && is_unbroken(text) && !spoken.unread.is_empty();
        let is_credential = matches!(*key, "authorization" | "headers") || body.contains("\"mcp\"");
        let is_named = is_data || (is_credential && spoken.unread.contains(&"a tool server"));
        prop_assert!(is_mark || is_sealed || is_named, "`{key}`: {text:?} of {body}: {spoken:?}");
    }
    Ok(())
}

/// The name of a result's tool is its source, and a file that is cited is a place.
fn is_short_mark(key: &str) -> bool {
    matches!(key, "name" | "version" | "namespace" | "file_id")
}

proptest! {
    #[test]
    fn every_string_of_a_conversation_is_read_or_named(
        value in value(), list in prop::collection::vec(value(), 0..4),
    ) {
        let list = Value::Array(list);
        let members: [(Dialect, &[&str]); 5] = [
            (Dialect::Messages, &["messages", "system", "unheard of"]),
            (Dialect::Chat, &["messages", "prediction", "unheard of"]),
            (Dialect::Responses, &["input", "instructions", "unheard of"]),
            (Dialect::Completions, &["prompt", "suffix"]),
            (Dialect::Embeddings, &["input", "messages"]),
        ];
        for (dialect, keys) in members {
            for key in keys {
                for value in [&value, &list] {
                    let body = json!({ *key: value }).to_string();
                    let mut said = Vec::new();
                    strings(key, value, &mut said);
                    check_body(dialect, &body, &said)?;
                }
            }
        }
    }

    /// Whichever of two equal keys a provider takes, it is read.
    #[test]
    fn repeated_keys_hide_nothing(
        members in prop::collection::vec((prop::sample::select(KEYS), words()), 1..6),
        role in prop::sample::select(WORDS), is_inside in any::<bool>(),
    ) {
        let object = |members: &[(&str, String)]| {
            let text: Vec<String> = members.iter().map(|(key, text)| format!("\"{key}\":{}", json!(text))).collect();
            format!("{{\"role\":\"{role}\",{}}}", text.join(","))
        };
        let twice: Vec<(&str, String)> = members
            .iter()
            .flat_map(|(key, text)| [(*key, text.clone()), (*key, format!("{text} again"))])
            .collect();
        let message = object(&twice);
        let message = if is_inside { format!("{{\"role\":\"user\",\"content\":[{message}]}}") } else { message };
        for (dialect, key) in
            [(Dialect::Messages, "messages"), (Dialect::Chat, "messages"), (Dialect::Responses, "input")]
        {
            let body = format!("{{\"{key}\":[{message}]}}");
            let said: Vec<(&str, &str)> = twice.iter().map(|(key, text)| (*key, text.as_str())).collect();
            check_body(dialect, &body, &said)?;
        }
    }

    /// The tree is what serde reads.
    #[test]
    fn the_tree_is_the_same_as_serdes(value in value()) {
        let text = value.to_string();
        let tree = tree::read(text.as_bytes()).expect("a tree");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        flat(&tree, &mut ours);
        flat_value(&value, &mut theirs);
        prop_assert_eq!(ours, theirs);
    }

    /// No bytes make it panic, and what serde takes it takes.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(
        prop::sample::select(br#"{}[]",:\u0dD8ae1-+. tfnrl"#.to_vec()), 0..60)) {
        let is_json = serde_json::from_slice::<Value>(&bytes).is_ok();
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(!is_json || tree::read(text.as_bytes()).is_some());
        for dialect in Dialect::ALL {
            let _ = request(dialect, &bytes);
            let _ = answer(dialect, &bytes);
        }
    }
}

fn flat(node: &Node<'_>, found: &mut Vec<String>) {
    match node {
        Node::Null => found.push("null".to_owned()),
        Node::Flag => found.push("flag".to_owned()),
        Node::Number(number) => found.push((*number).to_owned()),
        Node::Text(text) => found.push(format!("{text:?}")),
        Node::List(list) => {
            found.push(format!("list {}", list.len()));
            for node in list {
                flat(node, found);
            }
        }
        Node::Object(members) => {
            found.push(format!("object {}", members.len()));
            for (key, node) in members {
                found.push(format!("{key:?}"));
                flat(node, found);
            }
        }
    }
}

fn flat_value(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push("null".to_owned()),
        Value::Bool(_) => found.push("flag".to_owned()),
        Value::Number(number) => found.push(number.to_string()),
        Value::String(text) => found.push(format!("{text:?}")),
        Value::Array(list) => {
            found.push(format!("list {}", list.len()));
            for value in list {
                flat_value(value, found);
            }
        }
        Value::Object(members) => {
            found.push(format!("object {}", members.len()));
            for (key, value) in members {
                found.push(format!("{key:?}"));
                flat_value(value, found);
            }
        }
    }
}
