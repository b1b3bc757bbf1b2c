//! All paths on one socket. Those that two APIs have are told apart by the header `anthropic-version`.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;

use crate::house::House;
use crate::orders::Shared;
use crate::receive::{Received, receive};
use crate::refusal::Refusal;
use crate::respond::refuse;
use crate::{anthropic, azure, gemini, openai, openrouter, vllm};

/// What stands behind the address in the base URL of each kind of provider, as manifests name the kinds.
const BASES: [(&str, &str); 6] = [
    ("anthropic", ""),
    ("openai", "/v1"),
    ("gemini", ""),
    ("openrouter", "/api/v1"),
    ("azure-openai", ""),
    ("vllm", "/vllm/v1"),
];

/// The path of a kind's base URL.
pub(crate) fn base(kind: &str) -> Option<&'static str> {
    BASES.iter().find(|(known, _)| *known == kind).map(|(_, base)| *base)
}

pub(crate) fn router(shared: Shared) -> Router {
    anthropic::router()
        .merge(openai::router("/v1", &openai::ACCENT))
        .merge(azure::router())
        .merge(gemini::router())
        .merge(openrouter::router())
        .merge(vllm::router())
        .route("/v1/models", get(list_models))
        .route("/v1/models/{id}", get(show_model))
        .route("/v1beta/models", get(list_models))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(shared)
}

/// Whose path it is.
fn house(received: &Received) -> &'static House {
    let path = received.uri.path();
    match () {
        () if path.starts_with("/v1beta/") => &gemini::HOUSE,
        () if path.starts_with("/openai/") => &azure::HOUSE,
        () if path.starts_with("/api/v1/") => &openrouter::HOUSE,
        () if path.starts_with("/vllm/") => &vllm::HOUSE,
        () if path.starts_with("/v1/messages") || anthropic::is_meant(received) => &anthropic::HOUSE,
        () => &openai::HOUSE,
    }
}

async fn list_models(State(shared): State<Shared>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    match received.uri.path() {
        "/v1beta/models" => gemini::list_models(received),
        _ if anthropic::is_meant(&received) => anthropic::list_models(received),
        _ => openai::list_models(&openai::ACCENT, received),
    }
}

async fn show_model(State(shared): State<Shared>, id: Path<String>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    if anthropic::is_meant(&received) {
        anthropic::show_model(received, &id)
    } else {
        openai::show_model(&openai::ACCENT, received, &id)
    }
}

async fn not_found(State(shared): State<Shared>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    refuse(house(&received), received.ticket, &Refusal::new(404, "Not Found"))
}

async fn method_not_allowed(State(shared): State<Shared>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    refuse(house(&received), received.ticket, &Refusal::new(405, "Method Not Allowed"))
}
