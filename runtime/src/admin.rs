//! The operators' own listener: whether the process lives, and whether it should be given requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::StatusCode;
use pai_bundle::unit::UtcDay;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::exchange::Shared;
use crate::report;
use crate::standing::Standing;

/// What health is told from.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) shared: Arc<Shared>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) draining: Arc<AtomicBool>,
}

/// `/livez` and `/readyz`, named as Kubernetes names them, `/status` for people, and `/usage` for reports.
pub(crate) fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/usage", get(usage))
        .with_state(health)
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
        "bundle_up_to_date": health.standing.report().is_up_to_date(),
        "open_holds": health.shared.ledger.open_holds(),
        "bound_breaches": health.shared.ledger.breaches(),
    });
    (status, Json(body)).into_response()
}

/// What is served since when, and what was refused instead (docs/bundles.md); which providers fail (docs/upstreams.md);
/// which keys could not be renewed (docs/secrets.md);
/// whether ledger and clock are as they should be.
async fn status(State(health): State<Health>) -> Response {
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "draining": health.draining.load(Ordering::Relaxed),
        "bundle": health.standing.report(),
        "ledger": {
            "failure": health.shared.ledger.failure(),
            "openHolds": health.shared.ledger.open_holds(),
            "boundBreaches": health.shared.ledger.breaches(),
        },
        "secrets": health.shared.snapshot.load().key_standings(),
        "breakers": health.shared.breakers.report(Instant::now()),
        "clock": { "aheadSeconds": health.shared.calendar.doubted_seconds() },
    });
    Json(body).into_response()
}

/// From which day to which, both included; today where nothing is said.
#[derive(Debug, Deserialize)]
struct Period {
    from: Option<String>,
    to: Option<String>,
}

/// Who has used how many tokens. docs/usage.md describes it.
async fn usage(State(health): State<Health>, Query(period): Query<Period>) -> Response {
    let ledger = &health.shared.ledger;
    let today = ledger.today(health.shared.calendar.look().believed);
    let day = |text: Option<String>| text.map_or(Ok(today), |text| text.parse::<UtcDay>());
    match (day(period.from), day(period.to)) {
        (Ok(from), Ok(to)) => {
            let snapshot = health.shared.snapshot.load();
            Json(report::live(ledger, &(from..=to), |account| snapshot.caps(account))).into_response()
        }
        (Err(wrong), _) | (_, Err(wrong)) => {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": wrong.to_string() }))).into_response()
        }
    }
}
