//! What the guards of an answer say of it, and what the policies say to that: the ones that let the request through are
//! asked again, with what was found.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use pai_bundle::name::QualifiedName;
use pai_bundle::unit::UnixSeconds;
use pai_ledger::Quantity;
use pai_policies::{Action, Denial, Facts, GuardFacts, Used};

use super::attached::{Attachment, Guards};
use super::inspect::{Judged, verdict};
use super::judgement::{Judgement, Place};
use super::unavailable::Unavailable;
use crate::candidate::Candidate;
use crate::record::{Deciding, GuardVerdict};
use crate::snapshot::{Holder, Snapshot};

/// Judges the pieces of one answer.
pub(crate) struct AnswerGuards {
    /// The one that let the request through, whatever is in force by now.
    snapshot: Arc<Snapshot>,
    holder: Holder,
    candidate: Candidate,
    /// What the request was admitted with.
    quantity: Quantity,
    address: IpAddr,
    now: UnixSeconds,
    /// What was found in the request.
    request: GuardFacts,
}

/// What came of a piece.
pub(crate) struct Ruling {
    /// With what was found before.
    pub(crate) facts: GuardFacts,
    /// For the record.
    pub(crate) verdicts: Vec<GuardVerdict>,
    /// Audits that would have objected.
    pub(crate) audited: Vec<Deciding>,
    /// Whether a policy objects.
    pub(crate) objection: Option<Box<Denial>>,
}

impl AnswerGuards {
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        holder: Holder,
        candidate: Candidate,
        quantity: Quantity,
        from: (IpAddr, UnixSeconds),
        request: GuardFacts,
    ) -> Self {
        let (address, now) = from;
        Self { snapshot, holder, candidate, quantity, address, now, request }
    }

    /// What was known before the answer.
    pub(crate) fn before(&self) -> GuardFacts {
        self.request.clone()
    }

    /// Judges a piece of text.
    pub(crate) async fn judge(&self, text: &str, before: GuardFacts) -> Ruling {
        let mut classifiers: Vec<&Attachment> = Vec::new();
        for guard in self.readers() {
            if !classifiers.iter().any(|known| known.binding == guard.binding) {
                classifiers.push(guard);
            }
        }
        let judge = |guard: &'_ Attachment| {
            let (classifier, binding) = (Arc::clone(&guard.classifier), guard.binding.clone());
            async move {
                let began = Instant::now();
                let said = classifier.judge(Place::Answer, &[text]).await;
                (binding, Judged { said, took: began.elapsed() })
            }
        };
        let judged = join_all(classifiers.into_iter().map(judge)).await;
        self.rule(&judged, before)
    }

    /// What it means that the answer cannot be read.
    pub(crate) fn unreadable(&self, before: GuardFacts) -> Ruling {
        let judged = Judged { said: Err(Unavailable::Unreadable), took: Duration::ZERO };
        let judged: Vec<_> = self.readers().map(|guard| (guard.binding.clone(), judged.clone())).collect();
        self.rule(&judged, before)
    }

    fn readers(&self) -> impl Iterator<Item = &Attachment> {
        let upstream = self.snapshot.provider(&self.candidate.provider);
        let guards = upstream.map(|upstream| Guards::of(&self.snapshot, &self.holder, upstream));
        guards.into_iter().flat_map(Guards::iter).filter(|guard| guard.answers.is_some())
    }

    fn rule(&self, judged: &[(QualifiedName, Judged)], mut facts: GuardFacts) -> Ruling {
        let before = facts.clone();
        let mut verdicts = Vec::new();
        for guard in self.readers() {
            let Some((_, judged)) = judged.iter().find(|(binding, _)| *binding == guard.binding) else {
                continue;
            };
            let Some(flag) = &guard.answers else { continue };
            match &judged.said {
                Ok(Judgement { label, score, hit, .. }) => {
                    facts.responses.raise(label.as_deref().unwrap_or_default(), *score);
                    if *hit {
                        facts.hits.insert(flag.clone());
                    }
                }
                Err(_) => _ = facts.failures.insert(flag.clone()),
            }
            verdicts.push(verdict(guard, "responses".to_owned(), judged));
        }
        // The policies have seen everything else when they let the request through.
        let is_new = facts != before;
        let objection = if is_new { self.decide(&facts) } else { None };
        let is_flagged = (&facts.hits, &facts.failures) != (&before.hits, &before.failures);
        let audited = if is_flagged { self.audited(&facts) } else { Vec::new() };
        Ruling { facts, verdicts, audited, objection }
    }

    fn decide(&self, guard: &GuardFacts) -> Option<Box<Denial>> {
        self.snapshot.authorizer.decide(&self.facts(guard)).err()
    }

    fn audited(&self, guard: &GuardFacts) -> Vec<Deciding> {
        self.snapshot.authorizer.audited(&self.facts(guard)).into_iter().map(Deciding::from).collect()
    }

    /// The request's facts. Nothing counts as used: budgets were looked at when it was admitted.
    fn facts<'f>(&'f self, guard: &'f GuardFacts) -> Facts<'f> {
        Facts {
            principal: self.holder.as_principal(),
            provider: &self.candidate.provider,
            model: &self.candidate.model,
            action: Action::Invoke,
            tokens: self.quantity.tokens,
            cost: self.quantity.cost,
            used: Used::default(),
            address: self.address,
            now: self.now,
            guard,
        }
    }
}
