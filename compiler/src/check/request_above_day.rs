//! A cap on one request that the cap on a day makes meaningless.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::quantity::TokenCount;
use crate::manifest::{Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0309",
    name: "request-above-day",
    title: "the cap of one request is above the cap of a day",
    severity: Severity::Warning,
    explanation: "A request that does not fit in a day's budget is refused by that budget, so a cap on one request above it never \
                  decides anything.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 1000, maxTokensPerRequest: 2000}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 2000, maxTokensPerRequest: 1000}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        let (request, day) = (provider.spec.max_tokens_per_request, provider.spec.max_tokens_per_day);
        compare(provider, (request, "/spec/maxTokensPerRequest"), (day, "/spec/maxTokensPerDay"), found);
    }
    for agent in graph.agents.values() {
        let Some(tokens) = agent.spec.tokens else { continue };
        let request = (tokens.max_per_request, "/spec/tokens/maxPerRequest");
        compare(agent, request, (tokens.max_per_day, "/spec/tokens/maxPerDay"), found);
    }
}

/// A cap and its field.
type Cap<'a> = (Option<TokenCount>, &'a str);

fn compare<S: Spec>(resource: &Resource<S>, request: Cap<'_>, day: Cap<'_>, found: &mut Diagnostics) {
    if let (Some(per_request), Some(per_day)) = (request.0, day.0)
        && per_request > per_day
    {
        let message = format!("{} `{}` caps a request above a whole day", S::NAME, resource.name.name);
        found.push(
            Diagnostic::new(&RULE, resource.at(request.1), message)
                .label("never decides anything")
                .also(resource.at(day.1), "a day ends here")
                .help("lower the cap of one request, or raise the cap of a day"),
        );
    }
}
