//! Model patterns that decide nothing: they match no known model, or another pattern has decided before.

use pai_bundle::catalogue;
use pai_bundle::pattern::Pattern;
use pai_bundle::pattern::language::{Common, common};
use pai_bundle::pattern::list::{COMPARISONS_MAX, PatternList};

use super::key_models_denied::reachable;
use crate::diagnostic::nearest::suggest;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::{AccessKey, ModelProvider, Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0315",
    name: "idle-pattern",
    title: "the model pattern decides nothing",
    severity: Severity::Warning,
    explanation: "A pattern that matches no model that anybody knows is most often misspelt; a denial that is misspelt denies nothing. \
                  A pattern within another, or a denial of what is not allowed anyway, has no effect either, and misleads whoever \
                  reads it. A plain name beside a pattern that matches it is no such case in a provider's `allowedModels`: it says \
                  to which provider a bare model id belongs.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: k}, deniedModels: [claude-opsu-*]}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: k}, deniedModels: [claude-opus-*]}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        // Where nothing is left to call, that is the finding.
        if !provider.spec.offers_nothing() {
            allowed(provider, found);
            denied(provider, found);
        }
    }
    for key in graph.access_keys.values().filter(|key| !key.opens_no_model(graph)) {
        of_key(graph, key, found);
    }
}

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(Pattern::new).collect()
}

fn allowed(provider: &Resource<ModelProvider>, found: &mut Diagnostics) {
    let (allowed, denied) = (patterns(&provider.spec.allowed_models), patterns(&provider.spec.denied_models));
    let (list, denials) =
        (PatternList::new(&allowed, allowed.len()), PatternList::new(&denied, allowed.len()));
    for (at, pattern) in allowed.iter().enumerate() {
        let idle = Idle { of: provider, field: "/spec/allowedModels", at, pattern };
        let beyond = if pattern.is_literal() { list.repeats(at) } else { list.beyond(at) };
        if let Some(other) = denials.covering(pattern) {
            found.push(idle.beside("/spec/deniedModels", other, "is denied altogether", "denied here"));
        } else if let Some(other) = beyond {
            found.push(idle.beside("/spec/allowedModels", other, "allows nothing more", "allows it already"));
        } else if !pattern.is_literal() && matches_nothing_known(provider, pattern) {
            found.push(idle.unknown(provider));
        }
    }
}

fn denied(provider: &Resource<ModelProvider>, found: &mut Diagnostics) {
    let (allowed, denied) = (patterns(&provider.spec.allowed_models), patterns(&provider.spec.denied_models));
    let (list, allowances) =
        (PatternList::new(&denied, denied.len()), PatternList::new(&allowed, denied.len()));
    let few = denied.len().saturating_mul(allowed.len()) <= COMPARISONS_MAX;
    let never_allowed = |pattern: &Pattern| {
        if allowed.is_empty() || !few {
            return false;
        }
        if pattern.is_literal() {
            return allowances.covering(pattern).is_none();
        }
        common(&[std::slice::from_ref(pattern), &allowed], &[]) == Common::Nothing
    };
    for (at, pattern) in denied.iter().enumerate() {
        let idle = Idle { of: provider, field: "/spec/deniedModels", at, pattern };
        if let Some(other) = list.beyond(at) {
            found.push(idle.beside("/spec/deniedModels", other, "denies nothing more", "denies it already"));
        } else if never_allowed(pattern) {
            let finding = idle.finding("is not allowed anyway");
            let finding = finding.also(provider.at("/spec/allowedModels"), "only these are allowed");
            found.push(finding.help("remove it, or correct it"));
        } else if matches_nothing_known(provider, pattern) {
            found.push(idle.unknown(provider));
        }
    }
}

fn of_key(graph: &Graph, key: &Resource<AccessKey>, found: &mut Diagnostics) {
    let Some(mut providers) = key.open_providers(graph) else { return };
    // Whoever offers nothing to anybody has a finding of its own.
    providers.retain(|provider| !provider.spec.offers_nothing());
    if providers.is_empty() {
        return;
    }
    let allowed = patterns(&key.spec.allowed_models);
    let offered = providers
        .iter()
        .map(|provider| provider.spec.allowed_models.len() + provider.spec.denied_models.len());
    if offered.sum::<usize>().saturating_mul(allowed.len()) > COMPARISONS_MAX {
        return;
    }
    let list = PatternList::new(&allowed, allowed.len());
    for (at, (pattern, text)) in allowed.iter().zip(&key.spec.allowed_models).enumerate() {
        let idle = Idle { of: key, field: "/spec/allowedModels", at, pattern };
        let reaches = |provider: &&Resource<ModelProvider>| {
            reachable(std::slice::from_ref(text), provider) != Common::Nothing
        };
        if let Some(other) = list.beyond(at) {
            found.push(idle.beside("/spec/allowedModels", other, "allows nothing more", "allows it already"));
        } else if !providers.iter().any(reaches) {
            let finding = idle.finding("its providers let none of these through");
            found.push(finding.help("remove it, or correct it"));
        } else if providers.iter().all(|provider| {
            let prefix = format!("{}/", provider.name.name);
            matches_nothing_known(provider, pattern)
                && pattern.behind(&prefix).iter().all(|behind| matches_nothing_known(provider, behind))
        }) && let Some(first) = providers.first()
        {
            found.push(idle.unknown(first));
        }
    }
}

