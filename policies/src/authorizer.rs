//! The one evaluator: facts in, permit or denial out. Everything is built when a bundle is loaded; a decision
//! builds a context and asks Cedar.

use std::collections::HashMap;

use cedar_policy::{Decision, Entities, EntityUid, PolicySet, Request, Response};
use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::name::{ByName, ModelId, QualifiedName};
use pai_bundle::origin::Places;
use pai_bundle::policy::Policy;
use pai_bundle::unit::Tokens;

use crate::attached::Bindings;
use crate::audit;
use crate::context::{self, Needs};
use crate::decision::{Account, Cause, Denial, Permit};
use crate::entities::{self, Types};
use crate::evaluate::Question;
use crate::facts::{Action, Facts, Principal};
use crate::known::{AgentFacts, KeyFacts, Known, restrictions};
use crate::load::LoadError;
use crate::merge::{self, Fast, Merged, Sort, SortOfPrincipal};
use crate::numbered::{Named, Numbered};
use crate::parse;
use crate::reason::{self, Reasons};

/// The policies of a bundle, ready to be asked.
#[derive(Debug)]
pub struct Authorizer {
    cedar: cedar_policy::Authorizer,
    entities: Entities,
    actions: HashMap<Action, Named>,
    /// The same entities, for the gates.
    numbered: Numbered,
    /// Base and authors' rules in their fast form, by [`Sort::index`].
    fast: [Merged; 4],
    /// Base and authors' rules in their readable form.
    shared: PolicySet,
    providers: ByName<ProviderRules>,
    agents: ByName<AgentFacts>,
    access_keys: ByName<KeyFacts>,
    /// What only records, by the agent or the provider that it concerns.
    audits: HashMap<EntityUid, PolicySet>,
    reasons: Reasons,
}

#[derive(Debug)]
struct ProviderRules {
    /// The slice in its readable form.
    readable: PolicySet,
    /// By [`Sort::index`].
    fast: [Fast; 4],
    uid: EntityUid,
    models: HashMap<ModelId, Named>,
    placeholder: Named,
    per_day: Option<Tokens>,
    external_per_day: Option<Tokens>,
    places: Places,
}

impl Authorizer {
    /// Parses, indexes and prebuilds everything that decisions need.
    pub fn new(bundle: &Bundle) -> Result<Self, LoadError> {
        let types = Types::new()?;
        let entities = entities::build(bundle, &types)?;
        let (budgets, mut reasons) = (reason::budgets(bundle), Reasons::default());
        let mut parse = |written: &[Policy]| {
            let parsed = parse::policies(written.iter())?;
            reasons.add(written, &parsed, &budgets);
            Ok::<_, LoadError>(parsed)
        };
        let audits = audit::by_subject(parse(&bundle.audits)?)?;
        let shared = [parse(&bundle.base_policies)?, parse(&bundle.authored_policies)?].concat();
        let mut numbered = Numbered::new(&entities)?;
        let merged = merge::merge(&shared, "merged/shared", &mut numbered)?;
        let mut slices: HashMap<&QualifiedName, &[Policy]> = HashMap::new();
        for slice in &bundle.slices {
            slices.insert(&slice.provider, &slice.policies);
        }
        let mut providers = ByName::default();
        for provider in &bundle.providers {
            let slice =
                slices.remove(&provider.name).ok_or_else(|| LoadError::Slice(provider.name.clone()))?;
            let slice = parse(slice)?;
            let merged_slice = merge::merge(&slice, "merged/provider", &mut numbered)?;
            let models = provider.models.iter();
            providers.insert(
                provider.name.clone(),
                ProviderRules {
                    fast: Fast::all(&merged, &merged_slice)?,
                    readable: parse::set(slice)?,
                    uid: types.provider(&provider.name),
                    models: models
                        .map(|model| (model.clone(), numbered.named(types.model(&provider.name, model))))
                        .collect(),
                    placeholder: numbered.named(types.placeholder(&provider.name)),
                    per_day: provider.max_tokens_per_day,
                    external_per_day: provider.external_access.max_tokens_per_day,
                    places: provider.places.clone(),
                },
            );
        }
        if let Some(name) =
            bundle.slices.iter().map(|slice| &slice.provider).find(|name| slices.contains_key(name))
        {
            return Err(LoadError::Slice(name.clone()));
        }
        Ok(Self {
            cedar: cedar_policy::Authorizer::new(),
            actions: entities::actions()?
                .into_iter()
                .map(|(action, uid)| (action, numbered.named(uid)))
                .collect(),
            agents: bundle
                .agents
                .iter()
                .map(|agent| {
                    let bindings = Bindings(&bundle.guards);
                    Ok((agent.name.clone(), AgentFacts::of(agent, bindings, &types, &mut numbered)?))
                })
                .collect::<Result<_, LoadError>>()?,
            access_keys: bundle
                .access_keys
                .iter()
                .map(|key| (key.name.clone(), KeyFacts::of(key, &types, &mut numbered)))
                .collect(),
            fast: merged,
            numbered,
            audits,
            reasons,
            entities,
            shared: parse::set(shared)?,
            providers,
        })
    }

