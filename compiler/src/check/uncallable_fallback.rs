//! A fallback of a provider that an agent of this provider may not call.

use std::collections::BTreeMap;

use pai_bundle::name::QualifiedName;

use crate::diagnostic::nearest::list;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::{Agent, ModelProvider, Resource};

/// How many agents are shown with their lines.
const SHOWN: usize = 3;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0313",
    name: "uncallable-fallback",
    title: "an agent may not call the fallback",
    severity: Severity::Warning,
    explanation: "When a provider fails, its `fallbacks` are tried, but only those that the caller may call on its own: a fallback \
                  never widens what an agent may do. An agent that does not list the fallback in `spec.models` ends with the \
                  provider's error instead. List it there if the agent should go on.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', fallbacks: [b/large]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://b/v1'}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large, b/large]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', fallbacks: [b/large]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://b/v1'}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    // Only for providers that have fallbacks, and each agent looked at once: there may be many of both.
    let mut askers: BTreeMap<&QualifiedName, Vec<&Resource<Agent>>> = BTreeMap::new();
    for agent in graph.agents.values() {
        let names = agent.spec.models.iter().map(|model| &model.provider);
        for provider in graph.providers_of(&agent.name.namespace, names).into_iter().flatten() {
            if !provider.spec.fallbacks.is_empty() {
                askers.entry(&provider.name).or_default().push(agent);
            }
        }
    }
    for (name, askers) in askers {
        let Some(provider) = graph.providers.get(name) else { continue };
        for (at, fallback) in provider.spec.fallbacks.iter().enumerate() {
            let Some(target) = graph.provider(&name.namespace, &fallback.provider) else { continue };
            // A fallback that nobody may call, or that leads back, has a finding of its own.
            if target.name == provider.name || target.spec.offers(fallback.model.as_str()).is_err() {
                continue;
            }
            let without = askers.iter().copied().filter(|agent| !agent.spec.models.contains(fallback));
            let without: Vec<&Resource<Agent>> = without.collect();
            if !without.is_empty() {
                found.push(finding(provider, at, &without));
            }
        }
    }
}

fn finding(provider: &Resource<ModelProvider>, at: usize, without: &[&Resource<Agent>]) -> Diagnostic {
    let fallback = provider.spec.fallbacks.get(at).map(ToString::to_string).unwrap_or_default();
    let names: Vec<&str> = without.iter().map(|agent| agent.name.name.as_str()).collect();
    let agents = if names.len() == 1 { "agent" } else { "agents" };
    let message = format!("fallback `{fallback}` is never tried for {agents} {}", list(&names));
    let span = provider.at(&format!("/spec/fallbacks/{at}"));
    let mut diagnostic = Diagnostic::new(&RULE, span, message)
        .label("may not be called by everybody who uses this provider")
        .help(format!("add `{fallback}` to spec.models of an agent that should go on there"));
    for agent in without.iter().take(SHOWN) {
        diagnostic = diagnostic.also(agent.at("/spec/models"), "does not list it");
    }
    diagnostic
}

#[cfg(test)]
mod tests {
    use crate::tests::codes;

    fn with(agents: &[&str], fallback: &str) -> Vec<&'static str> {
        let provider = |name: &str, more: &str| {
            format!(
                "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: {name}}}\nspec: {{provider: vllm, endpoint: 'http://a/v1'{more}}}\n---\n"
            )
        };
        let mut text = provider("a", &format!(", fallbacks: [{fallback}]"))
            + &provider("b", ", deniedModels: [old]")
            + &provider("c", "");
        for (at, models) in agents.iter().enumerate() {
            text += &format!(
                "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: g{at}}}\nspec: {{models: [{models}]}}\n---\n"
            );
        }
        codes(&text)
    }

    #[test]
    fn only_agents_that_use_the_provider_and_lack_the_fallback_are_concerned() {
        assert_eq!(with(&[], "b/x"), [] as [&str; 0]);
        assert_eq!(with(&["a/x, b/x"], "b/x"), [] as [&str; 0]);
        assert_eq!(with(&["c/x"], "b/x"), [] as [&str; 0]);
        assert_eq!(with(&["a/x, b/x", "a/x"], "b/x"), ["PAI0313"]);
        assert_eq!(with(&["a/x, b/y"], "b/x"), ["PAI0313"]);
    }

    #[test]
    fn a_fallback_with_a_finding_of_its_own_has_no_second() {
        assert_eq!(with(&["a/x"], "b/old"), ["PAI0304"]);
        assert_eq!(with(&["a/x"], "missing/x"), ["PAI0301"]);
        assert_eq!(with(&["a/x"], "a/y"), ["PAI0306"]);
    }
}
