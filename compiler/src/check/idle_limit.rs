//! Limits that can never bind, because a smaller one always does.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::quantity::TokenCount;
use crate::manifest::{ModelProvider, Resource};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0323",
    name: "idle-limit",
    title: "the limit is never reached",
    severity: Severity::Warning,
    explanation: "A request has to fit into every limit that concerns it. Where another limit is always smaller, this one never decides \
                  anything, and whoever reads it is misled about what holds. Lower it, or raise the other.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large], tokens: {maxPerRequest: 200000}}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerRequest: 100000}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large], tokens: {maxPerRequest: 50000}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerRequest: 100000}\n",
    check: Some(check),
};

/// A cap and the field that sets it.
type Cap = (TokenCount, &'static str);

fn check(graph: &Graph, found: &mut Diagnostics) {
    agents(graph, found);
    keys(graph, found);
    retries(graph, found);
}

/// Waits between attempts of which one cuts off the other, or that there are no attempts for.
fn retries(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        let Some(retry) = provider.spec.retry else { continue };
        let written = |field: &str| {
            let field = format!("/spec/retry/{field}");
            provider.document.find(&field).map(|_| provider.at(&field))
        };
        let (first, longest) = (written("initialBackoffMs"), written("maxBackoffMs"));
        if retry.max_attempts == 1
            && let Some(wait) = first.or(longest)
        {
            let message =
                format!("provider `{}` waits between attempts and makes only one", provider.name.name);
            found.push(
                Diagnostic::new(&RULE, wait, message)
                    .label("never decides anything")
                    .also(provider.at("/spec/retry/maxAttempts"), "no second attempt")
                    .help("remove it, or allow more attempts"),
            );
        } else if retry.initial_backoff_ms > retry.max_backoff_ms
            && let Some(wait) = first.or(longest)
        {
            let message =
                format!("the first wait of provider `{}` is above its longest one", provider.name.name);
            let diagnostic = Diagnostic::new(&RULE, wait, message)
                .help(format!("no wait is longer than maxBackoffMs, here {}", retry.max_backoff_ms));
            found.push(match longest.filter(|longest| *longest != wait) {
                Some(longest) => diagnostic.label("is cut off").also(longest, "cuts it off"),
                None => diagnostic.label("does not fit the other, which is left out"),
            });
        }
    }
}

/// A request cap of an agent above what each of its providers takes in one request.
fn agents(graph: &Graph, found: &mut Diagnostics) {
    for agent in graph.agents.values() {
        let Some(own) = agent.spec.tokens.and_then(|tokens| tokens.max_per_request) else { continue };
        let names = agent.spec.models.iter().map(|model| &model.provider);
        let Some(providers) = graph.providers_of(&agent.name.namespace, names) else { continue };
        let message = format!("the request cap of agent `{}` is never reached", agent.name.name);
        let smaller = |cap: &Cap| cap.0 < own;
        let caps = providers.iter().map(|provider| Some((*provider, per_request(provider).filter(smaller)?)));
        let Some(caps) = caps.collect::<Option<Vec<_>>>() else { continue };
        let mut diagnostic = Diagnostic::new(&RULE, agent.at("/spec/tokens/maxPerRequest"), message)
            .label("never decides anything")
            .help("lower it, or raise the cap of a provider");
        for (provider, (_, field)) in caps {
            diagnostic = diagnostic.also(provider.at(field), "refuses before");
        }
        found.push(diagnostic);
    }
}

/// A budget of a key above what is open to all keys together.
fn keys(graph: &Graph, found: &mut Diagnostics) {
    for key in graph.access_keys.values() {
        let Some(own) = key.spec.max_tokens_per_day else { continue };
        let Some(providers) = key.open_providers(graph) else { continue };
        let caps = providers.iter().map(|provider| Some((*provider, external_per_day(provider)?)));
        let Some(caps) = caps.collect::<Option<Vec<_>>>() else { continue };
        let together = caps.iter().fold(0_u64, |sum, (_, (cap, _))| sum.saturating_add(cap.tokens().0));
        if own.tokens().0 <= together {
            continue;
        }
        let message = format!("the daily budget of access key `{}` is never reached", key.name.name);
        let mut diagnostic = Diagnostic::new(&RULE, key.at("/spec/maxTokensPerDay"), message)
            .label("never decides anything")
            .help("lower it, or raise the budget of a provider");
        for (provider, (_, field)) in caps {
            diagnostic = diagnostic.also(provider.at(field), "ends before");
        }
        found.push(diagnostic);
    }
}

