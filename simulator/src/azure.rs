//! Azure OpenAI: OpenAI's dialects, with deployments in the path, filters around them, and a key in a header of its own.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use crate::deliver::Piece;
use crate::form::data;
use crate::house::House;
use crate::openai::accent::{Accent, StreamUsage};
use crate::openai::{self, chat, completions, embeddings};
use crate::orders::Shared;
use crate::receive::{Received, receive};
use crate::refusal::Refusal;
use crate::respond::refuse;

pub(crate) const HOUSE: House = House {
    json: "application/json",
    events: "text/event-stream; charset=utf-8",
    headers: &[
        ("apim-request-id", "simulated-0001"),
        ("x-request-id", "simulated-0001"),
        ("x-ms-region", "Sweden Central"),
        ("x-ms-deployment-name", "simulated"),
        ("azureml-model-session", "d001-simulated"),
        ("x-ratelimit-limit-requests", "100"),
        ("x-ratelimit-limit-tokens", "100000"),
        ("x-ratelimit-remaining-requests", "99"),
        ("x-ratelimit-remaining-tokens", "99904"),
    ],
    error,
};

static ACCENT: Accent = Accent {
    house: HOUSE,
    admits,
    checks: openai::no_max_tokens_for_reasoning,
    blocked: Some(blocked),
    stream_usage: StreamUsage::OnRequest,
    before: || vec![prompt_filter()],
    between: None,
    choice: |choice| choice["content_filter_results"] = filters(),
    thoughts: |_| json!({}),
    usage: |_, _| {},
    mark: |chunk| {
        chunk["system_fingerprint"] = json!("fp_simulated");
        if chunk["object"] == "chat.completion" {
            chunk["prompt_filter_results"] = prompt_filter_results();
        }
    },
    error_chunk: openai::error::body,
};

pub(crate) fn router() -> Router<Shared> {
    // A model's name is its deployment's here, and only the older paths have it.
    openai::router("/openai/v1", &ACCENT)
        .merge(openai::model_list("/openai/v1", &ACCENT))
        .route("/openai/deployments/{deployment}/chat/completions", post(dated))
        .route("/openai/deployments/{deployment}/completions", post(dated))
        .route("/openai/deployments/{deployment}/embeddings", post(dated))
}

async fn dated(State(shared): State<Shared>, Path(deployment): Path<String>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    if received.parameter("api-version").is_none_or(str::is_empty) {
        return refuse(&HOUSE, received.ticket, &Refusal::new(404, "Resource not found"));
    }
    let operation = received.uri.path().rsplit('/').next().unwrap_or_default();
    match operation {
        "embeddings" => embeddings::answer(&ACCENT, &shared, received, Some(deployment)).await,
        _ if received.uri.path().ends_with("/chat/completions") => {
            chat::answer(&ACCENT, &shared, received, Some(deployment)).await
        }
        _ => completions::answer(&ACCENT, &shared, received, Some(deployment)).await,
    }
}

/// A key in `api-key`, or a token of Entra's, which is a JWT.
fn admits(received: &Received) -> Result<(), Refusal> {
    let has_key = received.header("api-key").is_some_and(|key| !key.is_empty());
    if has_key || received.bearer().is_some_and(|token| token.starts_with("eyJ")) {
        return Ok(());
    }
    Err(Refusal::new(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for \
         an active subscription and use a correct regional API endpoint for your resource.",
    ))
}

/// The gateway in front words some errors, the API behind it the others.
fn error(refusal: &Refusal) -> Value {
    if matches!(refusal.status, 401 | 403 | 404 | 429) && refusal.kind.is_none() && refusal.code.is_none() {
        return json!({ "error": { "code": refusal.status.to_string(), "message": refusal.message } });
    }
    let mut body = openai::error::body(refusal);
    if refusal.code.as_deref() == Some(CONTENT_FILTER) {
        let error = &mut body["error"];
        error["type"] = Value::Null;
        error["status"] = json!(refusal.status);
        let mut results = filters();
        results["violence"] = json!({ "filtered": true, "severity": "medium" });
        error["innererror"] =
            json!({ "code": "ResponsibleAIPolicyViolation", "content_filter_result": results });
    }
    body
}

const CONTENT_FILTER: &str = "content_filter";

fn blocked() -> Refusal {
    let message = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. \
                   Please modify your prompt and retry.";
    Refusal::new(400, message).param("prompt").code(CONTENT_FILTER)
}

fn filters() -> Value {
    let safe = json!({ "filtered": false, "severity": "safe" });
    json!({ "hate": safe, "self_harm": safe, "sexual": safe, "violence": safe })
}

fn prompt_filter_results() -> Value {
    json!([{ "prompt_index": 0, "content_filter_results": filters() }])
}

/// What every stream begins with: no choices, no usage, and no name yet.
fn prompt_filter() -> Piece {
    data(&json!({
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": prompt_filter_results(),
    }))
}
