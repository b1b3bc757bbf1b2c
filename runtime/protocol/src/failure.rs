//! Errors instead of answers: what a provider of one family says, in the words of another.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::dialect::{Dialect, Family};
use crate::event::{Failure, FailureKind};

/// Most characters of a body that is no error object which are shown to a client.
const SHOWN_CHARACTERS: usize = 300;

#[derive(Deserialize)]
struct Document {
    error: Option<Value>,
    /// Azure and some servers that are compatible with OpenAI's API have it outside.
    message: Option<String>,
}

/// What a provider said with an error status, whoever of the families it is. A body that is no error object, such as a
/// load balancer's page, is its status and what can be shown of it.
pub fn read(status: u16, body: &[u8]) -> Failure {
    let document = serde_json::from_slice::<Document>(body).ok();
    let (message, named) = match document {
        Some(Document { error: Some(Value::Object(error)), .. }) => {
            let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
            // Anthropic has `type`, OpenAI `code` beside it where money is the matter, Google `status`.
            (text("message"), text("code").or_else(|| text("status")).or_else(|| text("type")))
        }
        Some(Document { error: Some(Value::String(message)), .. }) => (Some(message), None),
        Some(Document { message, .. }) => (message, None),
        None => (None, None),
    };
    let by_status = kind_of(status);
    let kind = match named.as_deref().and_then(kind_named) {
        // Some servers call everything by one name; the status is then the better word.
        Some(FailureKind::Invalid | FailureKind::Internal) if (400..600).contains(&status) => by_status,
        Some(kind) => kind,
        None => by_status,
    };
    let message = message.unwrap_or_else(|| match std::str::from_utf8(body) {
        Ok(text) if !text.trim().is_empty() && !text.contains('<') => {
            text.trim().chars().take(SHOWN_CHARACTERS).collect()
        }
        _ => format!("the provider answered with status {status}"),
    });
    Failure { kind, message }
}

/// By what a provider calls it.
pub(crate) fn kind_named(name: &str) -> Option<FailureKind> {
    Some(match name {
        "invalid_request_error" | "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => {
            FailureKind::Invalid
        }
        "authentication_error" | "invalid_api_key" | "UNAUTHENTICATED" => FailureKind::Authentication,
        "permission_error" | "PERMISSION_DENIED" => FailureKind::Permission,
        "not_found_error" | "model_not_found" | "NOT_FOUND" => FailureKind::NotFound,
        "request_too_large" => FailureKind::TooLarge,
        "rate_limit_error" | "rate_limit_exceeded" | "slow_down" | "RESOURCE_EXHAUSTED" => {
            FailureKind::RateLimit
        }
        "billing_error" | "insufficient_quota" | "credit_balance_exhausted" => FailureKind::Billing,
        "timeout_error" | "DEADLINE_EXCEEDED" => FailureKind::Timeout,
        "overloaded_error" | "UNAVAILABLE" => FailureKind::Overloaded,
        "api_error" | "server_error" | "INTERNAL" | "UNKNOWN" => FailureKind::Internal,
        name if name.ends_with("_spend_limit_exceeded") || name.ends_with("_usage_limit_exceeded") => {
            FailureKind::Billing
        }
        _ => return None,
    })
}

/// By its status.
pub(crate) fn kind_of(status: u16) -> FailureKind {
    match status {
        401 => FailureKind::Authentication,
        402 => FailureKind::Billing,
        403 => FailureKind::Permission,
        404 => FailureKind::NotFound,
        408 | 504 => FailureKind::Timeout,
        413 => FailureKind::TooLarge,
        429 => FailureKind::RateLimit,
        503 | 529 => FailureKind::Overloaded,
        400..=499 => FailureKind::Invalid,
        _ => FailureKind::Internal,
    }
}

/// The status that goes with a kind of error, as Anthropic's API has them; 529 is its "overloaded".
pub fn status_of(kind: FailureKind) -> u16 {
    match kind {
        FailureKind::Invalid => 400,
        FailureKind::Authentication => 401,
        FailureKind::Billing => 402,
        FailureKind::Permission => 403,
        FailureKind::NotFound => 404,
        FailureKind::TooLarge => 413,
        FailureKind::RateLimit => 429,
        FailureKind::Timeout => 504,
        FailureKind::Overloaded => 529,
        FailureKind::Internal => 502,
    }
}

/// The error object, as a family's clients read it.
pub fn write(family: Family, failure: &Failure, request_id: &str) -> Value {
    match family {
        Family::Anthropic => json!({
            "type": "error",
            "error": anthropic(failure),
            "request_id": request_id,
        }),
        Family::OpenAi => json!({ "error": openai(failure) }),
        Family::Google => json!({
            "error": { "code": 500, "message": failure.message, "status": "INTERNAL" },
        }),
    }
}

/// The inner object of Anthropic's errors, which stands in events of a stream too.
pub(crate) fn anthropic(failure: &Failure) -> Value {
    let kind = match failure.kind {
        FailureKind::Invalid => "invalid_request_error",
        FailureKind::Authentication => "authentication_error",
        FailureKind::Permission => "permission_error",
        FailureKind::NotFound => "not_found_error",
        FailureKind::TooLarge => "request_too_large",
        FailureKind::RateLimit => "rate_limit_error",
        FailureKind::Billing => "billing_error",
        FailureKind::Timeout => "timeout_error",
        FailureKind::Overloaded => "overloaded_error",
        FailureKind::Internal => "api_error",
    };
    json!({ "type": kind, "message": failure.message })
}

