//! Anthropic's API: paths, credentials and checks; the answers are in the files beside.

mod ask;
mod error;
mod message;
mod models;
mod stream;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use crate::form::Form;
use crate::house::House;
use crate::marker;
use crate::orders::Shared;
use crate::receive::{Received, receive};
use crate::refusal::Refusal;
use crate::respond::{json, play, refuse};
use crate::speech::speak;

/// Anthropic's own limit on a request.
const BODY_MAX_BYTES: usize = 32 * 1024 * 1024;

pub(crate) const HOUSE: House = House {
    json: "application/json",
    events: "text/event-stream; charset=utf-8",
    headers: &[
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
    ],
    error: error::body,
};

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/v1/messages", post(messages)).route("/v1/messages/count_tokens", post(count_tokens))
}

/// Whether a request is meant for this API, on a path that others have too.
pub(crate) fn is_meant(received: &Received) -> bool {
    received.headers.contains_key("anthropic-version")
}

async fn messages(State(shared): State<Shared>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    let asked = match check(&received, &["model", "max_tokens", "messages"]) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&HOUSE, received.ticket, &refusal),
    };
    let wish = ask::wish(&asked);
    let scenario = &marker::apply(&wish.prompt, shared.take());
    play(&HOUSE, received, scenario, || {
        let answer = message::compose(&asked, speak(&wish, scenario), scenario);
        if asked.get("stream").and_then(Value::as_bool).unwrap_or(false) {
            Form::stream(stream::events(&answer, scenario), scenario, |_| stream::error())
        } else {
            Form::document(&message::document(&answer, scenario), answer.final_usage(scenario), scenario)
        }
    })
    .await
}

async fn count_tokens(State(shared): State<Shared>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    match check(&received, &["model", "messages"]) {
        Ok(asked) => json(&HOUSE, received.ticket, &json!({ "input_tokens": ask::input_tokens(&asked) })),
        Err(refusal) => refuse(&HOUSE, received.ticket, &refusal),
    }
}

/// The model list.
pub(crate) fn list_models(received: Received) -> Response {
    match authenticated(&received) {
        Ok(()) => {
            let list = models::list(received.uri.query().unwrap_or_default());
            json(&HOUSE, received.ticket, &list)
        }
        Err(refusal) => refuse(&HOUSE, received.ticket, &refusal),
    }
}

/// One model.
pub(crate) fn show_model(received: Received, Path(id): &Path<String>) -> Response {
    match authenticated(&received).and_then(|()| models::show(id)) {
        Ok(model) => json(&HOUSE, received.ticket, &model),
        Err(refusal) => refuse(&HOUSE, received.ticket, &refusal),
    }
}

fn authenticated(received: &Received) -> Result<(), Refusal> {
    let headers = &received.headers;
    if !headers.contains_key("x-api-key") && !headers.contains_key("authorization") {
        return Err(Refusal::new(401, "x-api-key header is required"));
    }
    if !headers.contains_key("anthropic-version") {
        return Err(Refusal::new(400, "anthropic-version: header is required"));
    }
    Ok(())
}

/// The checks that the real API makes before it answers.
fn check(received: &Received, required: &[&str]) -> Result<Value, Refusal> {
    authenticated(received)?;
    let asked = received.json(BODY_MAX_BYTES, "The request body is not valid JSON: {cause}")?;
    for field in required {
        if asked.get(field).is_none_or(Value::is_null) {
            return Err(Refusal::new(400, format!("{field}: Field required")));
        }
    }
    if asked.get("model").is_some_and(|model| !model.is_string()) {
        return Err(Refusal::new(400, "model: Input should be a valid string"));
    }
    ask::check_thoughts(&asked)?;
    if !required.contains(&"max_tokens") {
        return Ok(asked);
    }
    match asked.get("max_tokens").and_then(Value::as_u64) {
        Some(1..) => Ok(asked),
        _ => Err(Refusal::new(400, "max_tokens: Input should be greater than or equal to 1")),
    }
}
