//! One attempt at one candidate: a permit, a hold, the request, and the beginning of an answer.

use std::sync::Arc;
use std::time::Duration;

use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, StatusCode};
use pai_bundle::provider::Provider;
use pai_ledger::Quantity;
use pai_policies::Action;
use pai_protocol::asked::StreamUsage;
use pai_protocol::failure;
use pai_protocol::translate::Question;
use tokio::time::Instant;

use crate::admit::{Admitted, Door};
use crate::begin::{Begun, Charge, begin, encoding};
use crate::body::AnswerBody;
use crate::candidate::Candidate;
use crate::delivery::Delivery;
use crate::forward::{Answerer, Attempt, Forwarded, Outgoing, Told, Transient};
use crate::guard::{AnswerGuards, Watched, Withheld};
use crate::meter::Encoding;
use crate::prepare::Prepared;
use crate::record::attempted::Came;
use crate::refusal::Refusal;
use crate::settle::{Note, Settling};
use crate::upstream::breaker::{Fault, Turn};
use crate::upstream::endpoint::Purpose;
use crate::upstream::{Call, Sent, headers, retry};

/// What came of it.
pub(crate) enum Once {
    /// Nothing more is to be tried with this candidate.
    Over(Box<Attempt>),
    /// It may be tried again after that wait, where the provider's patience allows one.
    Failed(Box<(Told, Note)>, Option<Duration>),
}

impl Once {
    fn over(attempt: Attempt) -> Self {
        Self::Over(Box::new(attempt))
    }
}

