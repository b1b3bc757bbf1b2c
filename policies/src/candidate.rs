//! Requested model and the principal's list to ordered candidates. Which of them may really be asked is for the
//! policies to say, one by one. Gateway and offline tools call the same functions.

use pai_bundle::catalogue;
use pai_bundle::name::{ModelId, ModelRef, Name, QualifiedName};
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::provider::Provider;

use crate::facts::Principal;

/// Where a bundle's resources are found by name.
pub trait Directory {
    /// The provider of that name.
    fn provider(&self, name: &QualifiedName) -> Option<&Provider>;
    /// The agent of that name.
    fn agent(&self, name: &QualifiedName) -> Option<&Agent>;
    /// The access key of that name.
    fn access_key(&self, name: &QualifiedName) -> Option<&AccessKey>;
}

/// One model of one provider that could answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The provider.
    pub provider: QualifiedName,
    /// Its id of the model.
    pub model: ModelId,
}

/// What an agent may write for its primary model.
const PRIMARY: &str = "default";

/// The candidates, best first; none where no provider of the principal's can be meant, or nobody has that name.
pub fn candidates(directory: &impl Directory, principal: Principal<'_>, requested: &str) -> Vec<Candidate> {
    match principal {
        Principal::Agent(name) => {
            directory.agent(name).map(|agent| for_agent(directory, agent, requested)).unwrap_or_default()
        }
        Principal::AccessKey(name) => {
            let Some(key) = directory.access_key(name) else { return Vec::new() };
            let providers = key.providers.iter().map(|provider| qualified(&key.name, provider));
            let providers: Vec<&Provider> = providers.filter_map(|name| directory.provider(&name)).collect();
            resolve(&providers, requested).into_iter().collect()
        }
    }
}

/// What comes behind the principal's own list once `failed` has failed in a way that another model may not: its
/// provider's fallbacks, in order. Each goes through the policies like any other candidate.
pub fn fallbacks<'a>(
    directory: &'a impl Directory,
    failed: &'a Candidate,
) -> impl Iterator<Item = Candidate> + 'a {
    let fallbacks = directory.provider(&failed.provider).map(|provider| provider.fallbacks.as_slice());
    fallbacks.unwrap_or_default().iter().map(|fallback| Candidate {
        provider: qualified(&failed.provider, &fallback.provider),
        model: fallback.model.clone(),
    })
}

/// The requested model first when the agent lists it, then the rest of its list in order.
fn for_agent(directory: &impl Directory, agent: &Agent, requested: &str) -> Vec<Candidate> {
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
        let providers: Vec<&Provider> =
            listed.iter().filter_map(|candidate| directory.provider(&candidate.provider)).collect();
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

/// Every model that the principal's manifests name.
pub fn named(directory: &impl Directory, principal: Principal<'_>) -> Vec<Candidate> {
    match principal {
        Principal::Agent(name) => {
            directory.agent(name).map(|agent| for_agent(directory, agent, PRIMARY)).unwrap_or_default()
        }
        Principal::AccessKey(name) => {
            let Some(key) = directory.access_key(name) else { return Vec::new() };
            let providers = key.providers.iter().map(|provider| qualified(&key.name, provider));
            providers
                .filter_map(|name| directory.provider(&name))
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
