//! Which lines of the manifests decided a case, and which none did: rules are counted, not lines of text, and nothing
//! is rounded up.

use std::collections::BTreeSet;

use pai_bundle::Bundle;
use pai_bundle::origin::{Origin, Places};
use pai_policies::attached::{Bindings, Flags};

use super::trial::Trial;
use crate::lower::cost;

/// One thing that the manifests say and that can decide a case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// Where it is written.
    pub origin: Origin,
    /// The policy that it became, or the base rule that reads it.
    pub policy: String,
}

/// What cases decided.
#[derive(Debug)]
pub struct Coverage {
    /// Lines that decided a case.
    pub decided: Vec<Line>,
    /// Lines that none did.
    pub idle: Vec<Line>,
}

impl Coverage {
    /// Whole percent, rounded down.
    pub fn percent(&self) -> usize {
        let all = self.decided.len() + self.idle.len();
        (self.decided.len() * 100).checked_div(all).unwrap_or(100)
    }
}

/// Holds every line against every refusal.
pub fn of(bundle: &Bundle, trials: &[Trial<'_>]) -> Coverage {
    let refusals: BTreeSet<(&str, &Origin)> = trials
        .iter()
        .flat_map(|trial| trial.answer.candidates.iter())
        .filter_map(|considered| considered.denial.as_deref())
        .flat_map(pai_policies::Denial::causes)
        .map(|cause| (cause.policy.as_str(), &cause.origin))
        .collect();
    let (decided, idle) =
        lines(bundle).into_iter().partition(|line| refusals.contains(&(line.policy.as_str(), &line.origin)));
    Coverage { decided, idle }
}

/// Everything that can refuse, by place.
fn lines(bundle: &Bundle) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut base = |places: &Places, rule: &str, field: &str| {
        lines.push(Line { origin: places.of(field), policy: format!("base/{rule}") });
    };
    for agent in &bundle.agents {
        base(&agent.places, "agent-models", "/spec/models");
        if agent.max_tokens_per_request.is_some() {
            base(&agent.places, "agent-per-request", "/spec/tokens/maxPerRequest");
        }
        if agent.max_tokens_per_day.is_some() {
            base(&agent.places, "agent-per-day", "/spec/tokens/maxPerDay");
        }
        if agent.rate_limits.max_cost_per_day().is_some() {
            base(&agent.places, "agent-cost-per-day", cost::AGENT_FIELD);
        }
        // A guard that is not in the bundle is none that could be loaded.
        let flags = Flags::of_all(&agent.guards, &agent.name.namespace, Bindings(&bundle.guards));
        let flags = flags.unwrap_or_default();
        if !flags.hits.is_empty() {
            base(&agent.places, "agent-guards", "/spec/guards");
        }
        if !flags.failures.is_empty() {
            base(&agent.places, "agent-guard-failures", "/spec/guards");
        }
    }
    for key in &bundle.access_keys {
        let restrictions = [
            (!key.allowed_models.is_empty(), "key-models", "/spec/allowedModels"),
            (!key.allowed_cidrs.is_empty(), "key-address", "/spec/allowedCidrs"),
            (key.expires.is_some(), "key-expired", "/spec/expires"),
            (key.max_tokens_per_day.is_some(), "key-per-day", "/spec/maxTokensPerDay"),
            (key.rate_limits.max_cost_per_day().is_some(), "key-cost-per-day", cost::KEY_FIELD),
        ];
        for (_, rule, field) in restrictions.into_iter().filter(|(is_there, ..)| *is_there) {
            base(&key.places, rule, field);
        }
    }
    let slices = bundle.slices.iter().flat_map(|slice| &slice.policies);
    for policy in slices.chain(&bundle.authored_policies) {
        lines.push(Line { origin: policy.origin.clone(), policy: policy.id.to_string() });
    }
    lines.sort();
    lines
}
