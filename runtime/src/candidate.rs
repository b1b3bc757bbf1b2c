//! Requested model and the caller's list to ordered candidates. Which of them may really be asked is for the
//! policies to say, one by one.

use pai_bundle::catalogue;
use pai_bundle::name::{ModelId, ModelRef, Name, QualifiedName};
use pai_bundle::principal::Agent;
use pai_bundle::provider::Provider;

use crate::refusal::Refusal;
use crate::snapshot::{Holder, Snapshot};

/// One model of one provider that could answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The provider.
    pub(crate) provider: QualifiedName,
    /// Its id of the model.
    pub(crate) model: ModelId,
}

/// What an agent may write for its primary model.
const PRIMARY: &str = "default";
/// How many models a refusal names.
const NAMED_MODELS: usize = 8;

/// The candidates, best first; at least one.
pub(crate) fn candidates(
    snapshot: &Snapshot,
    holder: &Holder,
    requested: &str,
) -> Result<Vec<Candidate>, Refusal> {
    let found = match holder {
        Holder::Agent(name) => snapshot.agent(name).map(|agent| for_agent(snapshot, agent, requested)),
        Holder::AccessKey(name) => snapshot.access_key(name).map(|key| {
            let providers = key.providers.iter().map(|provider| qualified(&key.name, provider));
            let providers: Vec<&Provider> =
                providers.filter_map(|name| Some(&snapshot.provider(&name)?.provider)).collect();
            resolve(&providers, requested).into_iter().collect()
        }),
    };
    match found {
        Some(found) if !found.is_empty() => Ok(found),
        _ => Err(Refusal::NoProvider { model: requested.to_owned(), known: known(snapshot, holder) }),
    }
}

/// The requested model first when the agent lists it, then the rest of its list in order.
fn for_agent(snapshot: &Snapshot, agent: &Agent, requested: &str) -> Vec<Candidate> {
    let candidate = |model: &ModelRef| Candidate {
        provider: qualified(&agent.name, &model.provider),
        model: model.model.clone(),
    };
    let listed: Vec<Candidate> = agent.models.iter().map(candidate).collect();
    if requested.is_empty() || requested == PRIMARY {
        return listed;
    }
    let by_reference = agent.models.iter().position(|model| model.to_string() == requested);
    let wanted =
        by_reference.or_else(|| agent.models.iter().position(|model| model.model.as_str() == requested));
    let Some(wanted) = wanted else {
        // Not in the list: the policies refuse it, by the line that lacks it.
        let providers: Vec<&Provider> = listed
            .iter()
            .filter_map(|candidate| Some(&snapshot.provider(&candidate.provider)?.provider))
            .collect();
        return resolve(&providers, requested).into_iter().collect();
    };
    let mut ordered = listed.clone();
    let first = ordered.remove(wanted);
    ordered.insert(0, first);
    ordered
}

/// Which provider a model is asked from, among those in order: named by reference; else the first that allows it by
/// name; else the first whose kind's catalogue it belongs to; else the only one there is.
fn resolve(providers: &[&Provider], requested: &str) -> Option<Candidate> {
    let with = |provider: &Provider, model: &str| {
        Some(Candidate { provider: provider.name.clone(), model: model.parse().ok()? })
    };
    if let Some((name, model)) = requested.split_once('/')
        && let Some(provider) = providers.iter().find(|provider| provider.name.name.as_str() == name)
    {
        return with(provider, model);
    }
    let lists = |provider: &&&Provider| {
        provider.allowed_models.iter().any(|pattern| pattern.is_literal() && pattern.as_str() == requested)
    };
    if let Some(provider) = providers.iter().find(lists) {
        return with(provider, requested);
    }
    let kind = catalogue::kind_of_bare_id(requested);
    if let Some(provider) = providers.iter().find(|provider| Some(provider.kind) == kind) {
        return with(provider, requested);
    }
    match providers {
        [only] => with(only, requested),
        _ => None,
    }
}

fn qualified(beside: &QualifiedName, name: &Name) -> QualifiedName {
    QualifiedName::new(beside.namespace.clone(), name.clone())
}

/// Every model that the caller's manifests name, as references.
pub(crate) fn named(snapshot: &Snapshot, holder: &Holder) -> Vec<Candidate> {
    match holder {
        Holder::Agent(name) => {
            snapshot.agent(name).map(|agent| for_agent(snapshot, agent, PRIMARY)).unwrap_or_default()
        }
        Holder::AccessKey(name) => {
            let Some(key) = snapshot.access_key(name) else { return Vec::new() };
            let providers = key.providers.iter().map(|provider| qualified(&key.name, provider));
            providers
                .filter_map(|name| Some(&snapshot.provider(&name)?.provider))
                .flat_map(|provider| {
                    provider
                        .models
                        .iter()
                        .map(|model| Candidate { provider: provider.name.clone(), model: model.clone() })
                })
                .collect()
        }
    }
}

fn known(snapshot: &Snapshot, holder: &Holder) -> Vec<String> {
    named(snapshot, holder)
        .iter()
        .take(NAMED_MODELS)
        .map(|candidate| format!("{}/{}", candidate.provider.name, candidate.model))
        .collect()
}
