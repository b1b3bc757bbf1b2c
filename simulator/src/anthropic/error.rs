//! Error objects as the API words them.

use serde_json::{Value, json};

use crate::refusal::Refusal;

pub(super) fn body(refusal: &Refusal) -> Value {
    json!({
        "type": "error",
        "error": { "type": refusal.kind.as_deref().unwrap_or(kind(refusal.status)), "message": refusal.message },
        "request_id": "req_simulated_0001",
    })
}

fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    }
}
