//! Error objects as Google words them.

use serde_json::{Value, json};

use crate::refusal::Refusal;

pub(crate) fn body(refusal: &Refusal) -> Value {
    json!({ "error": {
        "code": refusal.status,
        "message": refusal.message,
        "status": refusal.kind.as_deref().unwrap_or(status(refusal.status)),
    } })
}

fn status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

pub(crate) fn not_found() -> Refusal {
    Refusal::new(404, "Requested entity was not found.")
}
