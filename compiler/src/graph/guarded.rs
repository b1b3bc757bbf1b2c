//! Where guards are attached: one walk over providers and agents for whoever looks at each guard by itself.

use pai_bundle::name::QualifiedName;

use super::Graph;
use crate::manifest::guard_use::GuardUse;
use crate::manifest::{Resource, Spec};
use crate::source::Span;
use crate::source::tree::Document;

/// A provider or an agent, and what it attaches.
#[derive(Debug)]
pub(crate) struct Guarded<'a> {
    /// The kind, as manifests write it.
    pub(crate) kind: &'static str,
    pub(crate) name: &'a QualifiedName,
    pub(crate) guards: &'a [GuardUse],
    document: &'a Document,
}

impl<'a> Guarded<'a> {
    fn of<S: Spec>(resource: &'a Resource<S>, guards: &'a [GuardUse]) -> Self {
        Self { kind: S::NAME, name: &resource.name, guards, document: &resource.document }
    }

    /// The place of a field of one of its guards.
    pub(crate) fn at(&self, guard: usize, field: &str) -> Span {
        self.document.span(&format!("/spec/guards/{guard}/{field}"))
    }
}

impl Graph {
    /// All of them, providers first.
    pub(crate) fn guarded(&self) -> impl Iterator<Item = Guarded<'_>> {
        let providers = self.providers.values().map(|one| Guarded::of(one, &one.spec.guards));
        providers.chain(self.agents.values().map(|one| Guarded::of(one, &one.spec.guards)))
    }
}
