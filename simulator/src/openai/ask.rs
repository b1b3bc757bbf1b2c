//! What a request for chat completions asks, and what is wrong with it.

use serde_json::{Map, Value};

use crate::count;
use crate::refusal::Refusal;
use crate::speech::Wish;

/// Tokens of an image: in low detail, and of 1024 by 1024 in high.
const IMAGE_LOW: u64 = 85;
const IMAGE_HIGH: u64 = 765;
/// The most choices.
const CHOICES_MAX: u64 = 128;

/// Tokens of messages and tools.
pub(super) fn input_tokens(asked: &Value) -> u64 {
    count::input_tokens(asked, &["messages", "tools"], picture)
}

pub(super) fn picture(part: &Map<String, Value>) -> Option<u64> {
    let image = match text(part.get("type")) {
        "image_url" => part.get("image_url").and_then(|image| image.get("detail")),
        "input_image" => part.get("detail"),
        _ => return None,
    };
    Some(if text(image) == "low" { IMAGE_LOW } else { IMAGE_HIGH })
}

pub(super) fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The text of a message, whichever form its content has.
pub(super) fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

pub(super) fn wish(asked: &Value) -> Wish {
    let messages = list(asked.get("messages"));
    let last_user = messages.iter().rfind(|message| text(message.get("role")) == "user");
    let choice = asked.get("tool_choice");
    let named = choice.and_then(|choice| choice.pointer("/function/name")).and_then(Value::as_str);
    let offered = list(asked.get("tools")).iter().map(|tool| text(tool.pointer("/function/name")));
    let tools = match (text(choice), named) {
        ("none", _) => Vec::new(),
        (_, Some(name)) => vec![name.to_owned()],
        _ => offered.map(str::to_owned).collect(),
    };
    Wish {
        prompt: text_of(last_user.and_then(|message| message.get("content"))),
        tools,
        must_call: named.is_some() || text(choice) == "required",
        may_call_twice: asked.get("parallel_tool_calls") != Some(&Value::Bool(false)),
        has_tool_result: messages.last().is_some_and(|message| text(message.get("role")) == "tool"),
        max_output: most_tokens(asked),
        schema: schema(asked.get("response_format")),
    }
}

fn most_tokens(asked: &Value) -> Option<u64> {
    ["max_completion_tokens", "max_tokens"].iter().find_map(|name| asked.get(name).and_then(Value::as_u64))
}

fn schema(format: Option<&Value>) -> Option<Value> {
    match text(format?.get("type")) {
        "json_object" => Some(Value::Null),
        "json_schema" => Some(format?.pointer("/json_schema/schema").cloned().unwrap_or_default()),
        _ => None,
    }
}

/// How many answers are wanted.
pub(super) fn choices(asked: &Value) -> u64 {
    asked.get("n").and_then(Value::as_u64).unwrap_or(1)
}

pub(super) fn is_true(asked: &Value, pointer: &str) -> bool {
    asked.pointer(pointer) == Some(&Value::Bool(true))
}

/// A field that is there, of whatever kind.
pub(super) fn required<'a>(asked: &'a Value, field: &str) -> Result<&'a Value, Refusal> {
    asked.get(field).filter(|value| !value.is_null()).ok_or_else(|| {
        let message = format!("Missing required parameter: '{field}'.");
        Refusal::new(400, message).param(field).code("missing_required_parameter")
    })
}

pub(super) fn model(asked: &Value) -> Result<(), Refusal> {
    match asked.get("model") {
        Some(Value::String(_)) => Ok(()),
        Some(other) if !other.is_null() => Err(wrong_type("model", "a string", other)),
        _ => Err(Refusal::new(400, "you must provide a model parameter")),
    }
}

pub(super) fn wrong_type(field: &str, wanted: &str, found: &Value) -> Refusal {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let message = format!("Invalid type for '{field}': expected {wanted}, but got {found} instead.");
    Refusal::new(400, message).param(field).code("invalid_type")
}

