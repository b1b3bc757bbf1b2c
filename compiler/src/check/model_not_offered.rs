//! An agent that lists a model which its provider's own lists keep out.

use super::unusable_agent;
use crate::diagnostic::nearest::list;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::{Graph, NotOffered};
use crate::manifest::{ModelProvider, Resource};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0304",
    name: "model-not-offered",
    title: "the provider does not let this model through",
    severity: Severity::Error,
    explanation: "A provider's `allowedModels` and `deniedModels` hold for everybody, so a model outside of them is refused whoever \
                  lists it. Take the model out of the agent or the fallbacks, or change the provider's lists.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [local/llama-70b]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: local}\nspec: {provider: vllm, endpoint: 'http://a/v1', allowedModels: [qwen-*]}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [local/qwen-coder]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: local}\nspec: {provider: vllm, endpoint: 'http://a/v1', allowedModels: [qwen-*]}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    let explained = unusable_agent::explained(graph);
    for reference in graph.references() {
        let crate::graph::Target::Provider(provider) = reference.target else { continue };
        let Some(model) = reference.rest.strip_prefix('/') else { continue };
        // An agent without any model, or a provider that offers nothing to anybody, has a finding of its own.
        if let Err(why) = provider.spec.offers(model)
            && !explained.contains(&reference.span)
            && !provider.spec.offers_nothing()
        {
            found.push(finding(provider, model, &why, reference.span));
        }
    }
}

fn finding(
    provider: &Resource<ModelProvider>,
    model: &str,
    why: &NotOffered,
    span: crate::source::Span,
) -> Diagnostic {
    let name = &provider.name.name;
    match why {
        NotOffered::NotAllowed => {
            let allowed: Vec<&str> = provider.spec.allowed_models.iter().map(String::as_str).collect();
            Diagnostic::new(&RULE, span, format!("provider `{name}` does not allow model `{model}`"))
                .label("not in the provider's allowedModels")
                .also(provider.at("/spec/allowedModels"), "the provider allows only these")
                .help(format!("allowed are: {}", list(&allowed)))
        }
        NotOffered::Denied(at) => {
            Diagnostic::new(&RULE, span, format!("provider `{name}` denies model `{model}`"))
                .label("in the provider's deniedModels")
                .also(provider.at(&format!("/spec/deniedModels/{at}")), "denied here")
                .help("deniedModels wins over allowedModels; ask for another model, or change the list")
        }
    }
}
