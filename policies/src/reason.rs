//! A denial in words: which policies refused, ordered by what tells most, with the manifest lines behind them.

use std::collections::HashMap;

use cedar_policy::Response;
use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::name::PolicyId;
use pai_bundle::origin::{Origin, Places};
use pai_bundle::policy::Policy;
use pai_bundle::unit::Tokens;

use crate::decision::{Cause, Denial, Kind};
use crate::facts::{Facts, Principal};
use crate::finding::{self, Finding, Flag};
use crate::known::Known;
use crate::vocabulary::{annotation, code};

/// No readable policy objects although the fast form did; never seen, and refused all the same.
const CODE_DISAGREEMENT: &str = "policy_disagreement";
/// A policy could not be evaluated.
const CODE_EVALUATION: &str = "policy_error";
/// How many models a message names before it says "and more".
const NAMED_MODELS: usize = 5;

/// What is known of each policy besides its condition.
#[derive(Debug, Default)]
pub(crate) struct Reasons {
    policies: HashMap<PolicyId, Written>,
}

/// The daily budgets of providers, by the policy that states them.
pub(crate) type Budgets<'a> = HashMap<&'a PolicyId, (Scope, Tokens)>;

/// All of a bundle's.
pub(crate) fn budgets(bundle: &Bundle) -> Budgets<'_> {
    let of_providers = |scope| matches!(scope, Scope::Provider | Scope::ProviderExternal);
    let limits = bundle.limits.iter().filter(|limit| of_providers(limit.scope));
    limits.map(|limit| (&limit.policy, (limit.scope, limit.tokens_per_day))).collect()
}

#[derive(Debug)]
struct Written {
    kind: Kind,
    code: String,
    reason: String,
    help: Option<String>,
    origin: Origin,
    subject: Option<Subject>,
    /// Which account a budget policy speaks of, and its cap where the policy states it.
    budget: Option<(Scope, Tokens)>,
    /// What a guard's policy looks for.
    finding: Option<Finding>,
}

/// Whose manifest has the field that a base rule reads.
#[derive(Debug)]
struct Subject {
    is_provider: bool,
    field: String,
}

impl Reasons {
    /// Those of these policies, which stand in the bundle in the same order as they were parsed in.
    pub(crate) fn add(&mut self, written: &[Policy], parsed: &[cedar_policy::Policy], budgets: &Budgets<'_>) {
        self.policies.reserve(written.len());
        for (policy, parsed) in written.iter().zip(parsed) {
            let note = |key: &str| parsed.annotation(key).map(ToOwned::to_owned);
            let subject = note(annotation::SUBJECT).zip(note(annotation::FIELD));
            let reasons = Written {
                kind: Kind::from_annotation(parsed.annotation(annotation::KIND)),
                code: note(annotation::CODE).unwrap_or_else(|| "policy_forbids".to_owned()),
                reason: note(annotation::REASON)
                    .unwrap_or_else(|| format!("policy {} forbids it", policy.id)),
                help: note(annotation::HELP),
                origin: policy.origin.clone(),
                subject: subject.map(|(whose, field)| Subject { is_provider: whose == "provider", field }),
                budget: budgets.get(&policy.id).copied(),
                finding: finding(parsed),
            };
            self.policies.insert(policy.id.clone(), reasons);
        }
    }

    /// Everything that objected, most telling first.
    pub(crate) fn denial(
        &self,
        facts: &Facts<'_>,
        principal: Known<'_>,
        provider: &Places,
        answers: &[Response],
    ) -> Box<Denial> {
        let mut causes = self.causes(facts, principal, provider, answers).into_iter();
        match causes.next() {
            Some(first) => Box::new(Denial { first, others: causes.collect() }),
            None => self.disagreement(),
        }
    }

