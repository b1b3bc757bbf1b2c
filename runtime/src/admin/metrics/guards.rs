//! What guards said, by binding.

use super::labels;
use crate::guard::{Classifiers, Position};
use crate::metrics::page::{Family, Page};

/// As `/status` says them.
const STATES: [(Position, &str); 3] =
    [(Position::Closed, "closed"), (Position::HalfOpen, "half-open"), (Position::Open, "open")];

pub(super) fn put(page: &mut Page, classifiers: &Classifiers) {
    let mut verdicts = Family::counter(
        "pai_guard_verdicts",
        "Verdicts of a binding, by what was read and what the verdict meant.",
    );
    let mut findings = Family::counter(
        "pai_guard_findings",
        "Verdicts that found something and refused or recorded it, by label; labels that nobody named are other.",
    );
    let mut unavailable =
        Family::counter("pai_guard_unavailable", "Verdicts that could not be had, by binding and reason.");
    let mut latency =
        Family::histogram("pai_guard_verdict_duration_seconds", "How long verdicts took, by binding.");
    let mut scores = Family::histogram("pai_guard_score", "How sure verdicts were, 0 to 1, by binding.");
    for classifier in classifiers.iter() {
        let binding = classifier.binding().name.to_string();
        let tally = classifier.tally();
        for (target, action, count) in tally.by_target() {
            let labels = labels([("binding", &binding), ("target", target), ("action", action.word())]);
            verdicts.put(labels, count);
        }
        for (label, count) in tally.labels() {
            findings.put(labels([("binding", &binding), ("label", &label)]), count);
        }
        for (reason, count) in tally.reasons() {
            unavailable.put(labels([("binding", &binding), ("reason", reason)]), count);
        }
        latency.put_counted(labels([("binding", &binding)]), tally.latency());
        scores.put_counted(labels([("binding", &binding)]), tally.scores());
    }
    for family in [verdicts, findings, unavailable, latency, scores] {
        page.add(family);
    }
    asked(page, classifiers);
}

/// How often who judges was asked.
fn asked(page: &mut Page, classifiers: &Classifiers) {
    let mut calls = Family::counter(
        "pai_guard_classifier_calls",
        "Texts, or pieces of them, that a classifier was sent.",
    );
    let mut failures =
        Family::counter("pai_guard_classifier_failures", "Those of them that it did not judge.");
    let mut cached =
        Family::counter("pai_guard_classifier_cached", "Texts whose verdict was known from before.");
    let mut breakers = Family::gauge(
        "pai_guard_breaker_state",
        "1 for the state that a service's breaker is in, 0 for the others; rules have none.",
    );
    for report in classifiers.report() {
        let binding = report.binding.to_string();
        calls.put(labels([("binding", &binding)]), report.calls);
        failures.put(labels([("binding", &binding)]), report.failures);
        cached.put(labels([("binding", &binding)]), report.cached);
        let Some(breaker) = report.breaker else { continue };
        for (state, word) in STATES {
            let is = (state == breaker.state).into();
            breakers.put(labels([("binding", &binding), ("state", word)]), is);
        }
    }
    for family in [calls, failures, cached, breakers] {
        page.add(family);
    }
}
