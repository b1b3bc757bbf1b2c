//! A server of vLLM: OpenAI's dialects without a key and without quotas.

use axum::Router;
use serde_json::{Value, json};

use crate::house::House;
use crate::openai;
use crate::openai::accent::{Accent, StreamUsage};
use crate::orders::Shared;
use crate::refusal::Refusal;

pub(crate) const HOUSE: House = House {
    json: "application/json",
    events: "text/event-stream; charset=utf-8",
    headers: &[("server", "uvicorn")],
    error,
};

static ACCENT: Accent = Accent {
    house: HOUSE,
    admits: |_| Ok(()),
    checks: |_| Ok(()),
    blocked: None,
    stream_usage: StreamUsage::OnRequestOrContinuous,
    before: Vec::new,
    between: None,
    choice: |choice| choice["stop_reason"] = Value::Null,
    thoughts: |text| json!({ "reasoning_content": text }),
    usage: |usage, counted| {
        if let Some(members) = usage.as_object_mut() {
            members.remove("completion_tokens_details");
        }
        // A server tells of its cache only where it was started to.
        if usage.get("prompt_tokens_details").is_some() {
            let details = json!({ "cached_tokens": counted.cache_read });
            usage["prompt_tokens_details"] = if counted.cache_read > 0 { details } else { Value::Null };
        }
    },
    mark: |_| {},
    error_chunk: error,
};

pub(crate) fn router() -> Router<Shared> {
    openai::router("/vllm/v1", &ACCENT).merge(openai::model_list("/vllm/v1", &ACCENT))
}

fn error(refusal: &Refusal) -> Value {
    let kind = match refusal.status {
        400 => "BadRequestError",
        401 => "AuthenticationError",
        404 => "NotFoundError",
        500..=599 => "InternalServerError",
        _ => "invalid_request_error",
    };
    json!({ "error": {
        "message": refusal.message,
        "type": refusal.kind.as_deref().unwrap_or(kind),
        "param": refusal.param,
        "code": refusal.status,
    } })
}
