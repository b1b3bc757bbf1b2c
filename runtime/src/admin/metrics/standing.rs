//! What is served since when: the gateway itself, its bundle, its clock and its certificate.

use std::sync::atomic::Ordering;

use super::super::Health;
use super::labels;
use crate::metrics::page::{Family, Page};

pub(super) fn put(page: &mut Page, health: &Health) {
    let mut build = Family::gauge("pai_build_info", "Always 1; the version of pai.");
    build.put(labels([("version", env!("CARGO_PKG_VERSION"))]), 1);
    page.add(build);
    page.add(
        Family::gauge("process_start_time_seconds", "When the gateway was started, in seconds since 1970.")
            .with(u64::try_from(health.started.0).unwrap_or_default()),
    );
    page.add(
        Family::gauge("pai_draining", "1 while the gateway is stopping.")
            .with(health.draining.load(Ordering::Relaxed).into()),
    );
    bundle(page, health);
    let ahead = health.shared.calendar.doubted_seconds().unwrap_or_default();
    page.add(
        Family::gauge(
            "pai_clock_ahead_seconds",
            "How far the clock has jumped, as far as it is not believed yet.",
        )
        .with_real(Some(seconds_of(ahead))),
    );
    let tls = health.tls.as_ref().map(|tls| tls.report());
    page.add(
        Family::gauge(
            "pai_tls_certificate_loaded_timestamp_seconds",
            "When the certificate in use was read; none without TLS.",
        )
        .with_real(tls.as_ref().and_then(|tls| timestamp(&tls.loaded_at))),
    );
    page.add(
        Family::gauge(
            "pai_tls_certificate_up_to_date",
            "0 where the files have changed to a pair that cannot be used; none without TLS.",
        )
        .with_real(tls.map(|tls| if tls.refused.is_none() { 1.0 } else { 0.0 })),
    );
}

fn bundle(page: &mut Page, health: &Health) {
    let standing = health.standing.report();
    let mut info = Family::gauge("pai_bundle_info", "Always 1; the bundle in force, and where it came from.");
    let digest = standing.digest.to_string();
    info.put(labels([("digest", &digest), ("origin", standing.origin.as_str())]), 1);
    page.add(info);
    page.add(
        Family::gauge("pai_bundle_loaded_timestamp_seconds", "When the bundle in force came into force.")
            .with_real(timestamp(&standing.loaded_at)),
    );
    page.add(
        Family::gauge("pai_bundle_up_to_date", "0 while the source has a bundle that was refused.")
            .with(standing.is_up_to_date().into()),
    );
    page.add(
        Family::counter("pai_bundle_reloads", "Bundles that came into force after the first.")
            .with(standing.reloads),
    );
    page.add(
        Family::counter("pai_bundle_refusals", "Bundles that were refused, from the source or an operator.")
            .with(standing.refusals),
    );
    page.add(
        Family::gauge(
            "pai_bundle_last_refusal_timestamp_seconds",
            "When a bundle was refused last; none before.",
        )
        .with_real(standing.last_refused_at().and_then(timestamp)),
    );
}

/// Seconds since 1970 of a time as `/status` says it.
fn timestamp(at: &str) -> Option<f64> {
    at.parse::<jiff::Timestamp>().ok().map(|at| seconds_of(at.as_second()))
}

#[expect(clippy::cast_precision_loss, reason = "exact for some million years")]
fn seconds_of(seconds: i64) -> f64 {
    seconds as f64
}