/// Makes the attempt of that number, counted from 1.
pub(crate) async fn once(
    door: &Door<'_>,
    from: &Answerer,
    turn: &mut Turn<'_>,
    number: u32,
    patience: &mut Duration,
    mut note: Note,
) -> Once {
    let Door { outgoing, upstream, candidate, prepared, guards, .. } = *door;
    // What nobody says is read by nobody: a vector has no words.
    let are_read = guards.read_answers() && outgoing.action == Action::Invoke;
    let retries = upstream.provider.retry;
    let Admitted { permit, hold, terms, max_output } = match door.admit(patience, &mut note).await {
        Ok(admitted) => admitted,
        Err(refusal) => {
            note.attempt(candidate, &Came::Refused(&refusal));
            return Once::over(Attempt::Refused(refusal, note));
        }
    };
    let mut call = call(outgoing, &upstream.provider, candidate, prepared, max_output);
    if are_read {
        call.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    let quantity = hold.quantity();
    let sent = outgoing.client.send(upstream, permit, hold, call).await;
    let (told, wait) = match sent {
        Sent::Answered { response, hold } => {
            let settling = Settling::new(hold, terms, note);
            let question = question(outgoing, candidate);
            match begin(response, outgoing.asked, prepared, question, outgoing.limits, settling).await {
                Ok(mut begun) => {
                    turn.succeeded();
                    begun.body.edit_note(|note| note.attempt(candidate, &Came::Answered));
                    return Once::over(if are_read {
                        // On the heap, as is all that few requests need: a request's future is moved as a whole.
                        Box::pin(watched(door, begun, quantity, from)).await
                    } else {
                        let begun = Box::new(begun.map(Delivery::Straight));
                        Attempt::Done(Forwarded::Answer { begun, from: from.clone() })
                    });
                }
                Err(not_begun) => {
                    let (came, outcome) = (Came::NotBegun(not_begun.stopped), not_begun.outcome());
                    let (failure, charge);
                    (failure, charge, note) = not_begun.settle();
                    match charge {
                        Charge::Some => note.charged_attempt(candidate, &came),
                        Charge::None => note.attempt(candidate, &came),
                    }
                    if failure::status_of(failure.kind) >= 500 {
                        turn.failed(Fault::Answer, Instant::now());
                    }
                    let wait = retry::wait(retries, number, None, retry::jitter);
                    (Told::NotBegun(failure, outcome, from.clone()), wait)
                }
            }
        }
        Sent::Failed(response) => {
            note.released();
            note.attempt(candidate, &Came::Status(response.status()));
            let status = response.status();
            if status.is_server_error() {
                turn.failed(Fault::Answer, Instant::now());
            }
            let wait = retry::wait(retries, number, Some(response.headers()), retry::jitter);
            let result = Told::Failure(response, from.clone());
            if !retry::is_transient(status) {
                // A key that is wrong or a model that is gone says nothing about the next candidate.
                return Once::over(if is_about_provider(status) && prepared.is_translated() {
                    Attempt::Next(result, Transient::No, note)
                } else {
                    Attempt::Final(result, note)
                });
            }
            (result, wait)
        }
        Sent::Unsendable(refusal) => {
            note.released();
            note.attempt(candidate, &Came::Unsendable(&refusal));
            return Once::over(Attempt::Next(Told::Refused(refusal), Transient::No, note));
        }
        Sent::Unreachable(refusal) => {
            note.released();
            note.attempt(candidate, &Came::Unreachable(&refusal));
            turn.failed(Fault::Connection, Instant::now());
            let wait = retry::wait(retries, number, None, retry::jitter);
            (Told::Refused(refusal), wait)
        }
        Sent::Broke(refusal) => {
            note.broke();
            note.charged_attempt(candidate, &Came::BrokeOff);
            turn.failed(Fault::Answer, Instant::now());
            let wait = retry::wait(retries, number, None, retry::jitter);
            (Told::Refused(refusal), wait)
        }
    };
    Once::Failed(Box::new((told, note)), wait)
}

/// An answer that guards read first: as much of it as is judged before anything goes out may end in a refusal.
async fn watched(
    door: &Door<'_>,
    begun: Begun<Box<AnswerBody>>,
    quantity: Quantity,
    from: &Answerer,
) -> Attempt {
    let Door { outgoing, candidate, prepared, found, .. } = *door;
    let guards = AnswerGuards::new(
        Arc::clone(outgoing.snapshot),
        outgoing.caller.holder().clone(),
        candidate.clone(),
        quantity,
        (outgoing.address, outgoing.now),
        found.clone(),
    );
    let is_packed = !prepared.is_translated() && encoding(&begun.headers) != Encoding::Identity;
    let Begun { status, headers, form, body } = begun;
    match Watched::new(*body, guards, outgoing.asked.dialect, form, is_packed).begin().await {
        Ok(watched) => {
            let body = Delivery::Watched(Box::new(watched));
            let begun = Box::new(Begun { status, headers, form, body });
            Attempt::Done(Forwarded::Answer { begun, from: from.clone() })
        }
        Err(Withheld { denial, mut note }) => {
            note.charged_attempt(candidate, &Came::Withheld);
            Attempt::Final(Told::Refused(Refusal::Denied(denial)), note)
        }
    }
}

/// Statuses that are about the gateway's account with the provider rather than about the request.
fn is_about_provider(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401..=404)
}

fn call<'a>(
    outgoing: &Outgoing<'a>,
    provider: &Provider,
    candidate: &'a Candidate,
    prepared: &Prepared,
    max_output: Option<u64>,
) -> Call<'a> {
    let stream = outgoing.asked.stream;
    let purpose = match outgoing.action {
        Action::CountTokens => Purpose::Count,
        Action::Invoke | Action::Embed | Action::List => Purpose::Answer { stream },
    };
    let is_translated = prepared.is_translated();
    Call {
        dialect: prepared.dialect,
        purpose,
        model: candidate.model.as_str(),
        query: outgoing.query.filter(|_| !is_translated),
        headers: if is_translated {
            headers::translated(prepared.dialect, stream)
        } else {
            headers::to_upstream(outgoing.headers, stream)
        },
        body: prepared.body(outgoing.asked, outgoing.body, candidate, provider.kind, max_output),
    }
}

fn question(outgoing: &Outgoing<'_>, candidate: &Candidate) -> Question {
    Question {
        id: outgoing.id.to_owned(),
        model: candidate.model.to_string(),
        created: outgoing.now.0,
        stream_usage: outgoing.asked.stream_usage == StreamUsage::Reported,
    }
}
