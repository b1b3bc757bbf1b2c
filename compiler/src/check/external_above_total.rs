//! An external budget that the provider's own budget makes meaningless.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0307",
    name: "external-above-total",
    title: "the external budget is above the provider's own",
    severity: Severity::Warning,
    explanation: "External use counts against `externalAccess.maxTokensPerDay` and against the provider's `maxTokensPerDay` as well. An \
                  external budget above the provider's is never reached.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 1000000, externalAccess: {enabled: true, maxTokensPerDay: 2000000}}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 2000000, externalAccess: {enabled: true, maxTokensPerDay: 1000000}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        let external = provider.spec.external_access.and_then(|access| access.max_tokens_per_day);
        if let (Some(external), Some(total)) = (external, provider.spec.max_tokens_per_day)
            && external > total
        {
            let span = provider.at("/spec/externalAccess/maxTokensPerDay");
            found.push(
                Diagnostic::new(
                    &RULE,
                    span,
                    format!(
                        "the external budget of provider `{}` is above its whole budget",
                        provider.name.name
                    ),
                )
                .label("is never reached")
                .also(provider.at("/spec/maxTokensPerDay"), "the whole budget ends here")
                .help("external use counts against both; lower this one, or raise the other"),
            );
        }
    }
}
