//! The part of a bundle that a change can concern. A copy of a large workspace costs seconds, one of what is around an
//! agent costs less than a millisecond, and there is a copy for each rule.

use std::collections::BTreeSet;

use pai_bundle::Bundle;
use pai_bundle::name::{Name, QualifiedName};
use pai_bundle::principal::{AccessKey, Agent};

use crate::inspect::change::Change;

/// The bundle with those principals whose answers can change, and all that they can reach.
pub(super) fn cut(bundle: &Bundle, change: &Change) -> Bundle {
    let mut part = bundle.clone();
    match change {
        Change::Author(_) | Change::FailOpen(_) => return part,
        Change::Agent(name, _) => {
            part.agents.retain(|agent| agent.name == *name);
            part.access_keys.clear();
        }
        Change::AccessKey(name, _) => {
            part.access_keys.retain(|key| key.name == *name);
            part.agents.clear();
        }
        Change::Provider(name, _) => {
            let reaches = |of: &QualifiedName, names: &mut dyn Iterator<Item = &Name>| {
                let start = names.map(|name| QualifiedName::new(of.namespace.clone(), name.clone()));
                of.namespace == name.namespace && reached(bundle, start).contains(name)
            };
            part.agents.retain(|agent| reaches(&agent.name, &mut providers_of_agent(agent)));
            part.access_keys.retain(|key| reaches(&key.name, &mut providers_of_key(key)));
        }
    }
    let of_agents = part.agents.iter().flat_map(|agent| {
        providers_of_agent(agent).map(|name| QualifiedName::new(agent.name.namespace.clone(), name.clone()))
    });
    let of_keys = part.access_keys.iter().flat_map(|key| {
        providers_of_key(key).map(|name| QualifiedName::new(key.name.namespace.clone(), name.clone()))
    });
    let mut kept = reached(bundle, of_agents.chain(of_keys));
    if let Change::Provider(name, _) = change {
        kept.insert(name.clone());
    }
    part.providers.retain(|provider| kept.contains(&provider.name));
    part.slices.retain(|slice| kept.contains(&slice.provider));
    part
}

fn providers_of_agent(agent: &Agent) -> impl Iterator<Item = &Name> {
    agent.models.iter().map(|model| &model.provider)
}

fn providers_of_key(key: &AccessKey) -> impl Iterator<Item = &Name> {
    key.providers.iter()
}

/// These providers and their fallbacks, and theirs.
fn reached(bundle: &Bundle, start: impl Iterator<Item = QualifiedName>) -> BTreeSet<QualifiedName> {
    let mut found = BTreeSet::new();
    let mut open: Vec<QualifiedName> = start.collect();
    while let Some(name) = open.pop() {
        if found.contains(&name) {
            continue;
        }
        if let Ok(place) = bundle.providers.binary_search_by(|provider| provider.name.cmp(&name))
            && let Some(provider) = bundle.providers.get(place)
        {
            let fallbacks = provider.fallbacks.iter().map(|model| &model.provider);
            open.extend(fallbacks.map(|next| QualifiedName::new(name.namespace.clone(), next.clone())));
        }
        found.insert(name);
    }
    found
}
