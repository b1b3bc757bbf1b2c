//! A guard that is attached twice for the same texts.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::guard_use::GuardUse;
use crate::manifest::{Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0332",
    name: "repeated-guard",
    title: "the guard reads the same twice",
    severity: Severity::Warning,
    explanation: "A provider or an agent may attach one guard several times, to refuse hits in some texts and to record hits in \
                  others. Here two of these read the same text: with two enforcements the stricter one holds, and with one the \
                  second does nothing.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: true}}, {binding: g, scan: {prompts: true}, enforcement: audit}]}\n---\n\
            apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: true}}, {binding: g, scan: {toolResults: ['*']}, enforcement: audit}]}\n---\n\
             apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        uses(provider, &provider.spec.guards, found);
    }
    for agent in graph.agents.values() {
        uses(agent, &agent.spec.guards, found);
    }
}

fn uses<S: Spec>(from: &Resource<S>, guards: &[GuardUse], found: &mut Diagnostics) {
    for (at, guard) in guards.iter().enumerate() {
        let before = guards.iter().take(at).enumerate().filter(|(_, other)| other.binding == guard.binding);
        let reads = guard.scan.lowered();
        let shared = before.flat_map(|(place, other)| {
            reads
                .targets()
                .filter(|target| other.scan.lowered().reads(*target))
                .map(move |target| (place, target))
        });
        let Some((place, target)) = shared.into_iter().next() else { continue };
        let message = format!("guard `{}` reads {target} twice", guard.binding);
        found.push(
            Diagnostic::new(&RULE, from.at(&format!("/spec/guards/{at}/scan")), message)
                .label("again here")
                .also(from.at(&format!("/spec/guards/{place}/scan")), "first here")
                .help("take it out of one of them"),
        );
    }
}
