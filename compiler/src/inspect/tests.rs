//! What a bundle answers offline, case by case.

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UnixSeconds};

use super::*;
use crate::Sources;

const MANIFESTS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: a}
spec:
  provider: anthropic
  apiKeySecretRef: {name: k}
  deniedModels: [claude-opus-*]
  maxTokensPerDay: 1000
  externalAccess: {enabled: true}
  fallbacks: [b/small]
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: b}
spec: {provider: vllm, endpoint: 'http://b.example/v1', maxTokensPerRequest: 50}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: c}
spec: {provider: vllm, endpoint: 'http://c.example/v1'}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec: {models: [a/claude-sonnet-4-6, b/large, c/large]}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec: {providers: [a], allowedCidrs: [10.0.0.0/8]}
";

fn world() -> World {
    let compiled = crate::compile(&Sources::new([("pai.yaml", MANIFESTS)]));
    World::new(compiled.bundle.expect("a bundle")).expect("a world")
}

fn coder(model: &str) -> Question {
    Question::new(Who::Agent("default/coder".parse().expect("a name")), model, UnixSeconds(1_795_435_200))
}

#[test]
fn the_requested_model_serves() {
    let answer = world().ask(&coder("large"));
    assert_eq!(answer.served_by().map(|served| served.provider.to_string()).as_deref(), Some("default/b"));
    assert_eq!(answer.candidates.len(), 3);
}

#[test]
fn a_full_budget_leads_on_past_candidates_that_refuse_for_other_reasons() {
    let provider = "default/a".parse().expect("a name");
    let mut question = coder("default");
    question.tokens = Tokens(60);
    question.used.0.insert((Scope::Provider, provider), Tokens(1000));
    let answer = world().ask(&question);
    let codes: Vec<_> = answer
        .candidates
        .iter()
        .map(|considered| considered.denial.as_ref().map(|denial| denial.first.code.as_str()))
        .collect();
    assert_eq!(codes, [Some("budget_exhausted"), Some("request_too_large"), None]);
    assert_eq!(answer.outcome, Outcome::Allowed(2));
}

#[test]
fn a_refused_model_is_not_replaced_by_another() {
    let answer = world().ask(&coder("a/claude-opus-4-6"));
    assert_eq!(answer.outcome, Outcome::Refused(0));
    assert!(answer.causes().any(|cause| cause.code == "model_denied"));
}

#[test]
fn fallbacks_are_considered_each_once_and_by_their_own_rules() {
    let answer = world().ask(&coder("default"));
    let [fallback] = answer.fallbacks.as_slice() else { panic!("one fallback: {answer:?}") };
    assert_eq!(fallback.candidate.model.as_str(), "small");
    assert!(fallback.denial.is_some(), "the agent does not list it");
}

#[test]
fn nobody_and_no_provider_are_answers_of_their_own() {
    let world = world();
    let mut question = coder("default");
    question.who = Who::Agent("default/nobody".parse().expect("a name"));
    assert_eq!(world.ask(&question).outcome, Outcome::UnknownPrincipal);
    let answer = world.ask(&coder("gpt-4o"));
    assert!(matches!(answer.outcome, Outcome::NoProvider(known) if known.len() == 3));
}

#[test]
fn addresses_count() {
    let mut question = coder("claude-haiku-4-5");
    question.who = Who::AccessKey("default/laptop".parse().expect("a name"));
    assert_eq!(
        world().ask(&question).causes().map(|cause| cause.code.as_str()).next(),
        Some("address_not_allowed")
    );
    question.address = "10.1.2.3".parse().expect("an address");
    assert!(world().ask(&question).is_allowed());
}

fn advice(question: &Question) -> Vec<String> {
    let world = world();
    let answer = world.ask(question);
    let Outcome::Refused(place) = answer.outcome else { panic!("not refused: {answer:?}") };
    match advise(&world, question, &answer.candidates[place].candidate) {
        Advice::Change(changes) => changes.iter().map(ToString::to_string).collect(),
        Advice::None => Vec::new(),
    }
}

#[test]
fn advice_names_every_edit_that_is_needed_and_no_other() {
    assert_eq!(
        advice(&coder("a/claude-opus-4-6")),
        [
            "take `claude-opus-*` out of spec.deniedModels of provider a",
            "add `a/claude-opus-4-6` to spec.models of agent coder"
        ]
    );
    assert_eq!(
        advice(&coder("claude-haiku-4-5")),
        ["add `a/claude-haiku-4-5` to spec.models of agent coder"]
    );
    let mut laptop = coder("claude-haiku-4-5");
    laptop.who = Who::AccessKey("default/laptop".parse().expect("a name"));
    laptop.tokens = Tokens(400);
    laptop.used.0.insert((Scope::Provider, "default/a".parse().expect("a name")), Tokens(700));
    assert_eq!(
        advice(&laptop),
        [
            "add `127.0.0.1/32` to spec.allowedCidrs of access key laptop",
            "raise spec.maxTokensPerDay of provider a to at least 1100"
        ]
    );
}

#[test]
fn a_change_moves_policies_and_limits_together() {
    use change::ProviderEdit;
    let name: pai_bundle::name::QualifiedName = "default/a".parse().expect("a name");
    let change = Change::Provider(name.clone(), ProviderEdit::PerDay(Some(Tokens(2000))));
    let bundle = change.apply(world().bundle()).expect("a bundle");
    let limit = bundle.limits.iter().find(|limit| limit.scope == Scope::Provider && limit.name == name);
    assert_eq!(limit.map(|limit| limit.tokens_per_day), Some(Tokens(2000)));
    let world = World::new(bundle).expect("a world");
    let mut question = coder("default");
    question.used.0.insert((Scope::Provider, name), Tokens(1999));
    assert_eq!(world.ask(&question).outcome, Outcome::Allowed(0));
    question.tokens = Tokens(2);
    assert_ne!(world.ask(&question).outcome, Outcome::Allowed(0));
}
