//! What operators are told of the bundle in force, and of the one that was refused instead.

use std::sync::{Mutex, PoisonError};

use pai_bundle::digest::Digest;
use pai_bundle::key::KeyId;
use pai_bundle::signature::Serial;
use pai_bundle::unit::UnixSeconds;
use serde::Serialize;

use crate::release::{Origin, Packed, Release, ReleaseError};

/// Most findings that a refusal is told with.
const FINDINGS: usize = 20;

/// The bundle in force and the latest refusal. Written by the reload, read by the admin listener.
#[derive(Debug)]
pub(crate) struct Standing(Mutex<State>);

#[derive(Debug)]
struct State {
    report: Report,
    /// The bundle in force, as it came.
    bytes: Option<Packed>,
}

/// As `/status` prints it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// The bundle in force.
    pub(crate) digest: Digest,
    /// Its release; null where no public key was given.
    serial: Option<Serial>,
    /// Who signed it; null where no public key was given.
    signed_by: Option<KeyId>,
    /// When it came into force, RFC 3339.
    pub(crate) loaded_at: String,
    /// Whether it is what the source had, or the last good one from the state folder.
    pub(crate) origin: Origin,
    /// Where bundles come from; null for one that is in memory alone.
    source: Option<String>,
    /// False while the source has a bundle that was refused.
    up_to_date: bool,
    /// Bundles that came into force since the start, after the first.
    pub(crate) reloads: u64,
    /// Bundles refused since the start.
    pub(crate) refusals: u64,
    /// The latest of them.
    last_refusal: Option<Refused>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refused {
    at: String,
    reason: String,
    /// What is wrong with manifests, a line for each, as far as there is room.
    findings: Vec<String>,
}

impl Standing {
    /// At the start.
    pub(crate) fn new(release: &Release, source: Option<String>, now: UnixSeconds) -> Self {
        let (serial, signed_by) = signature(release);
        let report = Report {
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
        };
        Self(Mutex::new(State { report, bytes: release.bytes.clone() }))
    }

    /// This one is in force from now on.
    pub(crate) fn loaded(&self, release: &Release, now: UnixSeconds) {
        self.edit(|State { report, bytes }| {
            bytes.clone_from(&release.bytes);
            report.digest = release.snapshot.digest.clone();
            (report.serial, report.signed_by) = signature(release);
            report.loaded_at = time(now);
            report.origin = release.origin;
            report.up_to_date = true;
            report.reloads = report.reloads.saturating_add(1);
        });
    }

    /// The source has one that was refused; what was in force stays so.
    pub(crate) fn refused(&self, cause: &ReleaseError, now: UnixSeconds) {
        self.edit(|State { report, .. }| {
            report.up_to_date = false;
            report.note(Refused::of(cause, now));
        });
    }

    /// An operator sent one that was refused; the source is as it was.
    pub(crate) fn turned_away(&self, cause: &ReleaseError, now: UnixSeconds) {
        self.edit(|State { report, .. }| report.note(Refused::of(cause, now)));
    }

    /// Nothing new is loaded any more.
    pub(crate) fn gave_up(&self, now: UnixSeconds) {
        let reason = "loading a bundle failed; only a restart loads another".to_owned();
        self.edit(|State { report, .. }| {
            report.up_to_date = false;
            report.note(Refused { at: time(now), reason, findings: Vec::new() });
        });
    }

    /// All of it, of one moment.
    pub(crate) fn report(&self) -> Report {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).report.clone()
    }

    /// Where the bundle in force came from.
    pub(crate) fn origin(&self) -> Origin {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).report.origin
    }

    /// The bundle in force as it came, and its digest.
    pub(crate) fn bundle(&self) -> (Digest, Option<Packed>) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.report.digest.clone(), state.bytes.clone())
    }

    fn edit(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Report {
    /// Whether what is served is what the source has.
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.up_to_date
    }

    /// When a bundle was refused last, whatever came after it.
    pub(crate) fn last_refused_at(&self) -> Option<&str> {
        self.last_refusal.as_ref().map(|refused| refused.at.as_str())
    }

    /// When the source's own bundle was refused, where that is not the one in force.
    pub(crate) fn refused_at(&self) -> Option<&str> {
        self.last_refusal.as_ref().filter(|_| !self.up_to_date).map(|refused| refused.at.as_str())
    }

    fn note(&mut self, refused: Refused) {
        self.refusals = self.refusals.saturating_add(1);
        self.last_refusal = Some(refused);
    }
}

impl Refused {
    fn of(cause: &ReleaseError, now: UnixSeconds) -> Self {
        let findings = cause.findings().iter().take(FINDINGS).cloned().collect();
        Self { at: time(now), reason: cause.to_string(), findings }
    }
}

fn signature(release: &Release) -> (Option<Serial>, Option<KeyId>) {
    release.verified.clone().map_or((None, None), |verified| (Some(verified.serial), Some(verified.key)))
}

fn time(now: UnixSeconds) -> String {
    jiff::Timestamp::from_second(now.0).map(|at| at.to_string()).unwrap_or_default()
}
