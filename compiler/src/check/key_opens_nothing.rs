//! An access key none of whose providers is open to access keys.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::{Graph, Target};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0308",
    name: "key-opens-nothing",
    title: "no provider of the access key allows external access",
    severity: Severity::Error,
    explanation: "An access key can only narrow what its providers permit, and a provider permits nothing from outside until \
                  `externalAccess.enabled: true` stands in its manifest. Every request with this key would be refused.",
    fails: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n",
    passes: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for key in graph.access_keys.values() {
        let mut closed = Vec::new();
        for name in &key.spec.providers {
            match graph.target(&key.name.namespace, name) {
                Target::Provider(provider)
                    if !provider.spec.external_access.is_some_and(|access| access.enabled) =>
                {
                    closed.push(provider);
                }
                // Open, or already reported.
                _ => break,
            }
        }
        if closed.len() < key.spec.providers.len() {
            continue;
        }
        let message = format!(
            "access key `{}` opens nothing: none of its providers allows external access",
            key.name.name
        );
        let mut diagnostic = Diagnostic::new(&RULE, key.at("/spec/providers"), message)
            .label("all of them are closed")
            .help("set `externalAccess: {enabled: true}` on a provider that the key should open");
        for provider in closed {
            diagnostic =
                diagnostic.also(provider.at("/spec/externalAccess/enabled"), "closed to access keys");
        }
        found.push(diagnostic);
    }
}
