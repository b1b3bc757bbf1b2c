//! A model id that the catalogue of its provider's kind does not have.

use pai_bundle::catalogue;
use pai_bundle::provider::ProviderKind;

use crate::diagnostic::Safety;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::{Graph, Target};
use crate::manifest::ModelProvider;
use crate::source::Span;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0311",
    name: "unknown-model",
    title: "the model is not a known one of this provider",
    severity: Severity::Warning,
    explanation: "The catalogue that pai ships does not have this model. It is allowed all the same, because providers publish models more \
                  often than pai is released; but look twice, a misspelt model is refused by the provider only when it is called.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/claude-sonet-4-6]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: a-key}}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/claude-sonnet-4-6]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: a-key}}\n",
    check: Some(check),
};

impl ModelProvider {
    /// Whether this is a native service, whose models the catalogue knows.
    pub(crate) fn has_catalogue(&self) -> bool {
        let native =
            matches!(self.provider, ProviderKind::Anthropic | ProviderKind::OpenAi | ProviderKind::Gemini);
        native && self.endpoint.is_none()
    }
}

fn check(graph: &Graph, found: &mut Diagnostics) {
    for reference in graph.references() {
        let Target::Provider(provider) = reference.target else { continue };
        let Some(model) = reference.rest.strip_prefix('/') else { continue };
        if provider.spec.has_catalogue() && catalogue::find(model).is_none() {
            found.push(finding(provider.spec.provider, model, reference.span));
        }
    }
    for provider in graph.providers.values().filter(|provider| provider.spec.has_catalogue()) {
        for (at, model) in provider.spec.allowed_models.iter().enumerate() {
            if !model.contains('*') && catalogue::find(model).is_none() {
                let span = provider.at(&format!("/spec/allowedModels/{at}"));
                found.push(finding(provider.spec.provider, model, span));
            }
        }
    }
}

fn finding(kind: ProviderKind, model: &str, span: Span) -> Diagnostic {
    let known = catalogue::of_kind(kind).map(|known| known.id);
    Diagnostic::new(&RULE, span, format!("`{model}` is not a known model of kind `{kind}`"))
        .label("not in the catalogue")
        .suggest(model, known, "known are", Safety::Unsafe)
}
