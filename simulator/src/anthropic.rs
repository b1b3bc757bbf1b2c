//! Anthropic's API: paths, credentials and checks; the answers are in the files beside.

mod count;
mod error;
mod message;
mod models;
mod stream;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::deliver::{self, Piece};
use crate::log::{Entry, Ticket};
use crate::marker;
use crate::orders::Shared;
use crate::scenario::{Fault, Scenario};
use error::ApiError;

/// Anthropic's own limit on a request.
const BODY_MAX_BYTES: usize = 32 * 1024 * 1024;

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(list_models))
        .route("/v1/models/{id}", get(show_model))
        .fallback(not_found)
        .with_state(shared)
}

async fn messages(State(shared): State<Shared>, request: Request) -> Response {
    let (ticket, headers, body) = receive(&shared, request).await;
    let asked = match check(&headers, &body, &["model", "max_tokens", "messages"]) {
        Ok(asked) => asked,
        Err(error) => return refuse(&ticket, &error),
    };
    let scenario = marker::apply(&count::last_user_text(&asked), shared.take());
    if !scenario.first_byte_delay.is_zero() {
        tokio::time::sleep(scenario.first_byte_delay).await;
    }
    let scenario = Scenario { first_byte_delay: std::time::Duration::ZERO, ..scenario };
    if let Some(fault) = &scenario.fault {
        return broken(&ticket, fault);
    }
    let answer = message::compose(&asked, &scenario);
    let streamed = asked.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let accepts_gzip = headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"));
    let packed = scenario.gzip && accepts_gzip;
    let pieces = if streamed {
        stream::events(&answer, &scenario)
    } else {
        vec![Piece { bytes: message::document(&answer, &scenario), reports: answer.reported_in(&scenario) }]
    };
    let length = (!streamed && !packed).then(|| pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>());
    ticket.edit(|entry| entry.status = 200);
    let mut response = Response::new(deliver::body(pieces, &scenario, ticket, packed));
    let headers = response.headers_mut();
    let kind = if streamed { "text/event-stream; charset=utf-8" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    dress(headers);
    response
}

async fn count_tokens(State(shared): State<Shared>, request: Request) -> Response {
    let (ticket, headers, body) = receive(&shared, request).await;
    match check(&headers, &body, &["model", "messages"]) {
        Ok(asked) => json(&ticket, &serde_json::json!({ "input_tokens": count::input_tokens(&asked) })),
        Err(error) => refuse(&ticket, &error),
    }
}

async fn list_models(State(shared): State<Shared>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (ticket, headers, _) = receive(&shared, request).await;
    match authenticated(&headers) {
        Ok(()) => json(&ticket, &models::list(&query)),
        Err(error) => refuse(&ticket, &error),
    }
}

async fn show_model(State(shared): State<Shared>, Path(id): Path<String>, request: Request) -> Response {
    let (ticket, headers, _) = receive(&shared, request).await;
    match authenticated(&headers).and_then(|()| models::show(&id)) {
        Ok(model) => json(&ticket, &model),
        Err(error) => refuse(&ticket, &error),
    }
}

async fn not_found(State(shared): State<Shared>, request: Request) -> Response {
    let (ticket, ..) = receive(&shared, request).await;
    refuse(&ticket, &ApiError::new(404, "Not Found"))
}

/// Writes the request into the log, body and all.
async fn receive(shared: &Shared, request: Request) -> (Ticket, HeaderMap, Bytes) {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let entry = Entry {
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.clone(),
        ..Entry::default()
    };
    (shared.log.add(entry), head.headers, body)
}

fn authenticated(headers: &HeaderMap) -> Result<(), ApiError> {
    if !headers.contains_key("x-api-key") && !headers.contains_key("authorization") {
        return Err(ApiError::new(401, "x-api-key header is required"));
    }
    if !headers.contains_key("anthropic-version") {
        return Err(ApiError::new(400, "anthropic-version: header is required"));
    }
    Ok(())
}

/// The checks that the real API makes before it answers.
fn check(headers: &HeaderMap, body: &Bytes, required: &[&str]) -> Result<Value, ApiError> {
    authenticated(headers)?;
    if body.len() > BODY_MAX_BYTES {
        return Err(ApiError::new(413, "Request exceeds the maximum size"));
    }
    let asked: Value = serde_json::from_slice(body)
        .map_err(|cause| ApiError::new(400, &format!("The request body is not valid JSON: {cause}")))?;
    for field in required {
        if asked.get(field).is_none_or(Value::is_null) {
            return Err(ApiError::new(400, &format!("{field}: Field required")));
        }
    }
    if asked.get("model").is_some_and(|model| !model.is_string()) {
        return Err(ApiError::new(400, "model: Input should be a valid string"));
    }
    if !required.contains(&"max_tokens") {
        return Ok(asked);
    }
    match asked.get("max_tokens").and_then(Value::as_u64) {
        Some(1..) => Ok(asked),
        _ => Err(ApiError::new(400, "max_tokens: Input should be greater than or equal to 1")),
    }
}

fn json(ticket: &Ticket, value: &Value) -> Response {
    ticket.edit(|entry| {
        entry.status = 200;
        entry.finished = true;
    });
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    dress(response.headers_mut());
    response
}

fn refuse(ticket: &Ticket, error: &ApiError) -> Response {
    ticket.edit(|entry| {
        entry.status = error.status;
        entry.finished = true;
    });
    let mut response = Response::new(Body::from(error.body()));
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.retry_after {
        headers.insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    dress(headers);
    response
}

fn broken(ticket: &Ticket, fault: &Fault) -> Response {
    let page = |status: StatusCode, kind: &'static str, text: &'static str| {
        ticket.edit(|entry| {
            entry.status = status.as_u16();
            entry.finished = true;
        });
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        dress(response.headers_mut());
        response
    };
    match fault {
        Fault::Status { status, retry_after } => {
            let mut error = ApiError::new(*status, "simulated failure");
            error.retry_after = *retry_after;
            refuse(ticket, &error)
        }
        Fault::Html => page(
            StatusCode::BAD_GATEWAY,
            "text/html",
            "<html><head><title>502 Bad Gateway</title></head><body>[simulated]</body></html>",
        ),
        Fault::Garbage => page(StatusCode::OK, "application/json", "[simulated] \u{1}{{{ not json"),
        Fault::Hangup => {
            // A length that never arrives: hyper closes the connection when the body ends too early.
            let mut response =
                Response::new(Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(
                    std::io::Error::other("hangup on order"),
                )])));
            *response.status_mut() = StatusCode::OK;
            response
        }
    }
}

/// The headers that every answer has: ids, quotas and cookies that a gateway must not pass on, and the mark.
fn dress(headers: &mut HeaderMap) {
    for (name, value) in [
        ("request-id", "req_simulated_0001"),
        ("anthropic-organization-id", "org-simulated"),
        ("anthropic-ratelimit-requests-limit", "4000"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
        ("anthropic-ratelimit-tokens-remaining", "400000"),
        ("set-cookie", "__cf_bm=simulated; path=/; HttpOnly"),
        ("x-pai-simulated", "true"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
