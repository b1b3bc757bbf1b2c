//! A guard that is attached and reads nothing.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0326",
    name: "blind-guard",
    title: "the guard reads nothing",
    severity: Severity::Error,
    explanation: "A guard reads what its `scan` switches on: `prompts`, `responses`, `system`, or the results of tools. Here everything \
                  is off, so the guard is attached and judges nothing, which whoever reads the manifest would not expect.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: false}}]}\n---\n\
            apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: false, toolResults: ['*']}}]}\n---\n\
             apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for holder in graph.guarded() {
        let blind = holder.guards.iter().enumerate().filter(|(_, guard)| guard.scan.targets().is_empty());
        for (at, guard) in blind {
            let message =
                format!("guard `{}` of {} `{}` reads nothing", guard.binding, holder.kind, holder.name.name);
            found.push(
                Diagnostic::new(&RULE, holder.at(at, "scan"), message)
                    .label("everything is off")
                    .help("switch on `prompts`, `responses`, `system` or `toolResults`, or remove the guard"),
            );
        }
    }
}
