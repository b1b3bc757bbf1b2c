//! Responses: a status, the headers that every answer of the API has, and a body that the log keeps account of.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::error::ApiError;
use super::{message, stream};
use crate::deliver::{self, Piece};
use crate::log::{End, Ticket};
use crate::scenario::{Fault, Scenario};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream; charset=utf-8";

/// A message, plain or as a stream, as the scenario orders.
pub(super) fn answer(ticket: Ticket, asked: &Value, scenario: &Scenario, accepts_gzip: bool) -> Response {
    let answer = message::compose(asked, scenario);
    let streamed = asked.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let packed = scenario.gzip_unasked || (scenario.gzip && accepts_gzip);
    let pieces = if let Some(bytes) = &scenario.verbatim {
        vec![Piece { bytes: bytes.clone(), reports: None }]
    } else if streamed {
        stream::events(&answer, scenario)
    } else {
        vec![Piece { bytes: message::document(&answer, scenario), reports: answer.reported_in(scenario) }]
    };
    let length = (!streamed && !packed).then(|| pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>());
    ticket.edit(|entry| entry.status = 200);
    let mut response = Response::new(deliver::body(pieces, scenario, ticket, packed));
    let headers = response.headers_mut();
    dress(headers, if streamed { EVENTS } else { JSON });
    if packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// An answer that costs nothing.
pub(super) fn json(ticket: Ticket, value: &Value) -> Response {
    whole(ticket, 200, JSON, value.to_string())
}

/// An error object.
pub(super) fn refuse(ticket: Ticket, error: &ApiError) -> Response {
    whole(ticket, error.status, JSON, error.body())
}

/// The refusal that the scenario orders.
pub(super) fn broken(mut ticket: Ticket, fault: &Fault) -> Response {
    match fault {
        Fault::Status { status, retry_after } => {
            let mut response = refuse(ticket, &ApiError::new(*status, "simulated failure"));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            response
        }
        Fault::Worded { status, kind, message, headers } => {
            let mut response = refuse(ticket, &ApiError::worded(*status, kind, message));
            for (name, value) in headers {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    response.headers_mut().append(name, value);
                }
            }
            response
        }
        Fault::Html => {
            let page = "<html><head><title>502 Bad Gateway</title></head><body>[simulated]</body></html>";
            whole(ticket, 502, "text/html", page.to_owned())
        }
        Fault::Garbage => whole(ticket, 200, JSON, "[simulated] \u{1}{{{ not json".to_owned()),
        Fault::Hangup => {
            ticket.ends(End::CutOnOrder);
            // hyper holds the head back until the body's first bytes, and closes when an error comes instead.
            let broken = Err::<Bytes, _>(std::io::Error::other("hangup on order"));
            Response::new(Body::from_stream(futures_util::stream::iter([broken])))
        }
    }
}

/// An answer that is sent at once.
fn whole(mut ticket: Ticket, status: u16, kind: &'static str, text: String) -> Response {
    ticket.edit(|entry| {
        entry.status = status;
        entry.sent_bytes = text.len();
    });
    ticket.ends(End::Sent);
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    dress(response.headers_mut(), kind);
    response
}

/// The headers that every answer has: ids, quotas and cookies that a gateway must not pass on, and the mark.
fn dress(headers: &mut HeaderMap, kind: &'static str) {
    for (name, value) in [
        ("content-type", kind),
        ("request-id", "req_simulated_0001"),
        ("anthropic-organization-id", "org-simulated"),
        ("anthropic-ratelimit-requests-limit", "4000"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
        ("anthropic-ratelimit-requests-reset", "2026-02-04T00:00:01Z"),
        ("anthropic-ratelimit-tokens-limit", "480000"),
        ("anthropic-ratelimit-tokens-remaining", "400000"),
        ("anthropic-ratelimit-tokens-reset", "2026-02-04T00:00:10Z"),
        ("anthropic-ratelimit-input-tokens-limit", "400000"),
        ("anthropic-ratelimit-input-tokens-remaining", "330000"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-02-04T00:00:10Z"),
        ("anthropic-ratelimit-output-tokens-limit", "80000"),
        ("anthropic-ratelimit-output-tokens-remaining", "70000"),
        ("anthropic-ratelimit-output-tokens-reset", "2026-02-04T00:00:07Z"),
        ("set-cookie", "__cf_bm=simulated; path=/; HttpOnly"),
        ("x-pai-simulated", "true"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
