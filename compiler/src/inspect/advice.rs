//! The smallest change that would let a refused request through: for every policy that refuses, the edit of the
//! manifest value that it comes from, tried on a copy of the bundle before it is said.

use ipnet::IpNet;
use pai_bundle::name::{ModelRef, PolicyId};
use pai_bundle::pattern::Pattern;
use pai_bundle::provider::Provider;
use pai_bundle::unit::Tokens;
use pai_policies::Cause;
use pai_policies::candidate::{Candidate, Directory};

use super::change::{AgentEdit, Change, KeyEdit, ProviderEdit};
use super::question::{Question, Who};
use super::world::World;

/// What would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// These changes together let the request through, and none of them can be left out.
    Change(Vec<Change>),
    /// No edit that this knows helps; the causes say why.
    None,
}

/// What would let `candidate`, which the policies refuse, be asked.
pub fn advise(world: &World, question: &Question, candidate: &Candidate) -> Advice {
    let considered = world.consider(question, candidate.clone());
    let Some(denial) = considered.denial else { return Advice::None };
    let mut changes: Vec<Change> = Vec::new();
    for cause in denial.causes() {
        for change in remedies(world, question, candidate, cause) {
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    // INVARIANT: advice has been tried.
    if !helps(world, question, candidate, &changes) {
        return Advice::None;
    }
    let mut place = 0;
    while place < changes.len() {
        let mut fewer = changes.clone();
        fewer.remove(place);
        if helps(world, question, candidate, &fewer) { changes = fewer } else { place += 1 }
    }
    Advice::Change(changes)
}

/// Whether the candidate is let through with all of these.
fn helps(world: &World, question: &Question, candidate: &Candidate, changes: &[Change]) -> bool {
    if changes.is_empty() {
        return false;
    }
    let mut bundle = world.bundle().clone();
    for change in changes {
        match change.apply(&bundle) {
            Ok(next) => bundle = next,
            Err(_) => return false,
        }
    }
    World::new(bundle).is_ok_and(|world| world.consider(question, candidate.clone()).denial.is_none())
}

/// The edits that answer one cause.
fn remedies(world: &World, question: &Question, candidate: &Candidate, cause: &Cause) -> Vec<Change> {
    let Some(provider) = Directory::provider(world, &candidate.provider) else { return Vec::new() };
    if world.bundle().authored_policies.iter().any(|policy| policy.id == cause.policy) {
        return vec![Change::Author(cause.policy.clone())];
    }
    let cost = question
        .spent
        .of(question.who.scope(), question.who.name())
        .saturating_add(world.cost(question, candidate));
    match &question.who {
        Who::Agent(name) => {
            let edit = match cause.policy.as_str() {
                "base/agent-models" => AgentEdit::List(ModelRef {
                    provider: candidate.provider.name.clone(),
                    model: candidate.model.clone(),
                }),
                "base/agent-per-request" => AgentEdit::PerRequest(Some(question.tokens)),
                "base/agent-per-day" => AgentEdit::PerDay(Some(needed(question, question.who.scope(), name))),
                "base/agent-cost-per-day" => AgentEdit::CostPerDay(Some(cost)),
                _ => return of_provider(question, provider, candidate, &cause.policy),
            };
            vec![Change::Agent(name.clone(), edit)]
        }
        Who::AccessKey(name) => {
            let edit = match cause.policy.as_str() {
                "base/key-providers" => KeyEdit::Cover(candidate.provider.name.clone()),
                "base/key-models" => KeyEdit::Allow(Pattern::new(candidate.model.as_str())),
                "base/key-address" => KeyEdit::From(IpNet::from(question.address.to_canonical())),
                "base/key-expired" => KeyEdit::Forever,
                "base/key-per-day" => KeyEdit::PerDay(Some(needed(question, question.who.scope(), name))),
                "base/key-cost-per-day" => KeyEdit::CostPerDay(Some(cost)),
                _ => return of_provider(question, provider, candidate, &cause.policy),
            };
            vec![Change::AccessKey(name.clone(), edit)]
        }
    }
}

fn of_provider(
    question: &Question,
    provider: &Provider,
    candidate: &Candidate,
    policy: &PolicyId,
) -> Vec<Change> {
    use pai_bundle::limit::Scope::{Provider as Day, ProviderExternal as ExternalDay};
    let edits = match policy.as_str().rsplit('/').next().unwrap_or_default() {
        "key-external" => vec![ProviderEdit::OpenToKeys],
        "allowedModels" => vec![ProviderEdit::Allow(Pattern::new(candidate.model.as_str()))],
        "deniedModels" => {
            let matching =
                provider.denied_models.iter().filter(|denied| denied.matches(candidate.model.as_str()));
            matching.map(|denied| ProviderEdit::Undeny(denied.clone())).collect()
        }
        "maxTokensPerRequest" => vec![ProviderEdit::PerRequest(Some(question.tokens))],
        "maxTokensPerDay" => vec![ProviderEdit::PerDay(Some(needed(question, Day, &provider.name)))],
        "externalAccess.maxTokensPerDay" => {
            vec![ProviderEdit::ExternalPerDay(Some(needed(question, ExternalDay, &provider.name)))]
        }
        _ => Vec::new(),
    };
    edits.into_iter().map(|edit| Change::Provider(provider.name.clone(), edit)).collect()
}

/// The cap under which the request just fits.
fn needed(
    question: &Question,
    scope: pai_bundle::limit::Scope,
    name: &pai_bundle::name::QualifiedName,
) -> Tokens {
    question.used.of(scope, name).saturating_add(question.tokens)
}
