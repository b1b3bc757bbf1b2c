//! Error objects as OpenAI words them.

use serde_json::{Value, json};

use crate::refusal::Refusal;

pub(crate) fn body(refusal: &Refusal) -> Value {
    let (kind, code) = words(refusal.status);
    json!({ "error": {
        "message": refusal.message,
        "type": refusal.kind.as_deref().unwrap_or(kind),
        "param": refusal.param,
        // A kind that somebody ordered has no code of the status.
        "code": refusal.code.as_deref().or(code.filter(|_| refusal.kind.is_none())),
    } })
}

/// Type and code.
fn words(status: u16) -> (&'static str, Option<&'static str>) {
    match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        403 => ("invalid_request_error", Some("permission_denied")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500..=599 => ("server_error", None),
        _ => ("invalid_request_error", None),
    }
}

/// A stream that breaks off.
pub(crate) fn in_a_stream() -> Refusal {
    let message = "The server had an error while processing your request. Sorry about that!";
    Refusal::new(500, message)
}
