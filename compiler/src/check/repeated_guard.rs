//! A guard that is attached twice for the same texts.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::guard_use::GuardUse;

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
    for holder in graph.guarded() {
        for (at, guard) in holder.guards.iter().enumerate() {
            let Some((place, target)) = first_shared(holder.guards, at, guard) else { continue };
            let message = format!("guard `{}` reads {target} twice", guard.binding);
            found.push(
                Diagnostic::new(&RULE, holder.at(at, "scan"), message)
                    .label("again here")
                    .also(holder.at(place, "scan"), "first here")
                    .help("take it out of one of them"),
            );
        }
    }
}

/// Which of the guards before this one reads something that it reads, and what.
fn first_shared(guards: &[GuardUse], at: usize, guard: &GuardUse) -> Option<(usize, String)> {
    let reads = guard.scan.lowered();
    let mut before = guards.iter().take(at).enumerate().filter(|(_, other)| other.binding == guard.binding);
    before.find_map(|(place, other)| {
        let others = other.scan.lowered();
        let shared = reads.targets().find(|target| others.reads(*target))?;
        Some((place, shared.to_string()))
    })
}
