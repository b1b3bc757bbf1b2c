//! A guard binding that is not there.

use crate::diagnostic::nearest::Known;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Safety, Severity};
use crate::graph::Graph;

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
    let known = Known::new(graph.guards.keys());
    for holder in graph.guarded() {
        let namespace = &holder.name.namespace;
        for (at, guard) in holder.guards.iter().enumerate() {
            if graph.has_guard(namespace, &guard.binding) {
                continue;
            }
            let span = holder.at(at, "binding");
            let message = format!("there is no guard binding `{}` in namespace `{namespace}`", guard.binding);
            let finding = Diagnostic::new(&RULE, span, message).label("names a guard that is not there");
            found.push(match known.nearest(namespace, guard.binding.as_str()) {
                Some(near) => {
                    finding.help(format!("did you mean `{near}`?")).edit(span, near, Safety::Unsafe)
                }
                None => finding.help(match known.list(namespace) {
                    Some(names) => format!("the guard bindings of this namespace are: {names}"),
                    None => "add a GuardBinding manifest of that name".to_owned(),
                }),
            });
        }
    }
}
