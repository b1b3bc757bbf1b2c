//! OpenRouter: chat completions with comments in between, and with what they cost.

use serde_json::{Value, json};

use axum::Router;

use crate::house::House;
use crate::openai;
use crate::openai::accent::{Accent, StreamUsage};
use crate::orders::Shared;
use crate::receive::Received;
use crate::refusal::Refusal;

pub(crate) const HOUSE: House = House {
    json: "application/json",
    events: "text/event-stream",
    headers: &[
        ("x-generation-id", "gen-simulated0001"),
        ("cf-ray", "simulated-ARN"),
        ("access-control-allow-origin", "*"),
    ],
    error,
};

static ACCENT: Accent = Accent {
    house: HOUSE,
    admits,
    checks: |_| Ok(()),
    blocked: None,
    stream_usage: StreamUsage::Always,
    before: Vec::new,
    between: Some("OPENROUTER PROCESSING"),
    choice: |choice| choice["native_finish_reason"] = choice["finish_reason"].clone(),
    thoughts: |text| {
        let detail = json!({ "type": "reasoning.text", "text": text, "format": "unknown", "index": 0 });
        json!({ "reasoning": text, "reasoning_details": [detail] })
    },
    usage: |usage, counted| {
        usage["cost"] = json!(credits(counted.total()));
        usage["is_byok"] = json!(false);
        usage["cost_details"] = json!({ "upstream_inference_cost": null });
    },
    mark: |chunk| chunk["provider"] = json!("Simulated"),
    error_chunk,
};

/// A millionth of a dollar for every token, whatever the model.
fn credits(tokens: u64) -> f64 {
    f64::from(u32::try_from(tokens).unwrap_or(u32::MAX)) / 1e6
}

pub(crate) fn router() -> Router<Shared> {
    openai::router("/api/v1", &ACCENT).merge(openai::model_list("/api/v1", &ACCENT))
}

fn admits(received: &Received) -> Result<(), Refusal> {
    received.bearer().map(|_| ()).ok_or_else(|| Refusal::new(401, "No auth credentials found"))
}

fn error(refusal: &Refusal) -> Value {
    let mut error = json!({ "message": refusal.message, "code": refusal.status });
    if let Some(kind) = &refusal.kind {
        error["metadata"] = json!({ "error_type": kind });
    }
    json!({ "error": error })
}

/// The status was sent long ago, so a choice says it.
fn error_chunk(refusal: &Refusal) -> Value {
    let error = json!({ "code": 502, "message": refusal.message });
    let delta = json!({ "role": "assistant", "content": "" });
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": "error", "error": error });
    json!({ "provider": "Simulated", "error": error, "choices": [choice] })
}
