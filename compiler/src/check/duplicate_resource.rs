//! Two manifests of one kind with one name.

use crate::diagnostic::{Diagnostic, Rule, Severity};
use crate::manifest::{Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0302",
    name: "duplicate-resource",
    title: "two manifests have one name",
    severity: Severity::Error,
    explanation: "Within a namespace, a kind has each name once. Otherwise it would depend on the order of files which of the two \
                  holds. Rename one, give it another namespace, or remove it.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 5}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://a/v1', maxTokensPerDay: 5}\n",
    check: None,
};

pub(crate) fn finding<S: Spec>(second: &Resource<S>, first: &Resource<S>) -> Diagnostic {
    let message = format!("there are two {} manifests with the name `{}`", S::NAME, second.name);
    Diagnostic::new(&RULE, second.name_span(), message)
        .label("again here")
        .also(first.name_span(), "first here")
        .help("rename one of them, or remove it")
}
