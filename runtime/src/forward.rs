//! The candidates of a request, in order, until one answers: each is decided, bounded, held and sent on its own, and
//! a failed one never lets the next skip a step.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::Ledger;
use pai_policies::{Action, GuardFacts};
use pai_protocol::event::Failure;
use pai_protocol::{Asked, Dialect};
use tokio::time::Instant;

use crate::admit::{self, Counted};
use crate::attempt::{self, Once};
use crate::begin::Begun;
use crate::body::Limits;
use crate::candidate::Candidate;
use crate::count::Counts;
use crate::delivery::Delivery;
use crate::guard::{Conversations, Guards, Inspection};
use crate::identify::Caller;
use crate::prepare::Prepared;
use crate::queue::Queue;
use crate::record::Outcome;
use crate::record::attempted::Came;
use crate::refusal::Refusal;
use crate::settle::Note;
use crate::snapshot::Snapshot;
use crate::unique::Ids;
use crate::upstream::breaker::{Breakers, Turn};
use crate::upstream::{Client, Received};

/// A request that is ready to go out.
pub(crate) struct Outgoing<'a> {
    pub(crate) id: &'a str,
    pub(crate) snapshot: &'a Arc<Snapshot>,
    pub(crate) ledger: &'a Ledger,
    pub(crate) ids: &'a Ids,
    pub(crate) client: &'a Client,
    pub(crate) breakers: &'a Breakers,
    pub(crate) counts: &'a Counts,
    pub(crate) conversations: &'a Conversations,
    /// How long the candidates, all together, may wait for room that others hold.
    pub(crate) hold_wait: Duration,
    pub(crate) limits: Limits,
    pub(crate) caller: &'a Caller,
    pub(crate) action: Action,
    pub(crate) address: IpAddr,
    pub(crate) now: UnixSeconds,
    /// What the ledger is told.
    pub(crate) believed: UnixSeconds,
    pub(crate) day: UtcDay,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) asked: &'a Asked,
    pub(crate) body: &'a Bytes,
}

/// What the client gets.
pub(crate) enum Forwarded {
    /// An answer that has begun; its body has the hold that its end settles.
    Answer { begun: Box<Begun<Delivery>>, from: Answerer },
    /// How many tokens the prompt has, said by the gateway because the provider does not count in the client's dialect.
    Counted { counted: Counted, from: Answerer, note: Note },
    /// The last provider's own refusal, passed on.
    Failure { response: http::Response<Received>, from: Answerer, note: Note },
    /// A provider began to answer and gave up before any content.
    NotBegun { failure: Failure, outcome: Outcome, from: Answerer, note: Note },
    /// Ours.
    Refused(Refusal, Note),
}

/// Who answered, and how the request was put.
#[derive(Debug, Clone)]
pub(crate) struct Answerer {
    pub(crate) candidate: Candidate,
    /// What it was spoken to in.
    pub(crate) dialect: Dialect,
    /// What was left out of the request on purpose.
    pub(crate) dropped: Vec<std::borrow::Cow<'static, str>>,
}

/// What a failed candidate leaves to say, should no other do better.
pub(crate) enum Told {
    Failure(http::Response<Received>, Answerer),
    NotBegun(Failure, Outcome, Answerer),
    Refused(Refusal),
}

/// What one candidate came to.
pub(crate) enum Attempt {
    Done(Forwarded),
    /// Not sent.
    Refused(Refusal, Note),
    /// The provider's last word: it would be the same elsewhere.
    Final(Told, Note),
    /// Another candidate may do better; this is what to say if none does.
    Next(Told, Transient, Note),
}

/// Whether a candidate failed in a way that its provider's fallbacks are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transient {
    Yes,
    No,
}

