//! A bundle that can be asked, as a gateway that serves it would answer.

use std::borrow::Cow;
use std::collections::HashMap;

use pai_bundle::Bundle;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::QualifiedName;
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::provider::Provider;
use pai_bundle::unit::Tokens;
use pai_policies::candidate::{self, Candidate, Directory};
use pai_policies::{Authorizer, Denial, Facts, GuardFacts, Kind, LoadError};

use super::answer::{Answer, Considered, Outcome};
use super::found;
use super::question::{Question, Who};

/// A bundle, its evaluator, and where its resources are.
#[derive(Debug)]
pub struct World {
    bundle: Bundle,
    authorizer: Authorizer,
    providers: HashMap<QualifiedName, usize>,
    agents: HashMap<QualifiedName, usize>,
    access_keys: HashMap<QualifiedName, usize>,
}

impl World {
    /// Builds the evaluator.
    ///
    /// # Errors
    /// Where the bundle's policies cannot be loaded, as a gateway would refuse it.
    pub fn new(bundle: Bundle) -> Result<Self, LoadError> {
        let authorizer = Authorizer::new(&bundle)?;
        Ok(Self {
            providers: places(bundle.providers.iter().map(|provider| &provider.name)),
            agents: places(bundle.agents.iter().map(|agent| &agent.name)),
            access_keys: places(bundle.access_keys.iter().map(|key| &key.name)),
            authorizer,
            bundle,
        })
    }

    /// What is asked about.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Every agent and every access key.
    pub fn principals(&self) -> impl Iterator<Item = Who> + '_ {
        let agents = self.bundle.agents.iter().map(|agent| Who::Agent(agent.name.clone()));
        agents.chain(self.bundle.access_keys.iter().map(|key| Who::AccessKey(key.name.clone())))
    }

    /// Whether there is such a principal.
    pub fn knows(&self, who: &Who) -> bool {
        match who {
            Who::Agent(name) => self.agents.contains_key(name),
            Who::AccessKey(name) => self.access_keys.contains_key(name),
        }
    }

    /// What would become of this request.
    pub fn ask(&self, question: &Question) -> Answer {
        let principal = question.who.as_principal();
        if !self.knows(&question.who) {
            return Answer::without_candidates(Outcome::UnknownPrincipal);
        }
        let found = candidate::candidates(self, principal, &question.model);
        if found.is_empty() {
            return Answer::without_candidates(Outcome::NoProvider(candidate::named(self, principal)));
        }
        let candidates: Vec<Considered> =
            found.into_iter().map(|candidate| self.consider(question, candidate)).collect();
        let fallbacks = self.fallbacks(question, &candidates);
        Answer { outcome: outcome(&candidates), candidates, fallbacks }
    }

    /// What the policies say of one candidate, wherever it stands in a list.
    pub fn consider(&self, question: &Question, candidate: Candidate) -> Considered {
        let guard = self.found(question, &candidate.provider);
        let facts = Facts {
            principal: question.who.as_principal(),
            provider: &candidate.provider,
            model: &candidate.model,
            action: question.action,
            tokens: question.tokens,
            cost: self.cost(question, &candidate),
            used: question.used.used(&question.spent, &question.who, &candidate.provider),
            address: question.address,
            now: question.at,
            guard: &guard,
        };
        let denial = self.authorizer.decide(&facts).err();
        Considered { candidate, denial }
    }

    /// What guards found, of the texts that a guard of the provider or of the agent reads.
    fn found<'q>(&self, question: &'q Question, provider: &QualifiedName) -> Cow<'q, GuardFacts> {
        if question.guard == GuardFacts::NONE {
            return Cow::Borrowed(&question.guard);
        }
        let of_provider = self.provider(provider).map(|provider| provider.guards.as_slice());
        let of_agent = match &question.who {
            Who::Agent(name) => self.agent(name).map(|agent| agent.guards.as_slice()),
            Who::AccessKey(_) => None,
        };
        let guards = [of_provider, of_agent].into_iter().flatten().flatten();
        Cow::Owned(found::read_by(&question.guard, guards, &provider.namespace))
    }

    /// The most that the question's tokens can cost: all of them in the dearest class.
    pub(super) fn cost(&self, question: &Question, candidate: &Candidate) -> NanoUsd {
        let Some(provider) = self.provider(&candidate.provider).filter(|_| question.action.spends()) else {
            return NanoUsd::ZERO;
        };
        let price = provider.facts(candidate.model.as_str()).price;
        price.most(question.tokens, Tokens::ZERO).max(price.most(Tokens::ZERO, question.tokens))
    }

    /// What failures of the candidates would lead to, each once.
    fn fallbacks(&self, question: &Question, candidates: &[Considered]) -> Vec<Considered> {
        let mut seen: Vec<Candidate> =
            candidates.iter().map(|considered| considered.candidate.clone()).collect();
        let listed = seen.len();
        let mut next = 0;
        while let Some(failed) = seen.get(next).cloned() {
            for fallback in candidate::fallbacks(self, &failed) {
                if !seen.contains(&fallback) {
                    seen.push(fallback);
                }
            }
            next += 1;
        }
        seen.into_iter().skip(listed).map(|candidate| self.consider(question, candidate)).collect()
    }
}

fn places<'a>(names: impl Iterator<Item = &'a QualifiedName>) -> HashMap<QualifiedName, usize> {
    names.enumerate().map(|(place, name)| (name.clone(), place)).collect()
}

/// The first candidate that policies let through is asked. Only a full budget leads past the first one, which is what
/// was asked for: any other refusal of it is the answer. Where nothing is let through, its refusal tells most.
fn outcome(candidates: &[Considered]) -> Outcome {
    let is_about_budget = |denial: &Denial| denial.first.kind == Kind::Budget;
    let first = candidates.first().and_then(|first| first.denial.as_deref());
    if first.is_some_and(|denial| !is_about_budget(denial)) {
        return Outcome::Refused(0);
    }
    match candidates.iter().position(|considered| considered.denial.is_none()) {
        Some(place) => Outcome::Allowed(place),
        None => Outcome::Refused(0),
    }
}

impl Answer {
    fn without_candidates(outcome: Outcome) -> Self {
        Self { outcome, candidates: Vec::new(), fallbacks: Vec::new() }
    }
}

impl Directory for World {
    fn provider(&self, name: &QualifiedName) -> Option<&Provider> {
        self.providers.get(name).and_then(|place| self.bundle.providers.get(*place))
    }

    fn agent(&self, name: &QualifiedName) -> Option<&Agent> {
        self.agents.get(name).and_then(|place| self.bundle.agents.get(*place))
    }

    fn access_key(&self, name: &QualifiedName) -> Option<&AccessKey> {
        self.access_keys.get(name).and_then(|place| self.bundle.access_keys.get(*place))
    }
}
