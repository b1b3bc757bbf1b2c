//! An agent none of whose models its providers let through.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::{Graph, NotOffered};
use crate::manifest::{Agent, ModelProvider, Resource};
use crate::source::Span;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0312",
    name: "unusable-agent",
    title: "the agent has no usable model",
    severity: Severity::Error,
    explanation: "Every model of the agent is kept out by the `allowedModels` or `deniedModels` of its provider, so every request of \
                  the agent would be refused. Usually one line of a provider is the cause, and the finding shows it. A single model \
                  that is kept out is PAI0304.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/qwen-coder, a/qwen-small]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', deniedModels: [qwen-*]}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/qwen-coder, a/qwen-small]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', deniedModels: [qwen-large-*]}\n",
    check: Some(check),
};

/// A provider, and why it does not offer a model.
type KeptOut<'a> = (&'a Resource<ModelProvider>, NotOffered);

fn check(graph: &Graph, found: &mut Diagnostics) {
    for agent in graph.agents.values() {
        let Some(kept_out) = kept_out(graph, agent) else { continue };
        // A provider that offers nothing to anybody is the cause, and has been reported.
        if kept_out.iter().all(|(provider, _)| provider.spec.offers_nothing()) {
            continue;
        }
        let message = format!("agent `{}` has no usable model", agent.name.name);
        let mut diagnostic = Diagnostic::new(&RULE, agent.at("/spec/models"), message)
            .label("its providers let none of these through")
            .help("list models that the providers allow, or change the providers' lists");
        let causes: BTreeSet<(Span, &str)> = kept_out.iter().map(cause).collect();
        for (span, text) in causes {
            diagnostic = diagnostic.also(span, text);
        }
        found.push(diagnostic);
    }
}

fn cause<'a>((provider, why): &KeptOut<'_>) -> (Span, &'a str) {
    match why {
        NotOffered::NotAllowed => (provider.at("/spec/allowedModels"), "allows only these"),
        NotOffered::Denied(at) => (provider.at(&format!("/spec/deniedModels/{at}")), "denied here"),
    }
}

/// Why each of several models is kept out; `None` where one is offered, or cannot be judged. An agent with one model
/// is spoken of where that model is.
fn kept_out<'a>(graph: &'a Graph, agent: &Resource<Agent>) -> Option<Vec<KeptOut<'a>>> {
    if agent.spec.models.len() < 2 {
        return None;
    }
    let models = agent.spec.models.iter().map(|model| {
        let provider = graph.provider(&agent.name.namespace, &model.provider)?;
        Some((provider, provider.spec.offers(model.model.as_str()).err()?))
    });
    models.collect()
}

/// The places of models that need no finding of their own, since the whole agent has one.
pub(super) fn explained(graph: &Graph) -> BTreeSet<Span> {
    let unusable = graph.agents.values().filter(|agent| kept_out(graph, agent).is_some());
    unusable
        .flat_map(|agent| (0..agent.spec.models.len()).map(|at| agent.at(&format!("/spec/models/{at}"))))
        .collect()
}
