//! The candidates of a request, in order, until one answers: each is decided, bounded, held and sent on its own, and
//! a failed one never lets the next skip a step.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::{Hold, Ledger};
use pai_policies::Action;

use crate::admit::{self, Admitted};
use crate::candidate::{self, Candidate};
use crate::count::Counts;
use crate::identify::Caller;
use crate::protocol::anthropic::request::{self, Asked};
use crate::refusal::Refusal;
use crate::settle::Note;
use crate::snapshot::Snapshot;
use crate::tariff::Terms;
use crate::unique::Ids;
use crate::upstream::{Call, Client, Sent, retry};

/// A request that is ready to go out.
pub(crate) struct Outgoing<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) ledger: &'a Ledger,
    pub(crate) ids: &'a Ids,
    pub(crate) client: &'a Client,
    pub(crate) counts: &'a Counts,
    /// How long the candidates, all together, may wait for room that others hold.
    pub(crate) hold_wait: Duration,
    pub(crate) caller: &'a Caller,
    pub(crate) action: Action,
    pub(crate) address: IpAddr,
    pub(crate) now: UnixSeconds,
    pub(crate) day: UtcDay,
    pub(crate) path: &'static str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) asked: &'a Asked,
    pub(crate) body: &'a Bytes,
}

/// What the client gets.
pub(crate) enum Forwarded {
    /// An answer that has begun, with the hold that its end settles.
    Answer { response: http::Response<reqwest::Body>, hold: Hold, terms: Terms, from: Candidate },
    /// The last provider's own refusal, passed on as it is.
    Failure { response: http::Response<reqwest::Body>, from: Candidate },
    /// Ours.
    Refused(Refusal),
}

/// What one attempt came to.
enum Attempt {
    Done(Forwarded),
    /// Not sent.
    Refused(Refusal),
    /// Another candidate may do better; this is what to say if none does.
    Next(Forwarded, Transient),
}

/// Whether a candidate failed in a way that its provider's fallbacks are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transient {
    Yes,
    No,
}

/// Goes through the candidates.
pub(crate) async fn forward(
    outgoing: &Outgoing<'_>,
    candidates: Vec<Candidate>,
    note: &mut Note,
) -> Forwarded {
    let mut queue: VecDeque<Candidate> = candidates.iter().cloned().collect();
    let mut seen = candidates;
    let mut told: Option<Forwarded> = None;
    let mut patience = outgoing.hold_wait;
    while let Some(candidate) = queue.pop_front() {
        note.candidate(&candidate);
        match try_candidate(outgoing, &candidate, &mut patience, note).await {
            Attempt::Refused(refusal) if told.is_none() && !leads_on(&refusal) => {
                return Forwarded::Refused(refusal);
            }
            Attempt::Refused(refusal) => told = Some(more_telling(told, Forwarded::Refused(refusal))),
            Attempt::Done(result) => return result,
            Attempt::Next(result, transient) => {
                told = Some(more_telling(told, result));
                if transient == Transient::Yes {
                    append_fallbacks(outgoing.snapshot, &candidate, &mut queue, &mut seen);
                }
            }
        }
    }
    told.unwrap_or(Forwarded::Refused(Refusal::LedgerUnavailable))
}

/// A provider's own failure tells more than "the next one is out of budget too"; of two refusals, the first is about
/// the model that was asked for.
fn more_telling(before: Option<Forwarded>, now: Forwarded) -> Forwarded {
    match (before, now) {
        (None, now) | (Some(_), now @ Forwarded::Failure { .. }) => now,
        (Some(before), _) => before,
    }
}

/// Fallbacks of the provider that failed, behind the caller's own list; each goes through the policies like any
/// other candidate.
fn append_fallbacks(
    snapshot: &Snapshot,
    failed: &Candidate,
    queue: &mut VecDeque<Candidate>,
    seen: &mut Vec<Candidate>,
) {
    for candidate in candidate::fallbacks(snapshot, failed) {
        if !seen.contains(&candidate) {
            seen.push(candidate.clone());
            queue.push_back(candidate);
        }
    }
}

/// One candidate, with its provider's retries. Every attempt has a permit and a hold of its own.
async fn try_candidate(
    outgoing: &Outgoing<'_>,
    candidate: &Candidate,
    patience: &mut Duration,
    note: &mut Note,
) -> Attempt {
    let Some(upstream) = outgoing.snapshot.provider(&candidate.provider) else {
        let known = Vec::new();
        let refusal = Refusal::NoProvider { model: candidate.model.to_string(), known };
        return Attempt::Next(Forwarded::Refused(refusal), Transient::No);
    };
    let retries = upstream.provider.retry;
    let mut attempt = 1;
    loop {
        let admitted = admit::admit(outgoing, upstream, candidate, patience, note).await;
        let Admitted { permit, hold, terms, max_tokens } = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                note.attempt(candidate, &refusal.code());
                return Attempt::Refused(refusal);
            }
        };
        let sent = outgoing.client.send(upstream, permit, hold, call(outgoing, candidate, max_tokens)).await;
        let (result, wait) = match sent {
            Sent::Answered { response, hold } => {
                note.attempt(candidate, "answered");
                return Attempt::Done(Forwarded::Answer { response, hold, terms, from: candidate.clone() });
            }
            Sent::Failed(response) => {
                note.released();
                note.attempt(candidate, response.status().as_str());
                let (status, from) = (response.status(), candidate.clone());
                let wait = retry::wait(retries, attempt, Some(response.headers()), retry::jitter);
                let result = Forwarded::Failure { response, from };
                if !retry::is_transient(status) {
                    return Attempt::Done(result);
                }
                (result, wait)
            }
            Sent::Unreachable(refusal) => {
                note.released();
                note.attempt(candidate, &refusal.code());
                if !matches!(refusal, Refusal::UpstreamFailed { .. }) {
                    return Attempt::Next(Forwarded::Refused(refusal), Transient::No);
                }
                let wait = retry::wait(retries, attempt, None, retry::jitter);
                (Forwarded::Refused(refusal), wait)
            }
            Sent::Broke(refusal) => {
                note.broke();
                note.attempt(candidate, "broke off; its hold was counted in full");
                let wait = retry::wait(retries, attempt, None, retry::jitter);
                (Forwarded::Refused(refusal), wait)
            }
        };
        match wait.filter(|_| attempt < retries.max_attempts) {
            Some(wait) => pause(wait).await,
            None => return Attempt::Next(result, Transient::Yes),
        }
        attempt += 1;
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
    refusal.is_about_budget() || matches!(refusal, Refusal::OtherProtocol { .. })
}

fn call<'a>(outgoing: &Outgoing<'a>, candidate: &Candidate, max_tokens: Option<u64>) -> Call<'a> {
    Call {
        path: outgoing.path,
        query: outgoing.query,
        headers: outgoing.headers,
        body: request::rewritten(outgoing.body, outgoing.asked, candidate.model.as_str(), max_tokens),
        stream: outgoing.asked.stream,
    }
}
