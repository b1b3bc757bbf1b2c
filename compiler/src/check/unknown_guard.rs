//! A guard binding that is not there.

use crate::diagnostic::Safety;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::guard_use::GuardUse;
use crate::manifest::{Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0303",
    name: "unknown-guard",
    title: "the guard is not there",
    severity: Severity::Error,
    explanation: "`guards[].binding` is the metadata.name of a GuardBinding of the same namespace. A guard that is not there would \
                  scan nothing.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: injecton, scan: {prompts: true}}]}\n---\n\
            apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: injection}\nspec: {classifier: {type: rules}}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: injection, scan: {prompts: true}}]}\n---\n\
             apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: injection}\nspec: {classifier: {type: rules}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        uses(graph, provider, &provider.spec.guards, found);
    }
    for agent in graph.agents.values() {
        uses(graph, agent, &agent.spec.guards, found);
    }
}

fn uses<S: Spec>(graph: &Graph, from: &Resource<S>, guards: &[GuardUse], found: &mut Diagnostics) {
    let namespace = &from.name.namespace;
    for (at, guard) in guards.iter().enumerate() {
        if graph.has_guard(namespace, &guard.binding) {
            continue;
        }
        let names =
            graph.guards.keys().filter(|name| &name.namespace == namespace).map(|name| name.name.as_str());
        let message = format!("there is no guard binding `{}` in namespace `{namespace}`", guard.binding);
        found.push(
            Diagnostic::new(&RULE, from.at(&format!("/spec/guards/{at}/binding")), message)
                .label("names a guard that is not there")
                .help("add a GuardBinding manifest of that name")
                .suggest(
                    guard.binding.as_str(),
                    names,
                    "the guard bindings of this namespace are",
                    Safety::Unsafe,
                ),
        );
    }
}