    /// The same as a list, which may be empty.
    pub(crate) fn causes(
        &self,
        facts: &Facts<'_>,
        principal: Known<'_>,
        provider: &Places,
        answers: &[Response],
    ) -> Vec<Cause> {
        let mut causes = Vec::new();
        for answer in answers {
            let refused = answer.decision() == cedar_policy::Decision::Deny;
            for id in answer.diagnostics().reason().filter(|_| refused) {
                let id = PolicyId::new(AsRef::<str>::as_ref(id));
                if let Some(written) = self.policies.get(&id) {
                    causes.push(cause(&id, written, facts, principal, provider));
                }
            }
            for error in answer.diagnostics().errors() {
                causes.push(evaluation_error(error));
            }
        }
        causes.sort_by(|a, b| (a.kind, &a.policy).cmp(&(b.kind, &b.policy)));
        causes
    }

    /// The fast form objects and the readable one does not.
    #[expect(clippy::unused_self, reason = "reads as one of the ways that reasons are given")]
    pub(crate) fn disagreement(&self) -> Box<Denial> {
        only(built_in(
            "built-in/agreement",
            CODE_DISAGREEMENT,
            "the policies in their fast and their readable form disagree about this request".to_owned(),
            "report this to the authors of pai, with the decision record",
        ))
    }

    /// The question cannot be put to Cedar.
    #[expect(clippy::unused_self, reason = "reads as one of the ways that reasons are given")]
    pub(crate) fn unaskable(&self) -> Box<Denial> {
        only(built_in(
            "built-in/question",
            CODE_EVALUATION,
            "this request cannot be put to the policies".to_owned(),
            "report this to the authors of pai, with the decision record",
        ))
    }

    /// The bundle has no such principal: it was removed after the credential was looked up.
    #[expect(clippy::unused_self, reason = "reads as one of the ways that reasons are given")]
    pub(crate) fn unknown_principal(&self, facts: &Facts<'_>) -> Box<Denial> {
        let reason = format!("{} is not in the bundle that this gateway serves", facts.principal.describe());
        let mut cause =
            built_in("base/known-principal", "unknown_principal", reason, "ask for a new credential");
        cause.kind = Kind::Credential;
        only(cause)
    }

    /// The bundle has no such provider.
    #[expect(clippy::unused_self, reason = "reads as one of the ways that reasons are given")]
    pub(crate) fn unknown_provider(&self, facts: &Facts<'_>) -> Box<Denial> {
        let reason = format!("provider {} is not in the bundle that this gateway serves", facts.provider);
        only(built_in(
            "base/known-model",
            "unknown_model",
            reason,
            "name a provider that a manifest declares",
        ))
    }
}

/// Only of guards' policies: the form as JSON costs as much as reading the text.
fn finding(policy: &cedar_policy::Policy) -> Option<Finding> {
    let is_of_guard = policy.annotation(annotation::CODE).is_some_and(|word| {
        [code::GUARD_REFUSED, code::GUARD_UNAVAILABLE, code::GUARD_AUDITED].contains(&word)
    });
    is_of_guard.then(|| policy.to_json().ok()).flatten().as_ref().and_then(Finding::read)
}

fn only(first: Cause) -> Box<Denial> {
    Box::new(Denial { first, others: Vec::new() })
}

fn built_in(policy: &str, code: &str, reason: String, help: &str) -> Cause {
    Cause {
        policy: PolicyId::new(policy),
        kind: Kind::Permission,
        code: code.to_owned(),
        reason,
        help: Some(help.to_owned()),
        origin: Origin { file: policy.to_owned(), line: 1, column: 1, field: String::new() },
    }
}

fn evaluation_error(error: &cedar_policy::AuthorizationError) -> Cause {
    let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
    let id: &str = error.policy_id().as_ref();
    built_in(
        id,
        CODE_EVALUATION,
        format!("policy {id} could not be evaluated: {}", error.inner()),
        "a policy that errs refuses everything; mend the policy",
    )
}

fn cause(
    id: &PolicyId,
    written: &Written,
    facts: &Facts<'_>,
    principal: Known<'_>,
    provider: &Places,
) -> Cause {
    let origin = match &written.subject {
        Some(subject) if subject.is_provider => provider.of(&subject.field),
        Some(subject) => principal.places().of(&subject.field),
        None => written.origin.clone(),
    };
    let fill = |text: &str| fill(text, written, facts, principal);
    Cause {
        policy: id.clone(),
        kind: written.kind,
        code: written.code.clone(),
        reason: fill(&written.reason),
        help: written.help.as_deref().map(fill),
        origin,
    }
}

