//! How often a binding said what, how surely and after how long: for `/status` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pai_bundle::guard::GuardBinding;
use serde::Serialize;

use super::labels::Labels;
use super::unavailable::Unavailable;
use crate::metrics::histogram::{Counted, Histogram, SCORES, VERDICT_SECONDS};
use crate::record::{GuardAction, GuardVerdict};

/// What verdicts are about. Of tools' results, which tool is left out: its name is the client's.
pub(crate) const TARGETS: [&str; 4] = ["prompts", "system", "toolResults", "responses"];

/// One binding's verdicts since the gateway has had it as it is, each counted when it is made.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: Arc<Counts>,
    labels: Labels,
}

/// What an edit of thresholds leaves as it is.
#[derive(Debug)]
struct Counts {
    /// By the place of the target in [`TARGETS`] and of the action in [`GuardAction::ALL`].
    verdicts: [[AtomicU64; GuardAction::ALL.len()]; TARGETS.len()],
    /// By the place of the reason in [`Unavailable::REASONS`].
    unavailable: [AtomicU64; Unavailable::REASONS.len()],
    latency: Histogram<{ VERDICT_SECONDS.len() }>,
    /// Of those that judged.
    scores: Histogram<{ SCORES.len() }>,
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
    /// Nothing yet.
    pub(crate) fn new(binding: &GuardBinding) -> Self {
        let counts = Counts {
            verdicts: Default::default(),
            unavailable: Default::default(),
            latency: Histogram::new(&VERDICT_SECONDS),
            scores: Histogram::new(&SCORES),
        };
        Self { counts: Arc::new(counts), labels: Labels::of(binding, None) }
    }

    /// The same counters for a binding with other thresholds.
    pub(crate) fn rebound(&self, binding: &GuardBinding) -> Self {
        Self { counts: Arc::clone(&self.counts), labels: Labels::of(binding, Some(&self.labels)) }
    }

    /// One more.
    pub(crate) fn count(&self, verdict: &GuardVerdict) {
        let Counts { verdicts, unavailable, latency, scores } = &*self.counts;
        let target = match verdict.target.as_str() {
            "prompts" => 0,
            "system" => 1,
            "responses" => 3,
            _ => 2,
        };
        let of_verdict = verdicts.get(target).and_then(|actions| actions.get(verdict.action.place()));
        let reasons = Unavailable::REASONS.iter().zip(unavailable);
        let of_reason = reasons.filter(|(reason, _)| verdict.unavailable == Some(**reason));
        for counter in of_reason.map(|(_, counter)| counter).chain(of_verdict) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        latency.observe(verdict.latency_ms / 1e3);
        if let Some(score) = verdict.score {
            scores.observe(score);
        }
        if let (GuardAction::Audit | GuardAction::Deny, Some(label)) = (verdict.action, &verdict.label) {
            self.labels.count(label);
        }
    }

    pub(crate) fn verdicts(&self) -> Verdicts {
        let of = |action: GuardAction| {
            let all = self.by_target().filter(|(_, other, _)| *other == action);
            all.map(|(_, _, count)| count).sum()
        };
        Verdicts {
            pass: of(GuardAction::Pass),
            allow: of(GuardAction::Allow),
            audit: of(GuardAction::Audit),
            deny: of(GuardAction::Deny),
        }
    }

    /// Verdicts by target and action.
    pub(crate) fn by_target(&self) -> impl Iterator<Item = (&'static str, GuardAction, u64)> {
        TARGETS.into_iter().zip(&self.counts.verdicts).flat_map(|(target, actions)| {
            let counts = actions.iter().map(|counter| counter.load(Ordering::Relaxed));
            GuardAction::ALL.into_iter().zip(counts).map(move |(action, count)| (target, action, count))
        })
    }

    /// How often it did not judge, by reasons that there were.
    pub(crate) fn unavailable(&self) -> BTreeMap<&'static str, u64> {
        self.reasons().filter(|(_, count)| *count > 0).collect()
    }

    /// How often it did not judge, by every reason.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.counts.unavailable.iter().map(|counter| counter.load(Ordering::Relaxed));
        Unavailable::REASONS.into_iter().zip(counts)
    }

    /// How often it found what, where that meant something.
    pub(crate) fn labels(&self) -> Vec<(String, u64)> {
        self.labels.read()
    }

    /// Seconds that verdicts took.
    pub(crate) fn latency(&self) -> Counted {
        self.counts.latency.read()
    }

    /// How sure verdicts were.
    pub(crate) fn scores(&self) -> Counted {
        self.counts.scores.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(label: &str) -> GuardBinding {
        serde_json::from_value(serde_json::json!({
            "name": "default/g", "classifier": { "type": "rules" }, "thresholds": { label: 900 },
            "places": { "file": "g.yaml", "document": [1, 1], "fields": {} },
        }))
        .expect("a binding")
    }

    fn found(target: &str, label: &str, action: GuardAction) -> GuardVerdict {
        GuardVerdict {
            binding: "default/g".to_owned(),
            target: target.to_owned(),
            label: Some(label.to_owned()),
            score: Some(0.95),
            rules: Vec::new(),
            unavailable: None,
            latency_ms: 3.0,
            action,
        }
    }

    #[test]
    fn nobody_but_the_manifest_names_a_label_and_no_tool_a_target() {
        let tally = Tally::new(&binding("injection"));
        tally.count(&found("toolResults/a tool of mine", "injection", GuardAction::Deny));
        tally.count(&found("toolResults/another", "what the prompt said", GuardAction::Audit));
        tally.count(&found("prompts", "injection", GuardAction::Pass));
        let some: Vec<_> = tally.by_target().filter(|(_, _, count)| *count > 0).collect();
        let expected = [
            ("prompts", GuardAction::Pass, 1),
            ("toolResults", GuardAction::Audit, 1),
            ("toolResults", GuardAction::Deny, 1),
        ];
        assert_eq!(some, expected);
        assert_eq!(tally.labels(), [("injection".to_owned(), 1), ("other".to_owned(), 1)]);
        let (latency, scores) = (tally.latency(), tally.scores());
        assert_eq!((latency.count, scores.count), (3, 3));
        assert!((latency.sum - 0.009).abs() < 1e-9 && (scores.sum - 2.85).abs() < 1e-9);
    }

    #[test]
    fn an_edit_of_thresholds_leaves_the_counts() {
        let tally = Tally::new(&binding("injection"));
        tally.count(&found("prompts", "injection", GuardAction::Deny));
        let edited = tally.rebound(&binding("toxic")).rebound(&binding("injection"));
        assert_eq!(edited.verdicts(), Verdicts { pass: 0, allow: 0, audit: 0, deny: 1 });
        let kept = tally.rebound(&binding("injection"));
        assert_eq!(kept.labels(), [("injection".to_owned(), 1), ("other".to_owned(), 0)]);
    }

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
        let tally = Tally::new(&binding("injection"));
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