/// Goes through the candidates.
pub(crate) async fn forward(
    outgoing: &Outgoing<'_>,
    candidates: Vec<Candidate>,
    mut note: Note,
) -> Forwarded {
    let asked_for = candidates.first().cloned();
    let mut queue = Queue::new(candidates);
    let mut told: Option<Told> = None;
    let mut patience = outgoing.hold_wait;
    let (dialect, headers) = (outgoing.asked.dialect, outgoing.headers);
    let mut inspection = Inspection::new(outgoing.conversations, dialect, outgoing.body, headers);
    while let Some(candidate) = queue.next() {
        let mut turn = outgoing.breakers.turn(&candidate.provider, outgoing.caller.holder(), Instant::now());
        if turn.is_set_back() && queue.set_back(&**outgoing.snapshot, &candidate) {
            note.attempt(&candidate, &Came::SetBack);
            continue;
        }
        note.candidate(&candidate);
        let is_asked_for = asked_for.as_ref() == Some(&candidate);
        note = match try_candidate(outgoing, &candidate, &mut turn, &mut patience, &mut inspection, note)
            .await
        {
            Attempt::Refused(refusal, note) if is_asked_for && !leads_on(&refusal) => {
                return Forwarded::Refused(refusal, note);
            }
            Attempt::Refused(refusal, note) => {
                let refused = Told::Refused(refusal);
                told = Some(match told {
                    // It was set back, and is still the one that the refusal should be about.
                    Some(later) if is_asked_for => more_telling(Some(refused), later),
                    told => more_telling(told, refused),
                });
                note
            }
            Attempt::Done(result) => return result,
            Attempt::Final(result, note) => return result.said(note),
            Attempt::Next(result, transient, note) => {
                told = Some(more_telling(told, result));
                if transient == Transient::Yes {
                    queue.append_fallbacks(&**outgoing.snapshot, &candidate);
                }
                note
            }
        };
    }
    told.unwrap_or(Told::Refused(Refusal::LedgerUnavailable)).said(note)
}

impl Told {
    fn said(self, note: Note) -> Forwarded {
        match self {
            Self::Failure(response, from) => Forwarded::Failure { response, from, note },
            Self::NotBegun(failure, outcome, from) => Forwarded::NotBegun { failure, outcome, from, note },
            Self::Refused(refusal) => Forwarded::Refused(refusal, note),
        }
    }
}

/// A provider's own failure tells more than "the next one is out of budget too"; of two refusals, the first is about
/// the model that was asked for.
fn more_telling(before: Option<Told>, now: Told) -> Told {
    match (before, now) {
        (None, now) | (Some(_), now @ (Told::Failure(..) | Told::NotBegun(..))) => now,
        (Some(before), _) => before,
    }
}

/// One candidate, with its provider's retries. Every attempt has a permit and a hold of its own.
async fn try_candidate(
    outgoing: &Outgoing<'_>,
    candidate: &Candidate,
    turn: &mut Turn<'_>,
    patience: &mut Duration,
    inspection: &mut Inspection<'_>,
    mut note: Note,
) -> Attempt {
    let Some(upstream) = outgoing.snapshot.provider(&candidate.provider) else {
        let known = Vec::new();
        let refusal = Refusal::NoProvider { model: candidate.model.to_string(), known };
        return Attempt::Next(Told::Refused(refusal), Transient::No, note);
    };
    let model = upstream.provider.facts(candidate.model.as_str());
    let prepared =
        Prepared::new(outgoing.asked, outgoing.body, outgoing.action, &upstream.provider, candidate, &model);
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(refusal) => {
            note.attempt(candidate, &Came::Refused(&refusal));
            return Attempt::Refused(refusal, note);
        }
    };
    let from = Answerer {
        candidate: candidate.clone(),
        dialect: prepared.dialect,
        dropped: prepared.dropped().to_vec(),
    };
    let guards = Guards::of(outgoing.snapshot, outgoing.caller.holder(), upstream);
    let nothing = GuardFacts::NONE;
    let mut door =
        admit::Door { outgoing, upstream, candidate, model, prepared: &prepared, guards, found: &nothing };
    let found;
    if guards.read_requests() {
        found = match Box::pin(door.inspect(inspection, &mut note)).await {
            Ok(found) => found,
            Err(refusal) => {
                note.attempt(candidate, &Came::Refused(&refusal));
                return Attempt::Refused(refusal, note);
            }
        };
        door.found = &found;
    }
    if outgoing.action == Action::CountTokens && prepared.dialect != outgoing.asked.dialect {
        return match Box::pin(door.count()).await {
            Ok(counted) => {
                note.attempt(candidate, &Came::Counted);
                Attempt::Done(Forwarded::Counted { counted, from, note })
            }
            Err(refusal) => Attempt::Refused(refusal, note),
        };
    }
    let retries = upstream.provider.retry;
    let mut number = 1;
    loop {
        let (told, wait);
        (told, wait, note) = match attempt::once(&door, &from, turn, number, patience, note).await {
            Once::Over(attempt) => return *attempt,
            Once::Failed(failed, wait) => (failed.0, wait, failed.1),
        };
        match wait.filter(|_| number < turn.attempts(retries)) {
            Some(wait) => pause(wait).await,
            None => return Attempt::Next(told, Transient::Yes, note),
        }
        number += 1;
    }
}

async fn pause(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

/// A policy's "no" to the first candidate, which is what was asked for, is an answer; only a full budget sends the
/// request on. A "no" to a later one says nothing about those behind it.
fn leads_on(refusal: &Refusal) -> bool {
    refusal.is_about_budget() || matches!(refusal, Refusal::Untranslatable { .. })
}
