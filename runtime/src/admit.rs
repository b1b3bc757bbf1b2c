//! Bound, permit, hold: the three things without which nothing is sent.
//!
//! A request that does not fit is not refused at once. Where others hold what is missing, it waits for them a little;
//! where its upper bound is what is too large, the provider is asked how large it is.

use std::time::Duration;

use pai_bundle::name::QualifiedName;
use pai_bundle::provider::{ModelFacts, UnboundedRequests};
use pai_bundle::tariff::Tariff;
use pai_bundle::unit::Tokens;
use pai_ledger::{Hold, HoldError, Quantity, Shortage};
use pai_policies::{Action, GuardFacts, Permit};
use pai_protocol::Dialect;
use tokio::time::Instant;

use crate::authorize::{self, Circumstances, Counting};
use crate::bound::{self, Bound, Output};
use crate::candidate::Candidate;
use crate::count;
use crate::forward::Outgoing;
use crate::guard::{Found, Guards, Inspection};
use crate::prepare::Prepared;
use crate::refusal::{OverBudget, Refusal};
use crate::settle::Note;
use crate::snapshot::{Holder, Snapshot, Upstream};
use crate::tariff::{Most, Terms};

/// A request that may be sent.
pub(crate) struct Admitted {
    pub(crate) permit: Permit,
    pub(crate) hold: Hold,
    pub(crate) terms: Terms,
    /// What has to be sent as its maximum of output, because a budget rests on it and the client sent none.
    pub(crate) max_output: Option<u64>,
}

/// How many tokens a prompt has, by whom that is said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    /// So many, as the provider counts them.
    ByProvider(u64),
    /// Not more than so many, as far as the gateway can tell by itself.
    AtMost(u64),
}

/// One candidate of one request, as it would be sent.
pub(crate) struct Door<'a> {
    pub(crate) outgoing: &'a Outgoing<'a>,
    pub(crate) upstream: &'a Upstream,
    pub(crate) candidate: &'a Candidate,
    pub(crate) model: ModelFacts,
    pub(crate) prepared: &'a Prepared,
    pub(crate) guards: Guards<'a>,
    /// What they found in the request.
    pub(crate) found: &'a GuardFacts,
}

