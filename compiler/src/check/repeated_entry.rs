//! A list that names the same thing twice.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::{Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0325",
    name: "repeated-entry",
    title: "an entry is in the list twice",
    severity: Severity::Warning,
    explanation: "Models, fallbacks and providers are tried in the order of their list, and each is tried once. A second mention does \
                  nothing; often it was meant to be another name.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large, a/large]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large, a/small]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for agent in graph.agents.values() {
        list(agent, "/spec/models", &agent.spec.models, found);
    }
    for provider in graph.providers.values() {
        list(provider, "/spec/fallbacks", &provider.spec.fallbacks, found);
    }
    for key in graph.access_keys.values() {
        list(key, "/spec/providers", &key.spec.providers, found);
    }
}

fn list<S: Spec, T: Ord + Display>(of: &Resource<S>, field: &str, entries: &[T], found: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Some(first) = seen.get(entry) {
            found.push(
                Diagnostic::new(
                    &RULE,
                    of.at(&format!("{field}/{at}")),
                    format!("`{entry}` is in the list twice"),
                )
                .label("again here")
                .also(of.at(&format!("{field}/{first}")), "first here")
                .help("remove one of them"),
            );
        } else {
            seen.insert(entry, at);
        }
    }
}
