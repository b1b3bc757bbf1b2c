//! Embeddings: lists of numbers, as numbers or as bytes in base64.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::accent::Accent;
use super::ask::{list, model, required, text, whole_number, wrong_type};
use super::chat;
use crate::count;
use crate::form::Form;
use crate::log::Reported;
use crate::marker;
use crate::orders::Shared;
use crate::receive::Received;
use crate::refusal::Refusal;
use crate::respond::{play, refuse};
use crate::scenario::UsageReport;

/// What `text-embedding-3-small` has.
const DIMENSIONS: u64 = 1_536;
const DIMENSIONS_MAX: u64 = 3_072;

/// Answers a request; where the path names the model, that one.
pub(crate) async fn answer(
    accent: &Accent,
    shared: &Shared,
    received: Received,
    deployment: Option<String>,
) -> Response {
    let asked = match chat::read(accent, &received, deployment, check) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&accent.house, received.ticket, &refusal),
    };
    let inputs = inputs(&asked);
    let last = inputs.last().and_then(|input| input.as_str()).unwrap_or_default();
    let scenario = &marker::apply(last, shared.take());
    play(&accent.house, received, scenario, || {
        let tokens = inputs.iter().map(|input| tokens(input)).sum::<u64>() + scenario.input_raised_by;
        let usage = Reported { input: tokens, ..Reported::default() };
        let data = inputs.iter().enumerate().map(|(index, input)| {
            json!({ "object": "embedding", "index": index, "embedding": embedding(input, &asked) })
        });
        let mut document = json!({
            "object": "list",
            "data": data.collect::<Vec<_>>(),
            "model": asked.get("model"),
        });
        if scenario.usage != UsageReport::Omitted {
            document["usage"] = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
        }
        Form::document(&document, usage, scenario)
    })
    .await
}

fn check(asked: &Value) -> Result<(), Refusal> {
    model(asked)?;
    match required(asked, "input")? {
        Value::String(_) => {}
        Value::Array(inputs) if !inputs.is_empty() => {}
        other => return Err(wrong_type("input", "a string or an array that is not empty", other)),
    }
    whole_number(asked, "dimensions")?;
    match text(asked.get("encoding_format")) {
        "" | "float" | "base64" => Ok(()),
        other => {
            let message = format!("Invalid value: '{other}'. Supported values are: 'float' and 'base64'.");
            Err(Refusal::new(400, message).param("encoding_format").code("invalid_value"))
        }
    }
}

/// Texts, or lists of tokens; a list of numbers is one of the latter.
fn inputs(asked: &Value) -> Vec<&Value> {
    match asked.get("input") {
        Some(Value::Array(inputs)) if !inputs.iter().all(Value::is_number) => inputs.iter().collect(),
        input => input.into_iter().collect(),
    }
}

fn tokens(input: &Value) -> u64 {
    match input {
        Value::Array(tokens) => tokens.len() as u64,
        text => count::tokens(text, |_| None).max(1),
    }
}

/// The same for the same input: numbers between 0 and 1 whose bytes are those of the input, over and over.
fn embedding(input: &Value, asked: &Value) -> Value {
    let bytes = match input {
        Value::Array(tokens) => list(Some(&json!(tokens))).iter().map(ToString::to_string).collect(),
        text => text.as_str().unwrap_or_default().to_owned(),
    };
    let wanted = asked.get("dimensions").and_then(Value::as_u64).unwrap_or(DIMENSIONS).min(DIMENSIONS_MAX);
    let count = usize::try_from(wanted).unwrap_or_default();
    let numbers = bytes.bytes().chain([0]).cycle().take(count).map(|byte| f32::from(byte) / 256.0);
    if text(asked.get("encoding_format")) == "base64" {
        let packed: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
        return json!(STANDARD.encode(packed));
    }
    numbers.map(Value::from).collect()
}
