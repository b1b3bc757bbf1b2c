//! What operators are told of the bundle in force, and of the one that was refused instead.

use std::sync::{Mutex, PoisonError};

use pai_bundle::digest::Digest;
use pai_bundle::key::KeyId;
use pai_bundle::signature::Serial;
use pai_bundle::unit::UnixSeconds;
use serde::Serialize;

use crate::release::{Origin, Release};

/// The bundle in force and the latest refusal. Written by the reload, read by the admin listener.
#[derive(Debug)]
pub(crate) struct Standing(Mutex<Report>);

/// As `/status` prints it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// The bundle in force.
    digest: Digest,
    /// Its release; null where no public key was given.
    serial: Option<Serial>,
    /// Who signed it; null where no public key was given.
    signed_by: Option<KeyId>,
    /// When it came into force, RFC 3339.
    loaded_at: String,
    /// Whether it is what the source had, or the last good one from the state folder.
    origin: Origin,
    /// Where bundles come from; null for one that is in memory alone.
    source: Option<String>,
    /// False while the source has a bundle that was refused.
    up_to_date: bool,
    /// Bundles that came into force since the start, after the first.
    reloads: u64,
    /// Bundles refused since the start.
    refusals: u64,
    /// The latest of them.
    last_refusal: Option<Refused>,
}

#[derive(Debug, Clone, Serialize)]
struct Refused {
    at: String,
    reason: String,
}

impl Standing {
    /// At the start.
    pub(crate) fn new(release: &Release, source: Option<String>, now: UnixSeconds) -> Self {
        let (serial, signed_by) = signature(release);
        Self(Mutex::new(Report {
            digest: release.snapshot.digest.clone(),
            serial,
            signed_by,
            loaded_at: time(now),
            origin: release.origin,
            source,
            up_to_date: true,
            reloads: 0,
            refusals: 0,
            last_refusal: None,
        }))
    }

    /// This one is in force from now on.
    pub(crate) fn loaded(&self, release: &Release, now: UnixSeconds) {
        self.edit(|report| {
            report.digest = release.snapshot.digest.clone();
            (report.serial, report.signed_by) = signature(release);
            report.loaded_at = time(now);
            report.origin = release.origin;
            report.up_to_date = true;
            report.reloads = report.reloads.saturating_add(1);
        });
    }

    /// One was refused; what was in force stays so.
    pub(crate) fn refused(&self, reason: String, now: UnixSeconds) {
        self.edit(|report| {
            report.up_to_date = false;
            report.refusals = report.refusals.saturating_add(1);
            report.last_refusal = Some(Refused { at: time(now), reason });
        });
    }

    /// All of it, of one moment.
    pub(crate) fn report(&self) -> Report {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn edit(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Report {
    /// Whether what is served is what the source has.
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.up_to_date
    }
}

fn signature(release: &Release) -> (Option<Serial>, Option<KeyId>) {
    release.verified.clone().map_or((None, None), |verified| (Some(verified.serial), Some(verified.key)))
}

fn time(now: UnixSeconds) -> String {
    jiff::Timestamp::from_second(now.0).map(|at| at.to_string()).unwrap_or_default()
}