/// The inner object of OpenAI's errors, which stands in events of a stream too.
pub(crate) fn openai(failure: &Failure) -> Value {
    let (kind, code) = match failure.kind {
        FailureKind::Invalid | FailureKind::TooLarge => ("invalid_request_error", Value::Null),
        FailureKind::Authentication => ("invalid_request_error", json!("invalid_api_key")),
        FailureKind::Permission => ("permission_error", Value::Null),
        FailureKind::NotFound => ("invalid_request_error", json!("model_not_found")),
        FailureKind::RateLimit => ("rate_limit_error", json!("rate_limit_exceeded")),
        FailureKind::Billing => ("insufficient_quota", json!("insufficient_quota")),
        FailureKind::Timeout | FailureKind::Overloaded | FailureKind::Internal => {
            ("server_error", Value::Null)
        }
    };
    json!({ "message": failure.message, "type": kind, "param": null, "code": code })
}

/// An error in the middle of a stream of a dialect, as a whole event.
pub fn in_band(dialect: Dialect, failure: &Failure) -> Vec<u8> {
    match dialect {
        Dialect::Messages => {
            let error = json!({ "type": "error", "error": anthropic(failure) });
            format!("event: error\ndata: {error}\n\n")
        }
        Dialect::Responses => {
            let said = openai(failure);
            // Its events have no type of error beside the code.
            let code = if said["code"].is_null() { &said["type"] } else { &said["code"] };
            let error = json!({
                "type": "error", "code": code, "message": failure.message, "param": null,
                "sequence_number": u32::MAX,
            });
            format!("event: error\ndata: {error}\n\n")
        }
        Dialect::Chat | Dialect::Completions | Dialect::Embeddings => {
            format!("data: {}\n\n", json!({ "error": openai(failure) }))
        }
        Dialect::Gemini => format!("data: {}\n\n", write(Family::Google, failure, "")),
    }
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reading;

    #[test]
    fn every_familys_errors_are_understood() {
        let table: [(u16, &str, FailureKind, &str); 7] = [
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                FailureKind::Overloaded,
                "Overloaded",
            ),
            (
                429,
                r#"{"error":{"message":"pay","type":"insufficient_quota","code":"credit_balance_exhausted"}}"#,
                FailureKind::Billing,
                "pay",
            ),
            (
                400,
                r#"{"error":{"message":"no","type":"invalid_request_error","param":"n","code":null}}"#,
                FailureKind::Invalid,
                "no",
            ),
            (
                503,
                r#"{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}"#,
                FailureKind::Overloaded,
                "busy",
            ),
            (502, "<html>Bad Gateway</html>", FailureKind::Internal, "the provider answered with status 502"),
            (404, "no such page", FailureKind::NotFound, "no such page"),
            (401, r#"{"message":"key"}"#, FailureKind::Authentication, "key"),
        ];
        for (status, body, kind, message) in table {
            assert_eq!(
                read(status, body.as_bytes()),
                Failure { kind, message: message.to_owned() },
                "{body}"
            );
        }
    }

    #[test]
    fn a_refusal_in_the_middle_of_a_stream_is_an_event_of_its_dialect() {
        let failure = Failure { kind: FailureKind::Permission, message: "no \"such\" words\n".to_owned() };
        let message = r#""no \"such\" words\n""#;
        let openai = format!(r#"{{"code":null,"message":{message},"param":null,"type":"permission_error"}}"#);
        let table = [
            (
                Dialect::Messages,
                "error",
                format!(r#"{{"error":{{"message":{message},"type":"permission_error"}},"type":"error"}}"#),
            ),
            (Dialect::Chat, "", format!(r#"{{"error":{openai}}}"#)),
            (Dialect::Completions, "", format!(r#"{{"error":{openai}}}"#)),
            (Dialect::Embeddings, "", format!(r#"{{"error":{openai}}}"#)),
            (
                Dialect::Responses,
                "error",
                format!(
                    concat!(
                        r#"{{"code":"permission_error","message":{},"param":null,"sequence_number":4294967295,"#,
                        r#""type":"error"}}"#
                    ),
                    message
                ),
            ),
        ];
        for (dialect, name, data) in table {
            let mut found = Vec::new();
            let mut reading = Reading::new(dialect);
            crate::sse::Splitter::default().feed(&in_band(dialect, &failure), |event| {
                let data: Value = serde_json::from_slice(event.data).expect("json");
                found.push((event.name.to_owned(), data));
                reading.event(&event);
            });
            let expected: Value = serde_json::from_str(&data).expect("json");
            assert_eq!(found, [(name.to_owned(), expected)], "{dialect:?}");
            assert!(reading.failed, "{dialect:?}");
            if dialect == Dialect::Messages {
                assert_eq!(reading.failure.as_ref(), Some(&failure));
            }
        }
    }

    #[test]
    fn a_failure_survives_the_way_through_either_family() {
        let kinds = [
            FailureKind::Authentication,
            FailureKind::NotFound,
            FailureKind::RateLimit,
            FailureKind::Billing,
        ];
        for family in [Family::Anthropic, Family::OpenAi] {
            for kind in kinds {
                let failure = Failure { kind, message: "m".to_owned() };
                let written = write(family, &failure, "req").to_string();
                assert_eq!(read(500, written.as_bytes()), failure, "{family:?}");
            }
        }
    }
}
