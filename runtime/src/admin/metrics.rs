//! `/metrics`, in Prometheus's text format. What is shown is counted where it happens; here it is only gathered.
//! docs/metrics.md describes it.

mod guards;
mod ledger;
mod requests;
mod standing;
mod upstreams;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::{Health, door};
use crate::metrics::page::{self, Labels, Page};

/// The page, made on a thread where it keeps no request waiting: ten thousand keys have ten thousand accounts.
pub(super) async fn show(State(health): State<Health>) -> Response {
    let text = tokio::task::spawn_blocking(move || gather(&health).into_text()).await;
    let Ok(Ok(text)) = text else {
        tracing::error!(event = "metrics.failed", "the page of metrics could not be made");
        return door::error(StatusCode::INTERNAL_SERVER_ERROR, "no_metrics", "the page could not be made");
    };
    ([(CONTENT_TYPE, page::CONTENT_TYPE)], text).into_response()
}

fn gather(health: &Health) -> Page {
    let mut page = Page::default();
    let snapshot = health.shared.snapshot.load();
    standing::put(&mut page, health);
    requests::put(&mut page, &health.shared.metrics);
    upstreams::put(&mut page, &health.shared, &snapshot);
    ledger::put(&mut page, &health.shared, &snapshot);
    guards::put(&mut page, snapshot.classifiers());
    page
}

/// Labels of one series.
fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Labels {
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}
