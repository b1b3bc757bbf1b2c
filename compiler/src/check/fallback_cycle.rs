//! Providers that fall back to each other in a circle.

use std::collections::BTreeSet;

use pai_bundle::name::QualifiedName;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::{ModelProvider, Resource};
use crate::source::Span;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0306",
    name: "fallback-cycle",
    title: "fallbacks lead back to where they start",
    severity: Severity::Error,
    explanation: "When a provider fails, its fallbacks are tried in turn. A fallback that leads back to a provider which has just failed \
                  asks it again, and again. Remove one link of the circle.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', fallbacks: [b/m]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://b/v1', fallbacks: [a/m]}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', fallbacks: [b/m]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://b/v1'}\n",
    check: Some(check),
};

/// One step of a path: the provider, and where it names the next.
type Step<'a> = (&'a Resource<ModelProvider>, Span);

fn check(graph: &Graph, found: &mut Diagnostics) {
    // Providers from which every path has been followed.
    let mut done = BTreeSet::new();
    for provider in graph.providers.values() {
        follow(graph, provider, &mut done, found);
    }
}

/// Depth first, without recursion: a chain may be as long as there are providers.
fn follow<'a>(
    graph: &'a Graph,
    start: &'a Resource<ModelProvider>,
    done: &mut BTreeSet<&'a QualifiedName>,
    found: &mut Diagnostics,
) {
    // The path, each with the index of its next fallback.
    let mut path: Vec<(&Resource<ModelProvider>, usize)> = Vec::new();
    if !done.contains(&start.name) {
        path.push((start, 0));
    }
    while let Some((provider, at)) = path.last_mut() {
        let (provider, index) = (*provider, *at);
        *at += 1;
        let Some(model) = provider.spec.fallbacks.get(index) else {
            done.insert(&provider.name);
            path.pop();
            continue;
        };
        let Some(next) = graph.provider(&provider.name.namespace, &model.provider) else { continue };
        if let Some(first) = path.iter().position(|(on_path, _)| on_path.name == next.name) {
            let circle = path.iter().skip(first);
            let steps: Vec<Step<'_>> = circle
                .map(|(on_path, next)| {
                    (*on_path, on_path.at(&format!("/spec/fallbacks/{}", next.saturating_sub(1))))
                })
                .collect();
            found.extend(finding(&steps));
        } else if !done.contains(&next.name) {
            path.push((next, 0));
        }
    }
}

fn finding(steps: &[Step<'_>]) -> Option<Diagnostic> {
    let (first, _) = steps.first()?;
    let (last, closes) = steps.last()?;
    let mut names: Vec<String> =
        steps.iter().map(|(provider, _)| format!("`{}`", provider.name.name)).collect();
    names.push(format!("`{}`", first.name.name));
    let message = if steps.len() == 1 {
        format!("provider `{}` falls back to itself", last.name.name)
    } else {
        format!("fallbacks go in a circle: {}", names.join(" → "))
    };
    let mut diagnostic = Diagnostic::new(&RULE, *closes, message)
        .label("leads back to the start")
        .help("remove one link of the circle");
    for (_, span) in steps.iter().take(steps.len() - 1) {
        diagnostic = diagnostic.also(*span, "leads on");
    }
    Some(diagnostic)
}
