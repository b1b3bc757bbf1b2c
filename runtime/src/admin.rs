//! The operators' own listener: whether the process lives, and whether it should be given requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::StatusCode;
use serde_json::json;

use crate::exchange::Shared;

/// What health is told from.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) shared: Arc<Shared>,
    pub(crate) draining: Arc<AtomicBool>,
}

/// `/livez` and `/readyz`, named as Kubernetes names them.
pub(crate) fn router(health: Health) -> Router {
    Router::new().route("/livez", get(live)).route("/readyz", get(ready)).with_state(health)
}

async fn live() -> &'static str {
    "ok\n"
}

/// Not ready while draining, and not when the ledger has stopped granting: both send traffic elsewhere.
async fn ready(State(health): State<Health>) -> Response {
    let snapshot = health.shared.snapshot.load();
    let draining = health.draining.load(Ordering::Relaxed);
    let failure = health.shared.ledger.failure();
    let status = if draining || failure.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body = json!({
        "ready": status == StatusCode::OK,
        "draining": draining,
        "ledger": failure.as_deref().unwrap_or("ok"),
        "bundle": snapshot.digest,
        "open_holds": health.shared.ledger.open_holds(),
        "bound_breaches": health.shared.ledger.breaches(),
    });
    (status, Json(body)).into_response()
}