    /// Decides. A permit is the only way to send anything to a provider; an evaluation error is a denial.
    pub fn decide(&self, facts: &Facts<'_>) -> Result<Permit, Box<Denial>> {
        let Some(principal) = self.principal(facts.principal) else {
            return Err(self.reasons.unknown_principal(facts));
        };
        let Some(provider) = self.providers.get(facts.provider) else {
            return Err(self.reasons.unknown_provider(facts));
        };
        // The fast form is without the rules that object to flags of guards.
        let is_fast = !facts.guard.is_flagged();
        if is_fast && self.passes(facts, principal, provider) {
            return Ok(permit(facts, principal, provider));
        }
        match self.objections(facts, principal, provider) {
            Some(denial) => Err(denial),
            None if is_fast => Err(self.reasons.disagreement()),
            None => Ok(permit(facts, principal, provider)),
        }
    }

    /// What guards found that only record it, each with the manifest line that attaches the guard. No part of a decision,
    /// and nothing where no guard has found anything.
    pub fn audited(&self, facts: &Facts<'_>) -> Vec<Cause> {
        let subjects = (self.principal(facts.principal), self.providers.get(facts.provider));
        let (Some(principal), Some(provider)) = subjects else { return Vec::new() };
        let sets: Vec<&PolicySet> = [&principal.entity().uid, &provider.uid]
            .into_iter()
            .filter_map(|uid| self.audits.get(uid))
            .collect();
        if sets.is_empty() || facts.guard.hits.is_empty() {
            return Vec::new();
        }
        let Some(question) = self.question(facts, principal, provider, &Needs::of_guards()) else {
            return Vec::new();
        };
        let answers: Vec<Response> = sets.into_iter().map(|set| self.ask(&question, set)).collect();
        self.reasons.causes(facts, principal, &provider.places, &answers)
    }

    /// As [`Self::decide`], by the readable policies alone, one by one: what the fast form is held to.
    pub fn decide_readably(&self, facts: &Facts<'_>) -> Result<Permit, Box<Denial>> {
        match (self.principal(facts.principal), self.providers.get(facts.provider)) {
            (Some(principal), Some(provider)) => match self.objections(facts, principal, provider) {
                Some(denial) => Err(denial),
                None => Ok(permit(facts, principal, provider)),
            },
            _ => self.decide(facts),
        }
    }

