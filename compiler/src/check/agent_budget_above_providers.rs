//! A budget of an agent that its providers' budgets make meaningless.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0316",
    name: "agent-budget-above-providers",
    title: "the agent's budget is above those of its providers",
    severity: Severity::Warning,
    explanation: "What an agent uses counts against its own budget and against that of each provider. An agent whose providers \
                  all have a daily budget can use no more than these together, so a larger budget of its own is never reached.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large], tokens: {maxPerDay: 2000000}}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 1000000}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large], tokens: {maxPerDay: 200000}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 1000000}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for agent in graph.agents.values() {
        let Some(own) = agent.spec.tokens.and_then(|tokens| tokens.max_per_day) else { continue };
        let names = agent.spec.models.iter().map(|model| &model.provider);
        let Some(providers) = graph.providers_of(&agent.name.namespace, names) else { continue };
        let caps = providers.iter().map(|provider| provider.spec.max_tokens_per_day);
        let Some(together) =
            caps.map(|cap| Some(cap?.tokens().0)).try_fold(0_u64, |sum, cap| Some(sum.saturating_add(cap?)))
        else {
            continue;
        };
        if own.tokens().0 <= together {
            continue;
        }
        let message = match providers.as_slice() {
            [only] => format!(
                "the daily budget of agent `{}` is above that of its provider `{}`",
                agent.name.name, only.name.name
            ),
            _ => format!(
                "the daily budget of agent `{}` is above those of all its providers together",
                agent.name.name
            ),
        };
        let mut diagnostic = Diagnostic::new(&RULE, agent.at("/spec/tokens/maxPerDay"), message)
            .label("is never reached")
            .help("lower it, or raise the budget of a provider");
        for provider in providers {
            diagnostic = diagnostic.also(provider.at("/spec/maxTokensPerDay"), "ends before");
        }
        found.push(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::codes;

    fn with(models: &str, own: u64, second: &str) -> Vec<&'static str> {
        let provider = |name: &str, cap: &str| {
            format!(
                "---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: {name}}}\nspec: {{provider: vllm, endpoint: 'http://a/v1'{cap}}}\n"
            )
        };
        codes(&format!(
            "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec: {{models: [{models}], tokens: {{maxPerDay: {own}}}}}\n{}{}",
            provider("a", ", maxTokensPerDay: 100"),
            provider("b", second)
        ))
    }

    #[test]
    fn several_providers_are_counted_together() {
        let second = ", maxTokensPerDay: 100";
        assert_eq!(with("a/x, b/x", 150, second), [] as [&str; 0]);
        assert_eq!(with("a/x, b/x", 200, second), [] as [&str; 0]);
        assert_eq!(with("a/x, b/x", 201, second), ["PAI0316"]);
        assert_eq!(with("a/x, b/x, b/y", 201, second), ["PAI0316"]);
        assert_eq!(with("a/x, b/x", 201, ""), [] as [&str; 0], "the second has no cap");
        assert_eq!(with("a/x, c/x", 201, second), ["PAI0301"], "the second is unknown");
    }
}
