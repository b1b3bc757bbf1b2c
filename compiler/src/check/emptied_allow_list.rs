//! A provider whose denials leave nothing to call.

use pai_bundle::pattern::Pattern;
use pai_bundle::pattern::list::PatternList;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::ModelProvider;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0314",
    name: "emptied-allow-list",
    title: "the denied models leave no model to call",
    severity: Severity::Error,
    explanation: "`deniedModels` wins over `allowedModels`. Here everything that is allowed is denied as well, so every request to \
                  this provider would be refused. To close a provider, remove its manifest; otherwise narrow the denials.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', allowedModels: [qwen-coder, qwen-7b-*], deniedModels: [qwen-*]}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', allowedModels: [qwen-coder, qwen-7b-*], deniedModels: [qwen-7b-old]}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values().filter(|provider| provider.spec.offers_nothing()) {
        let message = format!("provider `{}` denies every model that it allows", provider.name.name);
        let mut diagnostic = Diagnostic::new(&RULE, provider.at("/spec/deniedModels"), message)
            .label("leaves no model to call")
            .help("narrow the denials: deniedModels wins over allowedModels");
        if !provider.spec.allowed_models.is_empty() {
            diagnostic = diagnostic.also(provider.at("/spec/allowedModels"), "all of these are denied");
        }
        found.push(diagnostic);
    }
}

impl ModelProvider {
    /// Whether the provider's own lists keep out every model there could be.
    pub(crate) fn offers_nothing(&self) -> bool {
        if self.denied_models.is_empty() {
            return false;
        }
        let denied: Vec<Pattern> = self.denied_models.iter().map(Pattern::new).collect();
        let list = PatternList::new(&denied, self.allowed_models.len());
        if self.allowed_models.is_empty() {
            return list.covering(&Pattern::new("*")).is_some();
        }
        self.allowed_models.iter().map(Pattern::new).all(|allowed| list.covering(&allowed).is_some())
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::provider_says;

    #[test]
    fn a_provider_that_offers_something_is_left_alone() {
        for lists in [
            "deniedModels: [qwen-*]",
            "allowedModels: [qwen-*], deniedModels: [qwen-7b-*]",
            "allowedModels: [qwen-*, llama-*], deniedModels: [qwen-7b-*, llama-7b]",
            "allowedModels: [], deniedModels: []",
        ] {
            assert_eq!(provider_says(lists), [] as [&str; 0], "{lists}");
        }
    }

    #[test]
    fn a_provider_that_offers_nothing_is_said_once() {
        for lists in [
            "deniedModels: ['*']",
            "deniedModels: ['**']",
            "allowedModels: [qwen-*], deniedModels: [qwen-*]",
            "allowedModels: [a*b, c], deniedModels: [a*, c]",
        ] {
            let agent =
                "---\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: b}\nspec: {models: [a/c, a/d]}\n";
            assert_eq!(provider_says(&format!("{lists}}}\n{agent}#{{")), ["PAI0314"], "{lists}");
        }
    }
}
