//! How classifiers stand, as `/status` prints it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use pai_bundle::name::QualifiedName;
use serde::Serialize;

use super::breaker::Standing;
use super::tally::{Tally, Verdicts};
use crate::live_key::KeyStanding;

/// What one classifier did since it was built.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    failures: AtomicU64,
    cached: AtomicU64,
}

impl Counters {
    /// Asked, or scanned.
    pub(crate) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Not judged, for whichever reason.
    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Known from before.
    pub(crate) fn remembered(&self, texts: usize) {
        self.cached.fetch_add(u64::try_from(texts).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// How one binding's classifier stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassifierReport<'a> {
    pub(crate) binding: &'a QualifiedName,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Null for rules, which cannot fail to answer.
    pub(crate) breaker: Option<Standing>,
    /// What it said, and what that meant: one for each attachment and kind of text of a request, and for each piece of an
    /// answer that streams.
    pub(crate) verdicts: Verdicts,
    /// How often it did not judge, by the words that records have for that.
    unavailable: BTreeMap<&'static str, u64>,
    /// Texts, or pieces of them, that it was sent.
    pub(crate) calls: u64,
    /// Those that it did not judge.
    pub(crate) failures: u64,
    /// Those whose verdict was known.
    pub(crate) cached: u64,
    /// Null where it needs none.
    pub(crate) secret: Option<KeyStanding<'a>>,
}

impl<'a> ClassifierReport<'a> {
    pub(crate) fn of(
        binding: &'a QualifiedName,
        kind: &'static str,
        tally: &Tally,
        counters: &Counters,
        breaker: Option<Standing>,
        secret: Option<KeyStanding<'a>>,
    ) -> Self {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            binding,
            kind,
            breaker,
            verdicts: tally.verdicts(),
            unavailable: tally.unavailable(),
            calls: read(&counters.calls),
            failures: read(&counters.failures),
            cached: read(&counters.cached),
            secret,
        }
    }
}