/// Whether the provider's models are known, and none of them matches. Dated forms of a model are known as well.
fn matches_nothing_known(provider: &Resource<ModelProvider>, pattern: &Pattern) -> bool {
    let spec = &provider.spec;
    // What a pattern wants behind a model's id may be nothing, or a date; star included.
    let dated = |rest: &Pattern| rest.as_str().chars().all(|c| c.is_ascii_digit() || "-@*".contains(c));
    let matches = |id: &str| pattern.matches(id) || pattern.behind(id).iter().any(dated);
    spec.has_catalogue() && !catalogue::of_kind(spec.provider).any(|model| matches(model.id))
}

/// A pattern without effect.
struct Idle<'a, S> {
    of: &'a Resource<S>,
    field: &'a str,
    at: usize,
    pattern: &'a Pattern,
}

impl<S: Spec> Idle<'_, S> {
    fn finding(&self, label: &str) -> Diagnostic {
        let name = self.field.rsplit('/').next().unwrap_or_default();
        let message =
            format!("`{}` in {name} of {} `{}` has no effect", self.pattern, S::NAME, self.of.name.name);
        Diagnostic::new(&RULE, self.of.at(&format!("{}/{}", self.field, self.at)), message).label(label)
    }

    fn beside(&self, field: &str, other: usize, label: &str, there: &str) -> Diagnostic {
        self.finding(label).also(self.of.at(&format!("{field}/{other}")), there).help("remove one of the two")
    }

    fn unknown(&self, provider: &Resource<ModelProvider>) -> Diagnostic {
        let kind = provider.spec.provider;
        let known = catalogue::of_kind(kind).map(|model| model.id);
        let name = self.pattern.as_str().trim_matches('*').trim_end_matches('-');
        self.finding(&format!("matches no known model of kind `{kind}`")).maybe_help(suggest(
            name,
            known,
            "known are",
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{codes, provider_says};

    fn native(lists: &str) -> Vec<&'static str> {
        codes(&format!(
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: anthropic, apiKeySecretRef: {{name: k}}, {lists}}}\n"
        ))
    }

    #[test]
    fn patterns_that_match_something_known_are_left_alone() {
        for lists in [
            "allowedModels: [claude-*], deniedModels: ['*-opus-*']",
            "allowedModels: ['*']",
            "allowedModels: [claude-*, claude-haiku-4-5]",
            "allowedModels: [claude-haiku-4-5-2025*]",
            "deniedModels: [claude-haiku-4-5-20251001, 'claude-sonnet-4-6@*']",
        ] {
            assert_eq!(native(lists), [] as [&str; 0], "{lists}");
        }
        assert_eq!(provider_says("allowedModels: [anything-*], deniedModels: ['*-old']"), [] as [&str; 0]);
    }

    #[test]
    fn patterns_that_decide_nothing_are_found() {
        for lists in [
            "allowedModels: [claude-sonet-*, claude-haiku-*]",
            "deniedModels: [claude-opus-9]",
            "deniedModels: ['*-opsu-*']",
            "allowedModels: [claude-haiku-*], deniedModels: [claude-opus-*]",
            "allowedModels: [claude-*, claude-haiku-*]",
            "allowedModels: [claude-haiku-4-5, claude-haiku-4-5]",
            "deniedModels: [claude-opus-*, claude-opus-4-6]",
            "allowedModels: [claude-*, claude-opus-4-6], deniedModels: [claude-opus-*]",
        ] {
            assert_eq!(native(lists), ["PAI0315"], "{lists}");
        }
    }

    #[test]
    fn entries_of_keys_are_held_against_their_providers() {
        let key = |allowed: &str| {
            codes(&format!(
                "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: alice}}\nspec: {{providers: [a, b], allowedModels: [{allowed}]}}\n---\n\
                 apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: anthropic, apiKeySecretRef: {{name: k}}, externalAccess: {{enabled: true}}}}\n---\n\
                 apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: b}}\nspec: {{provider: openai, apiKeySecretRef: {{name: k}}, externalAccess: {{enabled: true}}, allowedModels: [gpt-4o]}}\n"
            ))
        };
        for allowed in ["a/claude-*", "claude-haiku-4-5, b/gpt-4o", "'*haiku*'", "'a/*'", "'*/gpt-4o'"] {
            assert_eq!(key(allowed), [] as [&str; 0], "{allowed}");
        }
        for allowed in
            ["claude-*, a/claude-hiku-4-5", "'*', gpt-4o", "gpt-4o, a/gpt-4o-mini", "claude-*, b/gpt-5"]
        {
            assert_eq!(key(allowed), ["PAI0315"], "{allowed}");
        }
    }
}