impl Door<'_> {
    /// Decides on the candidate and sets aside what it can use.
    pub(crate) async fn admit(&self, patience: &mut Duration, note: &mut Note) -> Result<Admitted, Refusal> {
        let most = self.most()?;
        let first = match self.enter(most, patience, note).await {
            Err(refusal) if refusal.is_about_amount() => refusal,
            result => return result,
        };
        // The bound may be far above the truth: bytes are some four times as many as tokens.
        match Box::pin(self.counted(most)).await {
            Some(counted) => self.enter(counted, patience, note).await,
            None => Err(first),
        }
    }

    /// Has the guards read the request, unless it would be refused whatever they find: then no classifier is asked.
    pub(crate) async fn inspect(
        &self,
        inspection: &mut Inspection<'_>,
        note: &mut Note,
    ) -> Result<GuardFacts, Refusal> {
        let outgoing = self.outgoing;
        self.decide(outgoing.action, Quantity::ZERO, Counting::Settled)?;
        let Found { facts, verdicts, unread } = inspection.look(self.guards).await;
        note.judged(verdicts);
        note.unread(&unread);
        if !facts.hits.is_empty() || !facts.failures.is_empty() {
            let circumstances = self.circumstances(outgoing.action);
            let audited = authorize::audited(outgoing.snapshot, &circumstances, self.candidate, &facts);
            note.audited(audited);
        }
        Ok(facts)
    }

    /// How many tokens the prompt has at a provider that does not count in the client's dialect: by its own count where
    /// it has one, else at most so many.
    pub(crate) async fn count(&self) -> Result<Counted, Refusal> {
        let permit = self.decide(Action::CountTokens, Quantity::ZERO, Counting::Settled)?;
        if let Some(tokens) = count::input_tokens(self, permit).await {
            return Ok(Counted::ByProvider(tokens));
        }
        Ok(match bound::of(&self.prepared.input, self.upstream.provider.kind, Output::none(), &self.model) {
            Bound::Within(most) => Counted::AtMost(most.input.0),
            Bound::Unbounded { one_call, .. } => Counted::AtMost(one_call.input.0),
        })
    }

    /// The most that the request can use with this candidate.
    fn most(&self) -> Result<Most, Refusal> {
        if !self.outgoing.action.spends() {
            return Ok(Most::NOTHING);
        }
        let output = Output { most: self.prepared.max_output, choices: self.outgoing.asked.choices };
        match bound::of(&self.prepared.input, self.upstream.provider.kind, output, &self.model) {
            Bound::Within(most) => Ok(most),
            Bound::Unbounded { what, one_call } => {
                if self.upstream.provider.unbounded_requests == UnboundedRequests::Refuse {
                    // Without the tokens first: no cap is the reason here, whatever the number would be.
                    let permit = self.decide(self.outgoing.action, Quantity::ZERO, Counting::Held)?;
                    if self.is_capped(&permit) {
                        return Err(Refusal::Unbounded { what });
                    }
                }
                Ok(one_call)
            }
        }
    }

    /// A permit and a hold for at most so much.
    async fn enter(&self, most: Most, patience: &mut Duration, note: &mut Note) -> Result<Admitted, Refusal> {
        let outgoing = self.outgoing;
        let terms = self.terms(most);
        let (permit, wait) = match self.decide(outgoing.action, terms.quantity(), Counting::Held) {
            Ok(permit) => (permit, *patience),
            Err(refusal) if refusal.is_about_budget() => {
                // Were the others to end, would it fit? Then it is worth waiting, and not the budget that is used up.
                match self.decide(outgoing.action, terms.quantity(), Counting::Settled) {
                    Ok(permit) => (permit, *patience),
                    Err(_) => return Err(refusal),
                }
            }
            Err(refusal) => return Err(refusal),
        };
        let max_output = (self.prepared.max_output.is_none()
            && outgoing.action == Action::Invoke
            && self.is_capped(&permit))
        .then_some(self.model.output_tokens);
        let mut charges = authorize::charges(&permit, outgoing.day);
        let began = Instant::now();
        let answer = outgoing
            .ledger
            .hold_within(outgoing.ids.hold(), charges.clone(), terms.quantity(), outgoing.believed, wait)
            .await;
        *patience = patience.saturating_sub(began.elapsed());
        let hold = answer.map_err(|error| no_room(error, outgoing.snapshot))?;
        // One that waited past midnight is charged to the new day.
        for charge in &mut charges {
            charge.account.day = hold.day();
        }
        note.holds(hold.quantity(), charges);
        Ok(Admitted { permit, hold, terms, max_output })
    }

    fn terms(&self, most: Most) -> Terms {
        let dearest = Tariff::dearest(self.upstream.provider.kind, self.outgoing.asked.fast);
        Terms::new(most, self.model.price, dearest)
    }

    /// The bound as the provider counts it, where that could help: asked for only if the output alone would fit.
    async fn counted(&self, most: Most) -> Option<Most> {
        let is_countable = matches!(self.prepared.dialect, Dialect::Messages | Dialect::Gemini)
            && self.outgoing.action == Action::Invoke
            && self.prepared.input.unbounded.is_none();
        if !is_countable {
            return None;
        }
        let least = self.terms(Most { input: Tokens::ZERO, output: most.output }).quantity();
        self.decide(Action::Invoke, least, Counting::Settled).ok()?;
        let permit = self.decide(Action::CountTokens, Quantity::ZERO, Counting::Settled).ok()?;
        let tokens = count::input_tokens(self, permit).await?;
        let counted = bound::counted(tokens, most.output);
        (counted.input < most.input).then_some(counted)
    }

    fn decide(&self, action: Action, asked: Quantity, counting: Counting) -> Result<Permit, Refusal> {
        let outgoing = self.outgoing;
        authorize::authorize(
            outgoing.snapshot,
            outgoing.ledger,
            &self.circumstances(action),
            self.candidate,
            (asked, counting),
            self.found,
        )
    }

    fn circumstances(&self, action: Action) -> Circumstances<'_> {
        let outgoing = self.outgoing;
        Circumstances {
            caller: outgoing.caller,
            action,
            address: outgoing.address,
            now: outgoing.now,
            day: outgoing.day,
        }
    }

    /// Whether any limit at all applies to the request's tokens or cost.
    fn is_capped(&self, permit: &Permit) -> bool {
        let per_request = match self.outgoing.caller.holder() {
            Holder::Agent(name) => {
                self.outgoing.snapshot.agent(name).and_then(|agent| agent.max_tokens_per_request)
            }
            Holder::AccessKey(_) => None,
        };
        per_request.is_some()
            || self.upstream.provider.max_tokens_per_request.is_some()
            || permit.accounts().iter().any(|account| account.limit.is_some() || account.cost_limit.is_some())
    }
}

/// The ledger's "no", with the policy and the manifest line that say the same.
fn no_room(error: HoldError, snapshot: &Snapshot) -> Refusal {
    let HoldError::OverBudget(shortage) = error else { return Refusal::LedgerUnavailable };
    let is_held_by_others = shortage.is_held_by_others();
    let Shortage { account, unit, limit, settled, held, asked } = *shortage;
    let Ok(name) = account.name.parse::<QualifiedName>() else { return Refusal::LedgerUnavailable };
    let rule = snapshot
        .budget(account.scope, &name, unit)
        .map(|(policy, origin)| (policy.to_string(), origin.clone()));
    let over = Box::new(OverBudget { scope: account.scope, name, unit, limit, settled, held, asked, rule });
    if is_held_by_others { Refusal::HeldByOthers(over) } else { Refusal::OverBudget(over) }
}
