//! OpenAI's API. Others speak its dialects with an accent of their own, so what they share is open to them.

pub(crate) mod accent;
mod ask;
pub(crate) mod chat;
mod chunks;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod error;
mod models;
mod responses;
pub(crate) mod usage;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::house::House;
use crate::orders::Shared;
use crate::receive::{Received, receive};
use crate::refusal::Refusal;
use crate::respond::{json, refuse};
use accent::{Accent, StreamUsage};

pub(crate) const HOUSE: House = House {
    json: "application/json",
    events: "text/event-stream; charset=utf-8",
    headers: &[
        ("x-request-id", "req_simulated_0001"),
        ("openai-organization", "org-simulated"),
        ("openai-processing-ms", "7"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "2000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "1999976"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "0s"),
        ("set-cookie", "__cf_bm=simulated; path=/; HttpOnly"),
    ],
    error: error::body,
};

pub(crate) static ACCENT: Accent = Accent {
    house: HOUSE,
    admits,
    checks: |asked| ask::no_max_tokens_for_reasoning(asked).and_then(|()| ask::known_stream_options(asked)),
    blocked: None,
    stream_usage: StreamUsage::OnRequest,
    before: Vec::new,
    between: None,
    choice: |_| {},
    thoughts: |_| json!({}),
    usage: |_, _| {},
    mark: |chunk| {
        chunk["service_tier"] = json!("default");
        chunk["system_fingerprint"] = json!("fp_simulated");
    },
    error_chunk: |refusal| error::body(refusal),
};

pub(crate) use ask::no_max_tokens_for_reasoning;

/// The paths of the dialects below a base URL, spoken with this accent.
pub(crate) fn router(base: &str, accent: &'static Accent) -> Router<Shared> {
    let chat = async move |State(shared): State<Shared>, request: Request| {
        let received = receive(&shared.log, request).await;
        chat::answer(accent, &shared, received, None).await
    };
    let responses = async move |State(shared): State<Shared>, request: Request| {
        let received = receive(&shared.log, request).await;
        responses::answer(accent, &shared, received).await
    };
    let embeddings = async move |State(shared): State<Shared>, request: Request| {
        let received = receive(&shared.log, request).await;
        embeddings::answer(accent, &shared, received, None).await
    };
    let completions = async move |State(shared): State<Shared>, request: Request| {
        let received = receive(&shared.log, request).await;
        completions::answer(accent, &shared, received, None).await
    };
    Router::new()
        .route(&format!("{base}/chat/completions"), post(chat))
        .route(&format!("{base}/responses"), post(responses))
        .route(&format!("{base}/embeddings"), post(embeddings))
        .route(&format!("{base}/completions"), post(completions))
}

/// The model list below a base URL that no other API has.
pub(crate) fn model_list(base: &str, accent: &'static Accent) -> Router<Shared> {
    let list = async move |State(shared): State<Shared>, request: Request| {
        list_models(accent, receive(&shared.log, request).await)
    };
    let show = async move |State(shared): State<Shared>, id: Path<String>, request: Request| {
        show_model(accent, receive(&shared.log, request).await, &id)
    };
    Router::new()
        .route(&format!("{base}/models"), get(list))
        .route(&format!("{base}/models/{{id}}"), get(show))
}

/// The key stands behind `Bearer`, and nowhere else.
fn admits(received: &Received) -> Result<(), Refusal> {
    match received.bearer() {
        Some(_) => Ok(()),
        None => Err(Refusal::new(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using \
             Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )),
    }
}

/// The model list.
pub(crate) fn list_models(accent: &Accent, received: Received) -> Response {
    tell(accent, received, || Ok(models::list()))
}

/// One model.
pub(crate) fn show_model(accent: &Accent, received: Received, Path(id): &Path<String>) -> Response {
    tell(accent, received, || models::show(id))
}

fn tell(accent: &Accent, received: Received, told: impl FnOnce() -> Result<Value, Refusal>) -> Response {
    match (accent.admits)(&received).and_then(|()| told()) {
        Ok(value) => json(&accent.house, received.ticket, &value),
        Err(refusal) => refuse(&accent.house, received.ticket, &refusal),
    }
}
