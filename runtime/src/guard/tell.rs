//! A verdict in the log, and several of one text as one.

use crate::record::{GuardAction, GuardVerdict};

/// Says what whoever is on call should hear of: a hit, and a guard that does not judge.
pub(crate) fn tell(verdict: &GuardVerdict, request: &str) {
    let GuardVerdict { binding, target, label, score, rules, unavailable, action, .. } = verdict;
    match (unavailable, action) {
        (Some(reason), _) => tracing::warn!(
            event = "guard.unavailable", %request, %binding, %target, %reason, action = action.as_str(),
            "a guard could not judge"
        ),
        (None, GuardAction::Pass) => {}
        (None, _) => tracing::info!(
            event = "guard.hit", %request, %binding, %target, label = label.as_deref().unwrap_or_default(),
            score = score.unwrap_or_default(), rules = rules.join(" "), action = action.as_str(),
            "a guard found something"
        ),
    }
}

/// Adds what was said later of the same: the worst score stays, and all the time it took.
pub(crate) fn join(known: &mut GuardVerdict, later: GuardVerdict) {
    let latency_ms = known.latency_ms + later.latency_ms;
    let mut rules = std::mem::take(&mut known.rules);
    rules.extend_from_slice(&later.rules);
    rules.sort();
    rules.dedup();
    let unavailable = known.unavailable.or(later.unavailable);
    if (later.action, later.score.unwrap_or(0.0)) > (known.action, known.score.unwrap_or(0.0)) {
        *known = later;
    }
    known.rules = rules;
    known.latency_ms = latency_ms;
    known.unavailable = unavailable;
}

impl GuardAction {
    /// As in records.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Allow => "allow",
            Self::Audit => "audit",
            Self::Deny => "deny",
        }
    }
}
