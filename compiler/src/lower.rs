//! From the graph to what a bundle holds. Every product remembers the manifest line that it came from.

use pai_bundle::guard::GuardBinding;
use pai_bundle::limit::{CostLimit, Limit};
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::provider::Provider;

pub(crate) mod access_key;
pub(crate) mod agent;
pub(crate) mod attached;
pub(crate) mod cost;
pub(crate) mod guard;
pub(crate) mod places;
pub(crate) mod policy;
pub(crate) mod principal;
pub(crate) mod provider;
pub(crate) mod slice;

use crate::graph::Graph;
use crate::source::Sources;
use pai_policies::attached::Bindings;
use policy::{Built, LowerError};
use slice::BuiltSlice;

/// A graph, lowered. Every list is in the order of names.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) providers: Vec<Provider>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) access_keys: Vec<AccessKey>,
    pub(crate) guards: Vec<GuardBinding>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) cost_limits: Vec<CostLimit>,
    pub(crate) slices: Vec<BuiltSlice>,
    pub(crate) audits: Vec<Built>,
}

/// Lowers a graph that no check objects to.
pub(crate) fn lower(graph: &Graph, sources: &Sources) -> Result<Lowered, LowerError> {
    let mut limits = Vec::new();
    let models = provider::models(graph);
    let providers: Vec<Provider> =
        graph.providers.values().map(|provider| provider::lower(provider, &models, sources)).collect();
    let guards: Vec<GuardBinding> = graph.guards.values().map(|guard| guard::lower(guard, sources)).collect();
    let bindings = Bindings(&guards);
    let slices: Result<Vec<BuiltSlice>, LowerError> =
        providers.iter().map(|provider| slice::lower(provider, bindings, &mut limits)).collect();
    let agents: Vec<Agent> =
        graph.agents.values().map(|agent| agent::lower(agent, sources, &mut limits)).collect();
    let access_keys: Vec<AccessKey> =
        graph.access_keys.values().map(|key| access_key::lower(key, sources, &mut limits)).collect();
    let audits = attached::audits(&providers, &agents, bindings)?;
    limits.sort_by(|a, b| (a.scope, &a.name).cmp(&(b.scope, &b.name)));
    let cost_limits = cost::limits(&agents, &access_keys);
    Ok(Lowered { providers, agents, access_keys, guards, limits, cost_limits, slices: slices?, audits })
}