    fn principal(&self, principal: Principal<'_>) -> Option<Known<'_>> {
        match principal {
            Principal::Agent(name) => self.agents.get(name).map(Known::Agent),
            Principal::AccessKey(name) => self.access_keys.get(name).map(Known::AccessKey),
        }
    }

    /// The fast form: base and authors' rules permit, and nothing of theirs or of the provider's slice objects.
    fn passes(&self, facts: &Facts<'_>, principal: Known<'_>, provider: &ProviderRules) -> bool {
        let sort = Sort {
            principal: match principal {
                Known::Agent(_) => SortOfPrincipal::Agent,
                Known::AccessKey(_) => SortOfPrincipal::AccessKey,
            },
            spends: facts.action.spends(),
        };
        let (shared, fast) = (&self.fast[sort.index()].gate, &provider.fast[sort.index()]);
        let Some(action) = self.actions.get(&facts.action) else { return false };
        let question = Question {
            numbered: &self.numbered,
            facts,
            principal,
            action: action.number,
            resource: provider.model(facts.model).number,
        };
        if !(shared.is_clear(&question) && fast.gate.is_clear(&question)) {
            return false;
        }
        let Some((set, needs)) = &fast.rest else {
            return shared.permits(&question) || fast.gate.permits(&question);
        };
        let Some(question) = self.question(facts, principal, provider, needs) else { return false };
        let answer = self.ask(&question, set);
        answer.decision() == Decision::Allow && is_clean(&answer)
    }

    /// What the readable form has against it; `None` where it allows.
    fn objections(
        &self,
        facts: &Facts<'_>,
        principal: Known<'_>,
        provider: &ProviderRules,
    ) -> Option<Box<Denial>> {
        let Some(question) = self.question(facts, principal, provider, &Needs::everything()) else {
            return Some(self.reasons.unaskable());
        };
        let shared = self.ask(&question, &self.shared);
        let slice = self.ask(&question, &provider.readable);
        let allowed = shared.decision() == Decision::Allow && is_clean(&shared);
        let objected = slice.diagnostics().reason().next().is_some() || !is_clean(&slice);
        (!allowed || objected)
            .then(|| self.reasons.denial(facts, principal, &provider.places, &[shared, slice]))
    }

    /// The request as Cedar takes it, with those facts that `needs` names. `None` where the question cannot even be
    /// put, which the caller takes for a refusal.
    fn question(
        &self,
        facts: &Facts<'_>,
        principal: Known<'_>,
        provider: &ProviderRules,
        needs: &Needs,
    ) -> Option<Request> {
        let context = context::build(facts, restrictions(facts, principal), needs)?;
        let action = self.actions.get(&facts.action)?.uid.clone();
        let resource = provider.model(facts.model).uid.clone();
        Request::new(principal.entity().uid.clone(), action, resource, context, None).ok()
    }

    fn ask(&self, question: &Request, policies: &PolicySet) -> Response {
        self.cedar.is_authorized(question, policies, &self.entities)
    }
}

impl ProviderRules {
    /// The entity that stands for a model.
    fn model(&self, model: &ModelId) -> &Named {
        self.models.get(model).unwrap_or(&self.placeholder)
    }
}

fn permit(facts: &Facts<'_>, principal: Known<'_>, provider: &ProviderRules) -> Permit {
    let accounts = accounts(facts, principal, provider);
    Permit::new(
        facts.provider.clone(),
        facts.model.clone(),
        facts.action,
        (facts.tokens, facts.cost),
        accounts,
    )
}

/// A policy that errs is skipped by Cedar, so an answer with errors proves nothing.
fn is_clean(answer: &Response) -> bool {
    answer.diagnostics().errors().next().is_none()
}

/// Every account that the tokens count in, whether it has a cap or not.
fn accounts(facts: &Facts<'_>, principal: Known<'_>, provider: &ProviderRules) -> Vec<Account> {
    if !facts.action.spends() {
        return Vec::new();
    }
    let account = |scope, name: &QualifiedName, limit, cost_limit| Account {
        scope,
        name: name.clone(),
        limit,
        cost_limit,
    };
    let mut all = vec![account(Scope::Provider, facts.provider, provider.per_day, None)];
    match facts.principal {
        Principal::Agent(name) => {
            all.push(account(Scope::Agent, name, principal.per_day(), principal.cost_per_day()));
        }
        Principal::AccessKey(name) => {
            all.push(account(Scope::ProviderExternal, facts.provider, provider.external_per_day, None));
            all.push(account(Scope::AccessKey, name, principal.per_day(), principal.cost_per_day()));
        }
    }
    all
}