/// The checks that every server of chat completions makes.
pub(super) fn check(asked: &Value) -> Result<(), Refusal> {
    model(asked)?;
    let messages = match required(asked, "messages")? {
        Value::Array(messages) => messages,
        other => return Err(wrong_type("messages", "an array of objects", other)),
    };
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an \
                       empty array instead.";
        return Err(Refusal::new(400, message).param("messages").code("empty_array"));
    }
    for field in ["max_tokens", "max_completion_tokens", "n"] {
        whole_number(asked, field)?;
    }
    if choices(asked) > CHOICES_MAX {
        let message = format!(
            "Invalid 'n': integer above maximum value. Expected a value <= {CHOICES_MAX}, but got {} instead.",
            choices(asked)
        );
        return Err(Refusal::new(400, message).param("n").code("integer_above_max_value"));
    }
    if asked.get("stream_options").is_some_and(|options| !options.is_null()) && !is_true(asked, "/stream") {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::new(400, message).param("stream_options"));
    }
    tools_answer_calls(messages)
}

pub(super) fn whole_number(asked: &Value, field: &str) -> Result<(), Refusal> {
    match asked.get(field) {
        None | Some(Value::Null) => Ok(()),
        Some(value) => match value.as_i64() {
            Some(1..) => Ok(()),
            Some(number) => {
                let message = format!(
                    "Invalid '{field}': integer below minimum value. Expected a value >= 1, but got {number} \
                     instead."
                );
                Err(Refusal::new(400, message).param(field).code("integer_below_min_value"))
            }
            None => Err(wrong_type(field, "an integer", value)),
        },
    }
}

/// Every call of a tool is answered right after it, and no answer comes without a call.
fn tools_answer_calls(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if text(message.get("role")) == "tool" {
            let id = text(message.get("tool_call_id"));
            let Some(place) = open.iter().position(|known| *known == id) else {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding \
                               message with 'tool_calls'.";
                return Err(Refusal::new(400, message).param(format!("messages.[{index}].role")));
            };
            open.swap_remove(place);
            continue;
        }
        unanswered(&open, index)?;
        open = list(message.get("tool_calls")).iter().map(|call| text(call.get("id"))).collect();
    }
    unanswered(&open, messages.len())
}

fn unanswered(open: &[&str], index: usize) -> Result<(), Refusal> {
    if open.is_empty() {
        return Ok(());
    }
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
         'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        open.join(", ")
    );
    Err(Refusal::new(400, message).param(format!("messages.[{index}].role")))
}

/// Models that think take `max_completion_tokens` alone.
pub(crate) fn no_max_tokens_for_reasoning(asked: &Value) -> Result<(), Refusal> {
    let has = |name| asked.get(name).is_some_and(|value| !value.is_null());
    if !has("max_tokens") {
        return Ok(());
    }
    if has("max_completion_tokens") {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(Refusal::new(400, message).param("max_tokens").code("invalid_parameter_combination"));
    }
    let model = text(asked.get("model"));
    if ["o1", "o3", "o4", "gpt-5"].iter().any(|family| model.starts_with(family)) {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                       'max_completion_tokens' instead.";
        return Err(Refusal::new(400, message).param("max_tokens").code("unsupported_parameter"));
    }
    Ok(())
}

/// OpenAI refuses options that others have.
pub(crate) fn known_stream_options(asked: &Value) -> Result<(), Refusal> {
    let options = asked.get("stream_options").and_then(Value::as_object);
    let known = ["include_usage", "include_obfuscation"];
    match options.and_then(|options| options.keys().find(|name| !known.contains(&name.as_str()))) {
        Some(name) => {
            let param = format!("stream_options.{name}");
            let message = format!("Unknown parameter: '{param}'.");
            Err(Refusal::new(400, message).param(param).code("unknown_parameter"))
        }
        None => Ok(()),
    }
}
