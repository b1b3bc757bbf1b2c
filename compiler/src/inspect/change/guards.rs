//! Guards that do less.

use pai_bundle::Bundle;
use pai_bundle::guard::{Enforcement, GuardUse, OnError, Scan};
use pai_bundle::name::{Name, QualifiedName};
use pai_bundle::provider::Provider;
use pai_policies::attached::Bindings;

/// What is done to one attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardEdit {
    /// Its place in `guards`.
    pub at: usize,
    /// Which guard it is.
    pub binding: String,
    /// What is left of it.
    pub less: Less,
}

/// What is left of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Less {
    /// Nothing: it is taken off.
    Nothing,
    /// Records: `enforcement: audit`.
    Audit,
}

impl GuardEdit {
    /// Each attachment taken off, and those that refuse recording only.
    pub(in crate::inspect) fn all(guards: &[GuardUse]) -> impl Iterator<Item = Self> {
        guards.iter().enumerate().flat_map(|(at, guard)| {
            let audit = (guard.enforcement == Enforcement::Enforce).then_some(Less::Audit);
            let edit = move |less| Self { at, binding: guard.binding.clone(), less };
            [Some(Less::Nothing), audit].into_iter().flatten().map(edit)
        })
    }

    pub(super) fn apply(&self, guards: &mut [GuardUse]) {
        let Some(guard) = guards.get_mut(self.at) else { return };
        match self.less {
            // It keeps its place, since the others' names and lines are counted with it, and reads nothing.
            Less::Nothing => guard.scan = Scan::default(),
            Less::Audit => guard.enforcement = Enforcement::Audit,
        }
    }

    /// Where it stands.
    pub(super) fn field(&self) -> String {
        let place = format!("/spec/guards/{}", self.at);
        match self.less {
            Less::Nothing => place,
            Less::Audit => place + "/enforcement",
        }
    }
}

/// Guards whose failures refuse something where they are attached.
pub(in crate::inspect) fn failing_closed(bundle: &Bundle) -> impl Iterator<Item = QualifiedName> {
    let refuses = |namespace: &Name, guards: &[GuardUse], name: &QualifiedName| {
        let mut of = guards.iter().filter(|guard| is_of(namespace, guard, name));
        let binding = Bindings(&bundle.guards).find(name);
        of.any(|guard| binding.is_some_and(|found| found.on_error(guard.enforcement) == OnError::Deny))
    };
    bundle.guards.iter().map(|guard| guard.name.clone()).filter(move |name| {
        bundle.providers.iter().any(|one| refuses(&one.name.namespace, &one.guards, name))
            || bundle.agents.iter().any(|one| refuses(&one.name.namespace, &one.guards, name))
    })
}

/// Providers that attach a guard.
pub(super) fn holders(bundle: &Bundle, name: &QualifiedName) -> Vec<QualifiedName> {
    let attach = |one: &&Provider| one.guards.iter().any(|guard| is_of(&one.name.namespace, guard, name));
    bundle.providers.iter().filter(attach).map(|one| one.name.clone()).collect()
}

fn is_of(namespace: &Name, guard: &GuardUse, name: &QualifiedName) -> bool {
    *namespace == name.namespace && guard.binding == name.name.as_str()
}
