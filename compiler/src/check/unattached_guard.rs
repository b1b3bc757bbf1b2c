//! A guard that nothing attaches.

use std::collections::BTreeSet;

use pai_bundle::name::{Name, QualifiedName};

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::{Graph, Guarded};
use crate::manifest::guard_use::GuardUse;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0330",
    name: "unattached-guard",
    title: "nothing attaches the guard",
    severity: Severity::Warning,
    explanation: "A GuardBinding says who judges a text; what is read, and what a hit does, say the `guards` of providers and agents \
                  of its namespace. None of them names this one, so it judges nothing.",
    fails: "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    passes: "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: true}}]}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    // Whatever cannot be read may attach it.
    if graph.lacks_resources() {
        return;
    }
    let named = |holder: Guarded<'_>| {
        let name =
            |guard: &GuardUse| QualifiedName::new(holder.name.namespace.clone(), guard.binding.clone());
        holder.guards.iter().map(name).collect::<Vec<_>>()
    };
    let attached: BTreeSet<QualifiedName> = graph.guarded().flat_map(named).collect();
    // One that is attached and not there is often this one, misspelt; that has been said.
    let misspelt: BTreeSet<&Name> = attached
        .iter()
        .filter(|name| !graph.has_guard(&name.namespace, &name.name))
        .map(|name| &name.namespace)
        .collect();
    let idle = graph.guards.values().filter(|guard| !attached.contains(&guard.name));
    for guard in idle.filter(|guard| !misspelt.contains(&guard.name.namespace)) {
        let message = format!("no provider and no agent attaches guard `{}`", guard.name.name);
        found.push(
            Diagnostic::new(&RULE, guard.name_span(), message)
                .label("judges nothing")
                .help("name it in `spec.guards` of a provider or an agent, or remove it"),
        );
    }
}
