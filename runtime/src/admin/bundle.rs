//! `/bundle`: the bundle in force as it came, and a new one in its place.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Json, Response};
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::json;
use tokio::sync::oneshot;

use super::Health;
use super::door::error;
use crate::operators::Operator;
use crate::release::PushError;
use crate::reload::Push;

/// Largest bundle that is taken: fifty times one of ten thousand agents.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// How long an operator may take to send one.
const TIME: Duration = Duration::from_secs(300);

/// The bytes in force, with their digest as the entity's tag.
pub(super) async fn show(State(health): State<Health>) -> Response {
    let (digest, packed) = health.standing.bundle();
    let Some(packed) = packed else {
        return error(
            StatusCode::NOT_FOUND,
            "no_bundle",
            "this gateway serves no bundle's file: there is none yet, or it never was a file",
        );
    };
    let unpacked = tokio::task::spawn_blocking(move || packed.unpack()).await;
    let Ok(Ok(bytes)) = unpacked else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", "the bundle's bytes cannot be read");
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.pai.bundle"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{digest}\"")) {
        headers.insert(ETAG, tag);
    }
    response
}

/// Takes a bundle whole, or says why not; in force when this answers.
pub(super) async fn replace(
    State(health): State<Health>,
    Extension(Operator(operator)): Extension<Operator>,
    body: Body,
) -> Response {
    let Some(pushes) = &health.pushes else { return refused(&PushError::Fixed) };
    let bytes = match tokio::time::timeout(TIME, Limited::new(body, MOST_BYTES).collect()).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(cause)) if cause.is::<http_body_util::LengthLimitError>() => {
            let message = format!("a bundle has at most {MOST_BYTES} bytes");
            return error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message);
        }
        Ok(Err(cause)) => {
            return error(StatusCode::BAD_REQUEST, "cut", &format!("the bundle was cut off: {cause}"));
        }
        Err(_) => return error(StatusCode::REQUEST_TIMEOUT, "too_slow", "the bundle did not come in time"),
    };
    let (answer, answered) = oneshot::channel();
    let gone = || refused(&PushError::Gone);
    if pushes.send(Push { bytes, operator, answer }).await.is_err() {
        return gone();
    }
    match answered.await {
        Ok(Ok(done)) => Json(json!({ "digest": done.digest, "serial": done.serial })).into_response(),
        Ok(Err(cause)) => refused(&cause),
        Err(_) => gone(),
    }
}

fn refused(cause: &PushError) -> Response {
    let (status, code) = match cause {
        PushError::NoFile(_) => (StatusCode::CONFLICT, "serves_manifests"),
        PushError::Fixed => (StatusCode::CONFLICT, "serves_one_bundle"),
        PushError::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bundle_refused"),
        PushError::Kept { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "bundle_not_kept"),
        PushError::Gone => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    };
    error(status, code, &cause.to_string())
}
