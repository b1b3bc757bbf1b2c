//! A reference to a provider that is not there.

use pai_bundle::name::QualifiedName;

use crate::diagnostic::nearest::{list, nearest};
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Safety, Severity};
use crate::graph::{Graph, Reference, Target};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0301",
    name: "unknown-provider",
    title: "the provider is not there",
    severity: Severity::Error,
    explanation: "Agents, fallbacks and access keys name a provider by the metadata.name of a ModelProvider of their own \
                  namespace: in `google/gemini-2.5-pro`, `google` is the name, and `gemini` may be its kind. Correct the name, or \
                  add the provider's manifest.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [antropic/claude-sonnet-4-6]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: anthropic}\nspec: {provider: anthropic, apiKeySecretRef: {name: anthropic-key}}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [anthropic/claude-sonnet-4-6]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: anthropic}\nspec: {provider: anthropic, apiKeySecretRef: {name: anthropic-key}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for reference in graph.references() {
        if matches!(reference.target, Target::Missing) {
            found.push(finding(graph, &reference));
        }
    }
}

fn finding(graph: &Graph, reference: &Reference<'_>) -> Diagnostic {
    let Reference { namespace, provider, rest, span, .. } = reference;
    let here: Vec<&QualifiedName> =
        graph.providers.keys().filter(|name| &name.namespace == *namespace).collect();
    let names: Vec<&str> = here.iter().map(|name| name.name.as_str()).collect();
    let of_kind = graph.providers.values().find(|other| {
        other.name.namespace == **namespace && other.spec.provider.as_str() == provider.as_str()
    });
    let elsewhere = graph.providers.keys().find(|name| name.name == **provider);
    let mut right = None;
    let help = if let Some(other) = of_kind {
        right = Some(format!("{}{rest}", other.name.name));
        format!("`{provider}` is the kind of provider `{0}`; write its name: `{0}{rest}`", other.name.name)
    } else if let Some(near) = nearest(provider.as_str(), names.iter().copied()) {
        right = Some(format!("{near}{rest}"));
        format!("did you mean `{near}{rest}`?")
    } else if let Some(other) = elsewhere {
        format!(
            "there is one in namespace `{}`, and this manifest is in `{namespace}`: resources refer to each other within one \
             namespace",
            other.namespace
        )
    } else if names.is_empty() {
        format!(
            "namespace `{namespace}` has no ModelProvider; add a manifest with `metadata: {{name: {provider}}}`"
        )
    } else {
        format!("the providers of namespace `{namespace}` are: {}", list(&names))
    };
    let message = format!("there is no provider `{provider}` in namespace `{namespace}`");
    let diagnostic =
        Diagnostic::new(&RULE, *span, message).label("names a provider that is not there").help(help);
    match right {
        Some(right) => diagnostic.edit(*span, right, Safety::Unsafe),
        None => diagnostic,
    }
}
