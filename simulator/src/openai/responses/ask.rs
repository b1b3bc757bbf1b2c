//! What a request for a response asks, and what is wrong with it.

use serde_json::Value;

use super::SEAL;
use crate::count;
use crate::openai::ask::{list, model, picture, required, text, text_of, whole_number, wrong_type};
use crate::refusal::Refusal;
use crate::seal;
use crate::speech::Wish;

/// The least that may be asked for.
const OUTPUT_MIN: u64 = 16;

/// Tokens of input, instructions and tools.
pub(super) fn input_tokens(asked: &Value) -> u64 {
    count::input_tokens(asked, &["instructions", "input", "tools"], picture)
}

fn items(asked: &Value) -> &[Value] {
    list(asked.get("input"))
}

pub(super) fn wish(asked: &Value) -> Wish {
    let last_user = items(asked).iter().rfind(|item| text(item.get("role")) == "user");
    let choice = asked.get("tool_choice");
    let named = choice.and_then(|choice| choice.get("name")).and_then(Value::as_str);
    let functions = list(asked.get("tools")).iter().filter(|tool| text(tool.get("type")) == "function");
    let tools = match (text(choice), named) {
        ("none", _) => Vec::new(),
        (_, Some(name)) => vec![name.to_owned()],
        _ => functions.map(|tool| text(tool.get("name")).to_owned()).collect(),
    };
    let last = items(asked).last();
    Wish {
        prompt: match asked.get("input") {
            Some(Value::String(text)) => text.clone(),
            _ => text_of(last_user.and_then(|item| item.get("content"))),
        },
        tools,
        must_call: named.is_some() || text(choice) == "required",
        may_call_twice: asked.get("parallel_tool_calls") != Some(&Value::Bool(false)),
        has_tool_result: last.is_some_and(|item| text(item.get("type")) == "function_call_output"),
        max_output: asked.get("max_output_tokens").and_then(Value::as_u64),
        schema: match text(asked.pointer("/text/format/type")) {
            "json_object" => Some(Value::Null),
            "json_schema" => Some(asked.pointer("/text/format/schema").cloned().unwrap_or_default()),
            _ => None,
        },
    }
}

pub(super) fn wants_encrypted_thoughts(asked: &Value) -> bool {
    list(asked.get("include")).iter().any(|part| text(Some(part)) == "reasoning.encrypted_content")
}

pub(super) fn check(asked: &Value) -> Result<(), Refusal> {
    model(asked)?;
    match required(asked, "input")? {
        Value::String(_) | Value::Array(_) => {}
        other => return Err(wrong_type("input", "one of an array of objects or a string", other)),
    }
    whole_number(asked, "max_output_tokens")?;
    if let Some(most) =
        asked.get("max_output_tokens").and_then(Value::as_u64).filter(|most| *most < OUTPUT_MIN)
    {
        let message = format!(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {OUTPUT_MIN}, but got \
             {most} instead."
        );
        return Err(Refusal::new(400, message).param("max_output_tokens").code("integer_below_min_value"));
    }
    if let Some(id) = asked.get("previous_response_id").and_then(Value::as_str) {
        // Nothing is kept here.
        let message = format!("Previous response with id '{id}' not found.");
        let refusal = Refusal::new(404, message).kind("invalid_request_error");
        return Err(refusal.param("previous_response_id").code("previous_response_not_found"));
    }
    outputs_answer_calls(items(asked))?;
    thoughts_are_ours(items(asked))
}

/// Every call has an output somewhere after it, and no output comes without a call.
fn outputs_answer_calls(items: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for item in items {
        let id = text(item.get("call_id"));
        match text(item.get("type")) {
            "function_call" => open.push(id),
            "function_call_output" => {
                let Some(place) = open.iter().position(|known| *known == id) else {
                    let message = format!("No tool call found for function call output with call_id {id}.");
                    return Err(Refusal::new(400, message).param("input"));
                };
                open.swap_remove(place);
            }
            _ => {}
        }
    }
    match open.first() {
        Some(id) => {
            let message = format!("No tool output found for function call {id}.");
            Err(Refusal::new(400, message).param("input"))
        }
        None => Ok(()),
    }
}

/// Thoughts that the client kept come back as they were sealed.
fn thoughts_are_ours(items: &[Value]) -> Result<(), Refusal> {
    for item in items.iter().filter(|item| text(item.get("type")) == "reasoning") {
        let id = text(item.get("id"));
        let sealed = item.get("encrypted_content").and_then(Value::as_str);
        if sealed.is_some_and(|sealed| sealed != seal::of_text(SEAL, id)) {
            let message = format!("The encrypted content for item {id} could not be verified.");
            return Err(Refusal::new(400, message).code("invalid_encrypted_content"));
        }
    }
    Ok(())
}
