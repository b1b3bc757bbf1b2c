//! The admin listener's door: every path but the probes' wants an operator's token, and says in one form what is wrong.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::Health;
use crate::operators::Denied;

/// Asked by probes, which have no credentials. Compared with the path as it was sent: what only looks alike is not open.
const OPEN: [&str; 2] = ["/livez", "/readyz"];

/// Lets operators through, and probes to what is theirs.
pub(super) async fn guarded(
    State(health): State<Health>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let admitted = health.operators.admit(request.headers(), health.shared.snapshot.load().pepper());
    let mut response = match admitted {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(denied) => deny(denied),
    };
    // What an operator sees is nobody's to keep.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Why not, and what to do.
fn deny(denied: Denied) -> Response {
    const HOW: &str = "`pai admin-token create NAME` makes one; on the gateway's machine pai finds its own";
    let (status, code, message) = match denied {
        Denied::NoToken => (
            StatusCode::UNAUTHORIZED,
            "no_token",
            format!("send one admin token as `Authorization: Bearer pai_tok_…`; {HOW}"),
        ),
        Denied::Unknown => (
            StatusCode::UNAUTHORIZED,
            "unknown_token",
            format!(
                "this admin token is not known here: it is mistyped, revoked, or another gateway's; {HOW}"
            ),
        ),
        Denied::ForCallers(kind) => (
            StatusCode::FORBIDDEN,
            "wrong_credential",
            format!("`{}…` is a credential for callers and opens nothing here; {HOW}", kind.prefix()),
        ),
    };
    let mut response = error(status, code, &message);
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pai admin\""));
    }
    response
}

/// An error as this listener tells it: a code for programs, a sentence for people.
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "error": message }))).into_response()
}
