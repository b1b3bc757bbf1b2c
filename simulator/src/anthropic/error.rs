//! Error objects as the API words them.

use serde_json::json;

/// A refusal of the API.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: u16,
    kind: String,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: u16, message: &str) -> Self {
        Self::worded(status, kind(status), message)
    }

    pub(super) fn worded(status: u16, kind: &str, message: &str) -> Self {
        Self { status, kind: kind.to_owned(), message: message.to_owned() }
    }

    pub(super) fn body(&self) -> String {
        json!({
            "type": "error",
            "error": { "type": self.kind, "message": self.message },
            "request_id": "req_simulated_0001",
        })
        .to_string()
    }
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
