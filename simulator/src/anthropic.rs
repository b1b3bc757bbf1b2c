//! Anthropic's API: paths, credentials and checks; the answers are in the files beside.

mod count;
mod error;
mod message;
mod models;
mod respond;
mod stream;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use serde_json::Value;

use crate::log::{Entry, Ticket};
use crate::marker;
use crate::orders::Shared;
use error::ApiError;
use respond::{answer, broken, json, refuse};

/// Anthropic's own limit on a request.
const BODY_MAX_BYTES: usize = 32 * 1024 * 1024;

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/messages", post(messages))
        .route("/v1/messages/count_tokens", post(count_tokens))
        .route("/v1/models", get(list_models))
        .route("/v1/models/{id}", get(show_model))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(shared)
}

async fn messages(State(shared): State<Shared>, request: Request) -> Response {
    let (ticket, headers, body) = receive(&shared, request).await;
    let asked = match check(&headers, &body, &["model", "max_tokens", "messages"]) {
        Ok(asked) => asked,
        Err(error) => return refuse(ticket, &error),
    };
    let scenario = marker::apply(&count::last_user_text(&asked), shared.take());
    if !scenario.first_byte_delay.is_zero() {
        // Before the first byte means before the status line.
        tokio::time::sleep(scenario.first_byte_delay).await;
    }
    if let Some(fault) = &scenario.fault {
        return broken(ticket, fault);
    }
    let accepts_gzip = headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"));
    answer(ticket, &asked, &scenario, accepts_gzip)
}

async fn count_tokens(State(shared): State<Shared>, request: Request) -> Response {
    let (ticket, headers, body) = receive(&shared, request).await;
    match check(&headers, &body, &["model", "messages"]) {
        Ok(asked) => json(ticket, &serde_json::json!({ "input_tokens": count::input_tokens(&asked) })),
        Err(error) => refuse(ticket, &error),
    }
}

async fn list_models(State(shared): State<Shared>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (ticket, headers, _) = receive(&shared, request).await;
    match authenticated(&headers) {
        Ok(()) => json(ticket, &models::list(&query)),
        Err(error) => refuse(ticket, &error),
    }
}

async fn show_model(State(shared): State<Shared>, Path(id): Path<String>, request: Request) -> Response {
    let (ticket, headers, _) = receive(&shared, request).await;
    match authenticated(&headers).and_then(|()| models::show(&id)) {
        Ok(model) => json(ticket, &model),
        Err(error) => refuse(ticket, &error),
    }
}

async fn not_found(State(shared): State<Shared>, request: Request) -> Response {
    let (ticket, ..) = receive(&shared, request).await;
    refuse(ticket, &ApiError::new(404, "Not Found"))
}

async fn method_not_allowed(State(shared): State<Shared>, request: Request) -> Response {
    let (ticket, ..) = receive(&shared, request).await;
    refuse(ticket, &ApiError::new(405, "Method Not Allowed"))
}

/// Writes the request into the log, body and all.
async fn receive(shared: &Shared, request: Request) -> (Ticket, HeaderMap, Bytes) {
    let (head, body) = request.into_parts();
    // Read whole, however large: the real API answers 413 as JSON instead of breaking off.
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
