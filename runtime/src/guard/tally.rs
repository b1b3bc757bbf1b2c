//! How often a binding said what, for `/status`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::unavailable::Unavailable;
use crate::record::{GuardAction, GuardVerdict};

/// One binding's verdicts since the gateway has had it as it is, each counted when it is made.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pass: AtomicU64,
    allow: AtomicU64,
    audit: AtomicU64,
    deny: AtomicU64,
    /// By the place of the reason in [`Unavailable::REASONS`].
    unavailable: [AtomicU64; Unavailable::REASONS.len()],
}

/// Verdicts by what they meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Verdicts {
    pass: u64,
    allow: u64,
    audit: u64,
    deny: u64,
}

impl Tally {
    /// One more.
    pub(crate) fn count(&self, verdict: &GuardVerdict) {
        let of_action = match verdict.action {
            GuardAction::Pass => &self.pass,
            GuardAction::Allow => &self.allow,
            GuardAction::Audit => &self.audit,
            GuardAction::Deny => &self.deny,
        };
        let reasons = Unavailable::REASONS.iter().zip(&self.unavailable);
        let of_reason = reasons.filter(|(reason, _)| verdict.unavailable == Some(**reason));
        for counter in of_reason.map(|(_, counter)| counter).chain([of_action]) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn verdicts(&self) -> Verdicts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Verdicts {
            pass: read(&self.pass),
            allow: read(&self.allow),
            audit: read(&self.audit),
            deny: read(&self.deny),
        }
    }

    /// How often it did not judge, by reasons that there were.
    pub(crate) fn unavailable(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.unavailable.iter().map(|counter| counter.load(Ordering::Relaxed));
        Unavailable::REASONS.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter() {
        let all = [
            Unavailable::Unreachable,
            Unavailable::Broken,
            Unavailable::Timeout,
            Unavailable::Status(500),
            Unavailable::Garbage("it is none"),
            Unavailable::Busy,
            Unavailable::Open,
            Unavailable::Secret,
            Unavailable::TooLong,
            Unavailable::Unreadable,
            Unavailable::Stopped,
        ];
        assert_eq!(all.map(|one| one.reason()), Unavailable::REASONS);
        let tally = Tally::default();
        for unavailable in all {
            tally.count(&GuardVerdict {
                binding: "default/g".to_owned(),
                target: "prompts".to_owned(),
                label: None,
                score: None,
                rules: Vec::new(),
                unavailable: Some(unavailable.reason()),
                latency_ms: 0.0,
                action: GuardAction::Allow,
            });
        }
        assert_eq!(tally.unavailable(), Unavailable::REASONS.map(|reason| (reason, 1)).into());
        assert_eq!(tally.verdicts(), Verdicts { pass: 0, allow: 11, audit: 0, deny: 0 });
    }
}
