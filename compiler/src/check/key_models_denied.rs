//! An access key that allows only models which its providers keep out.

use pai_bundle::pattern::Pattern;
use pai_bundle::pattern::language::{Common, common};

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::{AccessKey, ModelProvider, Resource};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0317",
    name: "key-models-denied",
    title: "the access key allows only models that its providers keep out",
    severity: Severity::Error,
    explanation: "An access key can only narrow what its providers permit. No model that its `allowedModels` match gets through the \
                  `allowedModels` and `deniedModels` of a provider that is open to access keys, so every request with this key would \
                  be refused.",
    fails: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedModels: [llama-*]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', allowedModels: [qwen-*], externalAccess: {enabled: true}}\n",
    passes: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedModels: ['*-coder']}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', allowedModels: [qwen-*], externalAccess: {enabled: true}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for key in graph.access_keys.values().filter(|key| key.opens_no_model(graph)) {
        let message =
            format!("access key `{}` allows only models that its providers keep out", key.name.name);
        let mut diagnostic = Diagnostic::new(&RULE, key.at("/spec/allowedModels"), message)
            .label("its providers let none of these through")
            .help("allow models that the providers offer, or leave allowedModels out");
        for provider in key.open_providers(graph).into_iter().flatten() {
            let lists =
                [("/spec/allowedModels", "allows only these"), ("/spec/deniedModels", "denies these")];
            for (field, text) in lists {
                if provider.document.find(field).is_some() {
                    diagnostic = diagnostic.also(provider.at(field), text);
                }
            }
        }
        found.push(diagnostic);
    }
}

impl Resource<AccessKey> {
    /// The providers that the key opens; `None` where one cannot be judged, or none is open, which is reported elsewhere.
    pub(super) fn open_providers<'a>(&self, graph: &'a Graph) -> Option<Vec<&'a Resource<ModelProvider>>> {
        let mut providers = graph.providers_of(&self.name.namespace, &self.spec.providers)?;
        providers.retain(|provider| provider.spec.external_access.is_some_and(|access| access.enabled));
        (!providers.is_empty()).then_some(providers)
    }

    /// Whether no model gets through both the key's list and a provider's.
    pub(super) fn opens_no_model(&self, graph: &Graph) -> bool {
        if self.spec.allowed_models.is_empty() {
            return false;
        }
        self.open_providers(graph).is_some_and(|providers| {
            // A provider that offers nothing to anybody is the cause, and has been reported.
            !providers.iter().all(|provider| provider.spec.offers_nothing())
                && providers
                    .iter()
                    .all(|provider| reachable(&self.spec.allowed_models, provider) == Common::Nothing)
        })
    }
}

/// A model of the provider that these entries of a key's list let through, and the provider does.
pub(super) fn reachable(entries: &[String], provider: &Resource<ModelProvider>) -> Common {
    let prefix = format!("{}/", provider.name.name);
    let wanted: Vec<Pattern> = entries
        .iter()
        .map(Pattern::new)
        .flat_map(|entry| entry.behind(&prefix).into_iter().chain([entry]))
        .collect();
    let list = |texts: &[String]| texts.iter().map(Pattern::new).collect::<Vec<_>>();
    let (allowed, denied) = (list(&provider.spec.allowed_models), list(&provider.spec.denied_models));
    if allowed.is_empty() { common(&[&wanted], &denied) } else { common(&[&wanted, &allowed], &denied) }
}

#[cfg(test)]
mod tests {
    use crate::tests::codes;

    fn key(allowed: &str, providers: &str, lists: &str) -> Vec<&'static str> {
        codes(&format!(
            "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: alice}}\nspec: {{providers: [{providers}], allowedModels: [{allowed}]}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: vllm, endpoint: 'http://a/v1', externalAccess: {{enabled: true}}, {lists}}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: closed}}\nspec: {{provider: vllm, endpoint: 'http://b/v1'}}\n"
        ))
    }

    #[test]
    fn a_model_that_gets_through_both_lists_is_enough() {
        for (allowed, lists) in [
            ("a/qwen-coder", "allowedModels: [qwen-*]"),
            ("'*/qwen-*'", "allowedModels: [qwen-*]"),
            ("qwen-*", "deniedModels: [qwen-7b]"),
            ("'*7b'", "allowedModels: ['qwen-*', 'llama-*'], deniedModels: ['qwen-1*']"),
            ("meta/*", "allowedModels: [meta/llama]"),
        ] {
            assert_eq!(key(allowed, "a", lists), [] as [&str; 0], "{allowed} {lists}");
        }
    }

    #[test]
    fn closed_providers_and_names_of_others_do_not_count() {
        assert_eq!(key("b/qwen-coder", "a", "allowedModels: [qwen-*]"), ["PAI0317"]);
        assert_eq!(key("qwen-*, llama", "a, closed", "deniedModels: ['qwen-*', 'llama*']"), ["PAI0317"]);
        assert_eq!(key("x", "closed", "allowedModels: [qwen-*]"), ["PAI0308"]);
        assert_eq!(key("x", "missing, a", "allowedModels: [qwen-*]"), ["PAI0301"]);
        assert_eq!(key("x", "a", "allowedModels: [qwen-*], deniedModels: ['*']"), ["PAI0314"]);
    }
}
