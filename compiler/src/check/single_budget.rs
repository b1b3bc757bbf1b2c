//! Several models of an agent, all under one provider's cap: the list cannot cure the cap.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0310",
    name: "single-budget",
    title: "all models of the agent share one budget",
    severity: Severity::Warning,
    explanation: "When a provider's daily budget is used up, an agent goes on to the next model of its list. Models of the same provider \
                  share its budget, so all of them stop together. List a model of another provider as well, or accept that the agent stops.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large, a/small]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 1000000}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large, b/small]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 1000000}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://b/v1'}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for agent in graph.agents.values() {
        // A single model is no list, and nobody expects it to cure anything.
        let [first, rest @ ..] = agent.spec.models.as_slice() else { continue };
        if rest.is_empty() || rest.iter().any(|model| model.provider != first.provider) {
            continue;
        }
        let Some(provider) = graph.provider(&agent.name.namespace, &first.provider) else { continue };
        if provider.spec.max_tokens_per_day.is_none() {
            continue;
        }
        let message = format!(
            "all models of agent `{}` share the daily budget of provider `{}`",
            agent.name.name, provider.name.name
        );
        found.push(
            Diagnostic::new(&RULE, agent.at("/spec/models"), message)
                .label("all of them stop together")
                .also(provider.at("/spec/maxTokensPerDay"), "when this is used up")
                .help("list a model of another provider as well"),
        );
    }
}