/// The smallest cap that every request to a provider meets.
fn per_request(provider: &Resource<ModelProvider>) -> Option<Cap> {
    let request = provider.spec.max_tokens_per_request.map(|cap| (cap, "/spec/maxTokensPerRequest"));
    let day = provider.spec.max_tokens_per_day.map(|cap| (cap, "/spec/maxTokensPerDay"));
    request.into_iter().chain(day).min_by_key(|(cap, _)| *cap)
}

/// The smallest budget that all access keys of a provider share.
fn external_per_day(provider: &Resource<ModelProvider>) -> Option<Cap> {
    let external = provider.spec.external_access.and_then(|access| access.max_tokens_per_day);
    let external = external.map(|cap| (cap, "/spec/externalAccess/maxTokensPerDay"));
    let day = provider.spec.max_tokens_per_day.map(|cap| (cap, "/spec/maxTokensPerDay"));
    external.into_iter().chain(day).min_by_key(|(cap, _)| *cap)
}

#[cfg(test)]
mod tests {
    use crate::tests::codes;

    fn key(budget: u64, provider: &str) -> Vec<&'static str> {
        codes(&format!(
            "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: alice}}\nspec: {{providers: [a], maxTokensPerDay: {budget}}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: vllm, endpoint: 'http://a/v1', {provider}}}\n"
        ))
    }

    #[test]
    fn the_budget_of_a_key_is_compared_with_the_smaller_budget_of_its_provider() {
        let both = "maxTokensPerDay: 100, externalAccess: {enabled: true, maxTokensPerDay: 50}";
        assert_eq!(key(50, both), [] as [&str; 0]);
        assert_eq!(key(51, both), ["PAI0323"]);
        assert_eq!(key(100, "maxTokensPerDay: 100, externalAccess: {enabled: true}"), [] as [&str; 0]);
        assert_eq!(key(101, "maxTokensPerDay: 100, externalAccess: {enabled: true}"), ["PAI0323"]);
        assert_eq!(key(101, "externalAccess: {enabled: true}"), [] as [&str; 0]);
        assert_eq!(key(101, "maxTokensPerDay: 100"), ["PAI0308"]);
    }

    #[test]
    fn waits_fit_each_other_and_the_attempts() {
        use crate::tests::provider_says;
        for retry in [
            "{}",
            "{maxAttempts: 1}",
            "{initialBackoffMs: 5000}",
            "{initialBackoffMs: 9000, maxBackoffMs: 9000}",
        ] {
            assert_eq!(provider_says(&format!("retry: {retry}")), [] as [&str; 0], "{retry}");
        }
        for retry in [
            "{maxAttempts: 1, initialBackoffMs: 10}",
            "{initialBackoffMs: 5001}",
            "{maxBackoffMs: 100}",
            "{initialBackoffMs: 300, maxBackoffMs: 299}",
        ] {
            assert_eq!(provider_says(&format!("retry: {retry}")), ["PAI0323"], "{retry}");
        }
    }

    #[test]
    fn one_provider_without_a_smaller_cap_is_enough() {
        let text = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/x, b/x], tokens: {maxPerRequest: 200}}\n---\n\
                    apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerRequest: 100}\n---\n\
                    apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
        assert_eq!(codes(text), [] as [&str; 0]);
        let day = text.replace("{name: b}\nspec: {", "{name: b}\nspec: {maxTokensPerDay: 150, ");
        assert_eq!(codes(&day), ["PAI0323"]);
    }
}
