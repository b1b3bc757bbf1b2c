//! Resources by name, so that every reference can be followed. Names are looked up within one namespace.

mod guarded;

use std::collections::{BTreeMap, BTreeSet};

use pai_bundle::limit::Scope;
use pai_bundle::name::{Name, QualifiedName};
use pai_bundle::pattern::Pattern;

use crate::check::duplicate_resource;
use crate::diagnostic::Diagnostics;
use crate::manifest::guard_use::GuardUse;
use crate::manifest::{AccessKey, Agent, GuardBinding, Kind, ModelProvider, Resource, Spec};
use crate::source::Span;
use crate::surroundings::Surroundings;
use crate::workspace::{Unreadable, Workspace};

pub(crate) use guarded::Guarded;

/// The resources of a workspace, and what is known beside them.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) providers: BTreeMap<QualifiedName, Resource<ModelProvider>>,
    pub(crate) agents: BTreeMap<QualifiedName, Resource<Agent>>,
    pub(crate) access_keys: BTreeMap<QualifiedName, Resource<AccessKey>>,
    pub(crate) guards: BTreeMap<QualifiedName, Resource<GuardBinding>>,
    pub(crate) surroundings: Surroundings,
    unreadable: Unreadable,
}

/// Puts resources under their names. Of two with one name the first stays; the second is reported.
pub(crate) fn link(workspace: Workspace, surroundings: &Surroundings, found: &mut Diagnostics) -> Graph {
    Graph {
        surroundings: surroundings.clone(),
        providers: by_name(workspace.providers, found),
        agents: by_name(workspace.agents, found),
        access_keys: by_name(workspace.access_keys, found),
        guards: by_name(workspace.guards, found),
        unreadable: workspace.unreadable,
    }
}

fn by_name<S: Spec>(
    resources: Vec<Resource<S>>,
    found: &mut Diagnostics,
) -> BTreeMap<QualifiedName, Resource<S>> {
    let mut named: BTreeMap<QualifiedName, Resource<S>> = BTreeMap::new();
    for resource in resources {
        match named.get(&resource.name) {
            Some(first) => found.push(duplicate_resource::finding(&resource, first)),
            None => {
                named.insert(resource.name.clone(), resource);
            }
        }
    }
    named
}

/// Where a reference leads.
#[derive(Debug)]
pub(crate) enum Target<'a> {
    Provider(&'a Resource<ModelProvider>),
    /// There is one, and what is wrong with it has been said.
    Unreadable,
    Missing,
}

/// A `provider` or `provider/model` somewhere in a manifest.
#[derive(Debug)]
pub(crate) struct Reference<'a> {
    pub(crate) namespace: &'a Name,
    pub(crate) provider: &'a Name,
    /// What stands behind the provider's name, slash included.
    pub(crate) rest: String,
    pub(crate) span: Span,
    pub(crate) target: Target<'a>,
}

