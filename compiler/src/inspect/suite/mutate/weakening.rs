//! Which weakened copies there are: each rule that manifests and authors wrote, taken away.

use pai_bundle::Bundle;
use pai_bundle::name::ModelRef;
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::provider::Provider;

use super::witness::{examples, offers};
use crate::inspect::change::guards::failing_closed;
use crate::inspect::change::{AgentEdit, Change, GuardEdit, KeyEdit, ProviderEdit};
use crate::inspect::question::Who;
use crate::inspect::suite::cases::Case;

/// Every one, in the order of the bundle. What cases ask for decides which model an agent gets in addition.
pub(super) fn all(bundle: &Bundle, cases: &[Case]) -> Vec<Change> {
    let mut changes = Vec::new();
    for provider in &bundle.providers {
        let edits = of_provider(bundle, provider);
        changes.extend(edits.into_iter().map(|edit| Change::Provider(provider.name.clone(), edit)));
    }
    for agent in &bundle.agents {
        let edits = of_agent(bundle, agent, cases);
        changes.extend(edits.map(|edit| Change::Agent(agent.name.clone(), edit)));
    }
    for key in &bundle.access_keys {
        changes.extend(of_key(key).map(|edit| Change::AccessKey(key.name.clone(), edit)));
    }
    changes.extend(failing_closed(bundle).map(Change::FailOpen));
    changes.extend(bundle.authored_policies.iter().map(|policy| Change::Author(policy.id.clone())));
    changes
}

fn of_provider(bundle: &Bundle, provider: &Provider) -> Vec<ProviderEdit> {
    let mut edits = Vec::new();
    if !provider.allowed_models.is_empty() {
        edits.push(ProviderEdit::AllowAll);
    }
    edits.extend(provider.denied_models.iter().cloned().map(ProviderEdit::Undeny));
    edits.extend(provider.max_tokens_per_day.map(|_| ProviderEdit::PerDay(None)));
    edits.extend(provider.max_tokens_per_request.map(|_| ProviderEdit::PerRequest(None)));
    edits.extend(provider.external_access.max_tokens_per_day.map(|_| ProviderEdit::ExternalPerDay(None)));
    // Without a key that names it, nothing would come of opening it.
    let has_keys = bundle.access_keys.iter().any(|key| {
        key.name.namespace == provider.name.namespace && key.providers.contains(&provider.name.name)
    });
    if !provider.external_access.enabled && has_keys {
        edits.push(ProviderEdit::OpenToKeys);
    }
    edits.extend(GuardEdit::all(&provider.guards).map(ProviderEdit::Guard));
    edits
}

fn of_agent(bundle: &Bundle, agent: &Agent, cases: &[Case]) -> impl Iterator<Item = AgentEdit> {
    let per_day = agent.max_tokens_per_day.map(|_| AgentEdit::PerDay(None));
    let per_request = agent.max_tokens_per_request.map(|_| AgentEdit::PerRequest(None));
    let listed = |provider: &&Provider| {
        provider.name.namespace == agent.name.namespace
            && agent.models.iter().any(|model| model.provider == provider.name.name)
    };
    // What a case asks for, or what a provider's lists speak of; one that is offered, where there is any.
    let of_cases = cases
        .iter()
        .filter(|case| case.question.who == Who::Agent(agent.name.clone()))
        .filter_map(|case| case.question.model.parse().ok());
    let of_providers = bundle.providers.iter().filter(listed).flat_map(|provider| {
        let name = provider.name.name.clone();
        examples(provider).map(move |model| ModelRef { provider: name.clone(), model })
    });
    let is_new = |model: &ModelRef| {
        let known = agent.models.iter().any(|listed| listed.provider == model.provider);
        known && !agent.models.contains(model)
    };
    let others: Vec<ModelRef> = of_cases.chain(of_providers).filter(is_new).collect();
    let is_offered = |model: &&ModelRef| {
        let of = bundle.providers.iter().filter(listed).find(|provider| provider.name.name == model.provider);
        of.is_some_and(|provider| offers(provider, &model.model))
    };
    let more = others.iter().find(is_offered).or(others.first()).cloned();
    let cost = agent.rate_limits.max_cost_per_day().map(|_| AgentEdit::CostPerDay(None));
    let guards = GuardEdit::all(&agent.guards).map(AgentEdit::Guard);
    per_day.into_iter().chain(per_request).chain(cost).chain(more.map(AgentEdit::List)).chain(guards)
}

fn of_key(key: &AccessKey) -> impl Iterator<Item = KeyEdit> {
    let edits = [
        (!key.allowed_models.is_empty()).then_some(KeyEdit::AllowAll),
        (!key.allowed_cidrs.is_empty()).then_some(KeyEdit::FromAnywhere),
        key.expires.map(|_| KeyEdit::Forever),
        key.max_tokens_per_day.map(|_| KeyEdit::PerDay(None)),
        key.rate_limits.max_cost_per_day().map(|_| KeyEdit::CostPerDay(None)),
    ];
    edits.into_iter().flatten()
}
