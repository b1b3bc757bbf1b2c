//! The operators' own listener: probes for anybody, and for whoever has an admin token what the gateway does and serves.

mod bundle;
mod door;
mod metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Query, State};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::StatusCode;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::exchange::Shared;
use crate::listener::Tls;
use crate::operators::Operators;
use crate::release::Origin;
use crate::reload::Push;
use crate::report;
use crate::standing::Standing;

/// What health is told from.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) shared: Arc<Shared>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) operators: Arc<Operators>,
    /// Where bundles go that operators send; `None` where there is one bundle and no next ones.
    pub(crate) pushes: Option<mpsc::Sender<Push>>,
    /// The certificate that callers see.
    pub(crate) tls: Option<Arc<Tls>>,
    /// When the gateway was started.
    pub(crate) started: UnixSeconds,
}

/// `/livez` and `/readyz`, named as Kubernetes names them and open to its probes; behind the door `/status` for people,
/// `/metrics` for Prometheus, `/usage` for reports, and `/bundle`. docs/admin.md describes them.
pub(crate) fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .route("/metrics", get(metrics::show))
        .route("/usage", get(usage))
        .route("/bundle", get(bundle::show).post(bundle::replace))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(health.clone(), door::guarded))
        .with_state(health)
}

async fn nothing() -> Response {
    door::error(StatusCode::NOT_FOUND, "no_path", "there is no such path here")
}

async fn live() -> &'static str {
    "ok\n"
}

/// Not ready while draining, without a bundle, and when the ledger has stopped granting: all send traffic elsewhere.
async fn ready(State(health): State<Health>) -> Response {
    let snapshot = health.shared.snapshot.load();
    let draining = health.draining.load(Ordering::Relaxed);
    let failure = health.shared.ledger.failure();
    let is_empty = health.standing.origin() == Origin::None;
    let status = if draining || is_empty || failure.is_some() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let standing = health.standing.report();
    let body = json!({
        "ready": status == StatusCode::OK,
        "draining": draining,
        "ledger": failure.as_deref().unwrap_or("ok"),
        "bundle": (!is_empty).then_some(&snapshot.digest),
        "bundle_up_to_date": standing.is_up_to_date(),
        // When; why is not for everybody who can reach a probe, and in /status.
        "bundle_refused_at": standing.refused_at(),
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
        "guards": health.shared.snapshot.load().classifiers().report(),
        "breakers": health.shared.breakers.report(Instant::now()),
        "clock": { "aheadSeconds": health.shared.calendar.doubted_seconds() },
        "tls": health.tls.as_ref().map(|tls| tls.report()),
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
            door::error(StatusCode::BAD_REQUEST, "wrong_day", &wrong.to_string())
        }
    }
}