impl Graph {
    pub(crate) fn target(&self, namespace: &Name, provider: &Name) -> Target<'_> {
        let name = QualifiedName::new(namespace.clone(), provider.clone());
        match self.providers.get(&name) {
            Some(provider) => Target::Provider(provider),
            None if self.unreadable.has(Kind::ModelProvider, &name) => Target::Unreadable,
            None => Target::Missing,
        }
    }

    pub(crate) fn provider(&self, namespace: &Name, provider: &Name) -> Option<&Resource<ModelProvider>> {
        match self.target(namespace, provider) {
            Target::Provider(provider) => Some(provider),
            _ => None,
        }
    }

    /// The distinct providers of these names; `None` where one cannot be looked at, so that its caps are not known.
    pub(crate) fn providers_of<'n>(
        &self,
        namespace: &Name,
        names: impl IntoIterator<Item = &'n Name>,
    ) -> Option<Vec<&Resource<ModelProvider>>> {
        let distinct: BTreeSet<&Name> = names.into_iter().collect();
        distinct.into_iter().map(|name| self.provider(namespace, name)).collect()
    }

    /// Whether something that was meant to be there cannot be read.
    pub(crate) fn lacks_resources(&self) -> bool {
        self.unreadable.is_any()
    }

    /// Whether whatever an account counts for is there, or was meant to be.
    pub(crate) fn has(&self, scope: Scope, name: &QualifiedName) -> bool {
        let kind = kind(scope);
        let is_there = match kind {
            Kind::Agent => self.agents.contains_key(name),
            Kind::AccessKey => self.access_keys.contains_key(name),
            Kind::ModelProvider | Kind::GuardBinding => self.providers.contains_key(name),
        };
        is_there || self.unreadable.has(kind, name)
    }

    /// The names of all that has accounts of a scope.
    pub(crate) fn names(&self, scope: Scope) -> Box<dyn Iterator<Item = &QualifiedName> + '_> {
        match kind(scope) {
            Kind::Agent => Box::new(self.agents.keys()),
            Kind::AccessKey => Box::new(self.access_keys.keys()),
            Kind::ModelProvider | Kind::GuardBinding => Box::new(self.providers.keys()),
        }
    }

    /// Whether a guard is there, or was meant to be.
    pub(crate) fn has_guard(&self, namespace: &Name, binding: &Name) -> bool {
        let name = QualifiedName::new(namespace.clone(), binding.clone());
        self.guards.contains_key(&name) || self.unreadable.has(Kind::GuardBinding, &name)
    }

    /// What attached guards of a namespace read, as `binding/target`.
    pub(crate) fn flags(&self, namespace: &Name) -> BTreeSet<String> {
        let here = self.guarded().filter(|holder| holder.name.namespace == *namespace);
        let guards = here.flat_map(|holder| holder.guards);
        let of = |guard: &GuardUse| {
            let targets = guard.scan.targets().into_iter();
            targets.map(|target| format!("{}/{target}", guard.binding)).collect::<Vec<_>>()
        };
        guards.flat_map(of).collect()
    }

    /// The same of all namespaces, as `context.guard.hits` names it.
    pub(crate) fn all_flags(&self) -> BTreeSet<String> {
        let all = self.providers.keys().chain(self.agents.keys());
        let namespaces: BTreeSet<&Name> = all.map(|name| &name.namespace).collect();
        let of = |namespace: &Name| {
            let flags = self.flags(namespace).into_iter();
            flags.map(|flag| format!("{namespace}/{flag}")).collect::<Vec<_>>()
        };
        namespaces.into_iter().flat_map(of).collect()
    }

    /// Every reference to a provider: of agents, of fallbacks, of access keys.
    pub(crate) fn references(&self) -> Vec<Reference<'_>> {
        let mut references = Vec::new();
        for agent in self.agents.values() {
            for (at, model) in agent.spec.models.iter().enumerate() {
                let rest = format!("/{}", model.model);
                references.push(self.reference(agent, &model.provider, rest, &format!("/spec/models/{at}")));
            }
        }
        for provider in self.providers.values() {
            for (at, model) in provider.spec.fallbacks.iter().enumerate() {
                let rest = format!("/{}", model.model);
                references.push(self.reference(
                    provider,
                    &model.provider,
                    rest,
                    &format!("/spec/fallbacks/{at}"),
                ));
            }
        }
        for key in self.access_keys.values() {
            for (at, provider) in key.spec.providers.iter().enumerate() {
                references.push(self.reference(
                    key,
                    provider,
                    String::new(),
                    &format!("/spec/providers/{at}"),
                ));
            }
        }
        references
    }

    fn reference<'a, S: Spec>(
        &'a self,
        from: &'a Resource<S>,
        provider: &'a Name,
        rest: String,
        field: &str,
    ) -> Reference<'a> {
        let namespace = &from.name.namespace;
        Reference {
            namespace,
            provider,
            rest,
            span: from.at(field),
            target: self.target(namespace, provider),
        }
    }
}

/// What an account counts for.
fn kind(scope: Scope) -> Kind {
    match scope {
        Scope::Provider | Scope::ProviderExternal => Kind::ModelProvider,
        Scope::Agent => Kind::Agent,
        Scope::AccessKey => Kind::AccessKey,
    }
}

/// Why a provider does not offer a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotOffered {
    /// No entry of `allowedModels` matches.
    NotAllowed,
    /// This entry of `deniedModels` matches.
    Denied(usize),
}

impl ModelProvider {
    /// Whether the provider's own lists let a model through.
    pub(crate) fn offers(&self, model: &str) -> Result<(), NotOffered> {
        let matches = |pattern: &String| Pattern::new(pattern.as_str()).matches(model);
        if let Some(denied) = self.denied_models.iter().position(matches) {
            return Err(NotOffered::Denied(denied));
        }
        if self.allowed_models.is_empty() || self.allowed_models.iter().any(matches) {
            return Ok(());
        }
        Err(NotOffered::NotAllowed)
    }
}