/// Puts the request's facts where a sentence has braces. Sentences of authors may have braces of their own: what
/// is not a placeholder stays.
fn fill(text: &str, written: &Written, facts: &Facts<'_>, principal: Known<'_>) -> String {
    let (used, limit) = match written.budget {
        Some((Scope::ProviderExternal, limit)) => (facts.used.provider_external, Some(limit)),
        Some((_, limit)) => (facts.used.provider, Some(limit)),
        None if written.kind == Kind::Size => (facts.used.principal, principal.per_request()),
        None => (facts.used.principal, principal.per_day()),
    };
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        let behind = &rest[open..];
        let Some(close) = behind.find('}') else { break };
        match &behind[1..close] {
            "model" => filled.push_str(facts.model.as_str()),
            "provider" => filled.push_str(facts.provider.name.as_str()),
            "principal" => filled.push_str(&facts.principal.describe()),
            "address" => filled.push_str(&facts.address.to_canonical().to_string()),
            "tokens" => filled.push_str(&grouped(facts.tokens)),
            "used" => filled.push_str(&grouped(used)),
            "after" => filled.push_str(&grouped(used.saturating_add(facts.tokens))),
            "cost" => filled.push_str(&facts.cost.to_string()),
            "spent" => filled.push_str(&facts.used.principal_cost.to_string()),
            "costLimit" => filled.push_str(
                &principal.cost_per_day().map_or_else(|| "none".to_owned(), |limit| limit.to_string()),
            ),
            "limit" => filled.push_str(&limit.map_or_else(|| "none".to_owned(), grouped)),
            "models" => filled.push_str(&models(facts, principal)),
            word @ ("guard" | "target" | "label" | "score") => {
                filled.push_str(&found(word, written, facts, principal));
            }
            _ => filled.push_str(&behind[..=close]),
        }
        rest = &behind[close + 1..];
    }
    filled.push_str(rest);
    filled
}

/// What a guard's verdict has for a placeholder. Rules of authors may object to a verdict that is no hit of any guard.
fn found(word: &str, written: &Written, facts: &Facts<'_>, principal: Known<'_>) -> String {
    let flag = Flag::of(written.finding.as_ref(), facts, principal);
    let verdict = flag.as_ref().map_or_else(|| finding::worst(facts.guard), |flag| flag.verdict);
    match (word, flag) {
        ("guard", Some(flag)) => flag.guard.to_owned(),
        ("target", Some(flag)) => flag.target.to_string(),
        ("label", _) if !verdict.label.is_empty() => verdict.label.clone(),
        ("score", _) => finding::hundredths(verdict),
        ("label", _) => "nothing".to_owned(),
        ("guard", None) => "none".to_owned(),
        _ => "this request".to_owned(),
    }
}

/// What the principal may ask for, as its manifest has it.
fn models(facts: &Facts<'_>, principal: Known<'_>) -> String {
    let all: Vec<String> = match principal {
        Known::Agent(agent) => agent.models.iter().map(ToString::to_string).collect(),
        Known::AccessKey(key) => key.allowed_models.iter().map(ToString::to_string).collect(),
    };
    if all.is_empty() {
        return match facts.principal {
            Principal::Agent(_) => "none".to_owned(),
            Principal::AccessKey(_) => "any that its providers allow".to_owned(),
        };
    }
    let more = if all.len() > NAMED_MODELS { ", and more" } else { "" };
    format!("{}{more}", all[..all.len().min(NAMED_MODELS)].join(", "))
}

/// `5000000` as `5,000,000`.
fn grouped(tokens: Tokens) -> String {
    let digits = tokens.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (tokens, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (5_000_000, "5,000,000")] {
            assert_eq!(grouped(Tokens(tokens)), text);
        }
    }
}
