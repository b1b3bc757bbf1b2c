//! A budget in dollars over models whose prices nobody has said.

use pai_bundle::catalogue;
use pai_bundle::pattern::Pattern;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::{AccessKey, Agent, ModelProvider, Resource};
use crate::source::Span;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0327",
    name: "unpriced-model",
    title: "a budget in dollars covers a model without a price",
    severity: Severity::Warning,
    explanation: "Dollars are counted by prices per token: the catalogue that pai ships has those of the models it knows, a provider's \
                  `modelInfo` those of others. A model in neither is charged at the highest price of the catalogue, so that the budget holds \
                  whatever the truth is; but it ends far too early, and what `pai usage` shows is not what the model costs.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/llama-3.1-70b], rateLimits: {maxCostPerDayUSD: 10}}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/llama-3.1-70b], rateLimits: {maxCostPerDayUSD: 10}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', \
             modelInfo: [{model: 'llama-*', usdPerMillionTokens: {input: 0.1, output: 0.4}}]}\n",
    check: Some(check),
};

/// The field of a provider that gives prices.
const PRICES: &str = "/spec/modelInfo";

fn check(graph: &Graph, found: &mut Diagnostics) {
    for agent in graph.agents.values() {
        of_agent(agent, graph, found);
    }
    for key in graph.access_keys.values() {
        of_key(key, graph, found);
    }
}

/// Each model that a capped agent lists.
fn of_agent(agent: &Resource<Agent>, graph: &Graph, found: &mut Diagnostics) {
    let cap = agent.spec.rate_limits.as_ref().and_then(|rates| rates.max_cost_per_day_usd);
    if cap.is_none() {
        return;
    }
    for (at, listed) in agent.spec.models.iter().enumerate() {
        let Some(provider) = graph.provider(&agent.name.namespace, &listed.provider) else { continue };
        if !provider.spec.has_price_of(listed.model.as_str()) {
            let message = format!(
                "nobody says what `{}` costs, and agent `{}` may spend dollars on it",
                listed.model, agent.name.name
            );
            let cap = agent.at("/spec/rateLimits/maxCostPerDayUSD");
            found.push(finding(agent.at(&format!("/spec/models/{at}")), message, cap, provider));
        }
    }
}

/// Each provider of a capped key that no price is known for. Which models the key will call is not known.
fn of_key(key: &Resource<AccessKey>, graph: &Graph, found: &mut Diagnostics) {
    if key.spec.max_cost_per_day_usd.is_none() {
        return;
    }
    for (at, name) in key.spec.providers.iter().enumerate() {
        let Some(provider) = graph.provider(&key.name.namespace, name) else { continue };
        let is_priced = provider.spec.model_info.iter().any(|info| info.usd_per_million_tokens.is_some());
        if !provider.spec.has_catalogue() && !is_priced {
            let message = format!(
                "nobody says what the models of provider `{name}` cost, and access key `{}` may spend dollars on them",
                key.name.name
            );
            let cap = key.at("/spec/maxCostPerDayUSD");
            found.push(finding(key.at(&format!("/spec/providers/{at}")), message, cap, provider));
        }
    }
}

impl ModelProvider {
    /// Whether its manifest or the catalogue says what a model costs.
    fn has_price_of(&self, model: &str) -> bool {
        let mut own = self.model_info.iter().filter(|info| info.usd_per_million_tokens.is_some());
        catalogue::find(model).is_some() || own.any(|info| Pattern::new(&info.model).matches(model))
    }
}

fn finding(span: Span, message: String, cap: Span, provider: &Resource<ModelProvider>) -> Diagnostic {
    Diagnostic::new(&RULE, span, message)
        .label("charged at the highest price of the catalogue")
        .also(cap, "is counted in dollars")
        .also(provider.at(PRICES), "may give prices")
        .help(format!("give `usdPerMillionTokens` under `modelInfo` of provider `{}`", provider.name.name))
}

#[cfg(test)]
mod tests {
    use crate::tests::codes;

    fn key(spec: &str, provider: &str) -> Vec<&'static str> {
        codes(&format!(
            "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: alice}}\nspec: {{providers: [a], {spec}}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{externalAccess: {{enabled: true}}, {provider}}}\n"
        ))
    }

    #[test]
    fn a_capped_key_needs_a_price_at_each_provider() {
        let own = "provider: vllm, endpoint: 'http://a/v1'";
        let prices = "modelInfo: [{model: x, usdPerMillionTokens: {input: 1, output: 2}}]";
        let sizes = "modelInfo: [{model: x, contextTokens: 1000}]";
        assert_eq!(key("maxCostPerDayUSD: 1", own), ["PAI0327"]);
        assert_eq!(key("maxCostPerDayUSD: 1", &format!("{own}, {sizes}")), ["PAI0327"]);
        assert_eq!(key("maxCostPerDayUSD: 1", &format!("{own}, {prices}")), [] as [&str; 0]);
        assert_eq!(key("maxTokensPerDay: 1000", own), [] as [&str; 0]);
        assert_eq!(
            key("maxCostPerDayUSD: 1", "provider: anthropic, apiKeySecretRef: {name: k}"),
            [] as [&str; 0]
        );
    }
}
