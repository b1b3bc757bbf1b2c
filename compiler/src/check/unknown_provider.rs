//! A reference to a provider that is not there.

use std::collections::BTreeMap;

use pai_bundle::name::Name;

use crate::diagnostic::nearest::Known;
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
    let missing: Vec<Reference<'_>> =
        graph.references().into_iter().filter(|it| matches!(it.target, Target::Missing)).collect();
    if missing.is_empty() {
        return;
    }
    let here = Here::new(graph);
    found.extend(missing.iter().map(|reference| here.finding(reference)));
}

/// What there is instead, indexed: there may be many providers, and as many references to others.
struct Here<'a> {
    known: Known<'a>,
    /// The first provider of each kind, by namespace.
    of_kind: BTreeMap<(&'a Name, &'static str), &'a Name>,
    /// The first namespace that has a provider of this name.
    elsewhere: BTreeMap<&'a Name, &'a Name>,
}

impl<'a> Here<'a> {
    fn new(graph: &'a Graph) -> Self {
        let (mut of_kind, mut elsewhere) = (BTreeMap::new(), BTreeMap::new());
        for (name, provider) in &graph.providers {
            of_kind.entry((&name.namespace, provider.spec.provider.as_str())).or_insert(&name.name);
            elsewhere.entry(&name.name).or_insert(&name.namespace);
        }
        Self { known: Known::new(graph.providers.keys()), of_kind, elsewhere }
    }

    fn finding(&self, reference: &Reference<'_>) -> Diagnostic {
        let Reference { namespace, provider, rest, span, .. } = reference;
        let mut right = None;
        let help = if let Some(other) = self.of_kind.get(&(*namespace, provider.as_str())) {
            right = Some(format!("{other}{rest}"));
            format!("`{provider}` is the kind of provider `{other}`; write its name: `{other}{rest}`")
        } else if let Some(near) = self.known.nearest(namespace, provider.as_str()) {
            right = Some(format!("{near}{rest}"));
            format!("did you mean `{near}{rest}`?")
        } else if let Some(other) = self.elsewhere.get(provider) {
            format!(
                "there is one in namespace `{other}`, and this manifest is in `{namespace}`: resources refer to each other \
                 within one namespace"
            )
        } else if let Some(names) = self.known.list(namespace) {
            format!("the providers of namespace `{namespace}` are: {names}")
        } else {
            format!(
                "namespace `{namespace}` has no ModelProvider; add a manifest with `metadata: {{name: {provider}}}`"
            )
        };
        let message = format!("there is no provider `{provider}` in namespace `{namespace}`");
        let diagnostic =
            Diagnostic::new(&RULE, *span, message).label("names a provider that is not there").help(help);
        match right {
            Some(right) => diagnostic.edit(*span, right, Safety::Unsafe),
            None => diagnostic,
        }
    }
}
