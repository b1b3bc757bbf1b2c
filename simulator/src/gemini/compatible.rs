//! What of Google's API is compatible with OpenAI's and asked for: embeddings, with the key behind `Bearer`.

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::post;
use serde_json::json;

use super::HOUSE;
use crate::openai::accent::{Accent, StreamUsage};
use crate::openai::{embeddings, error};
use crate::orders::Shared;
use crate::receive::receive;
use crate::refusal::Refusal;

static ACCENT: Accent = Accent {
    house: HOUSE,
    admits: |received| match received.bearer() {
        Some(_) => Ok(()),
        None => Err(Refusal::new(400, "Missing or invalid Authorization header.")),
    },
    checks: |_| Ok(()),
    blocked: None,
    stream_usage: StreamUsage::OnRequest,
    before: Vec::new,
    between: None,
    choice: |_| {},
    thoughts: |_| json!({}),
    usage: |_, _| {},
    mark: |_| {},
    error_chunk: error::body,
};

pub(super) fn router() -> Router<Shared> {
    let embed = async |State(shared): State<Shared>, request: Request| {
        let received = receive(&shared.log, request).await;
        embeddings::answer(&ACCENT, &shared, received, None).await
    };
    Router::new().route("/v1beta/openai/embeddings", post(embed))
}
