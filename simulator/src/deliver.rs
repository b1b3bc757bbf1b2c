//! Sends an answer piece by piece, as the scenario orders: slowly, in bits, cut, stalled. Usage counts as reported when
//! the piece that carries it is handed to the socket.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, Stream};

use crate::log::{End, Reported, Ticket};
use crate::scenario::{Cut, Scenario};

/// A piece of an answer: an event of a stream, or a whole document.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) bytes: Bytes,
    /// What it tells of the usage, all counters so far.
    pub(crate) reports: Option<Reported>,
}

/// What is done next.
enum Step {
    Wait(Duration),
    Send(Part),
    /// Let the socket take what it was given.
    Flush,
    Stall,
    Break,
}

/// What is handed over at once.
struct Part {
    bytes: Bytes,
    /// Pieces that end with it: one or none.
    ended: usize,
    /// What the piece that ends with it tells.
    reports: Option<Reported>,
}

/// A body that sends these pieces.
pub(crate) fn body(pieces: Vec<Piece>, scenario: &Scenario, ticket: Ticket, packed: bool) -> Body {
    Body::from_stream(run(steps(pieces, scenario, packed), ticket))
}

fn steps(pieces: Vec<Piece>, scenario: &Scenario, compress: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut packer = compress.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let mut sent = 0;
    for (number, piece) in pieces.into_iter().enumerate() {
        if scenario.cut == Some(Cut::Events(number)) {
            steps.push(Step::Break);
            return steps;
        }
        if scenario.stall_after_events == Some(number) {
            steps.push(Step::Stall);
            return steps;
        }
        steps.push(Step::Wait(scenario.event_delay));
        let bytes = match &mut packer {
            Some(packer) => pack(packer, &piece.bytes),
            None => piece.bytes,
        };
        let cut = match scenario.cut {
            Some(Cut::Bytes(end)) => Some((end, Step::Break)),
            _ => scenario.stall_after_bytes.map(|end| (end, Step::Stall)),
        };
        if let Some((end, last)) = cut
            && sent + bytes.len() > end
        {
            steps.push(Step::Send(Part { bytes: bytes.slice(..end - sent), ended: 0, reports: None }));
            steps.push(Step::Flush);
            steps.push(last);
            return steps;
        }
        sent += bytes.len();
        let size = scenario.piece_bytes.unwrap_or(bytes.len()).max(1);
        let count = bytes.len().div_ceil(size);
        for (number, part) in bytes.chunks(size).enumerate() {
            let is_last = number + 1 == count;
            steps.push(Step::Send(Part {
                bytes: bytes.slice_ref(part),
                ended: usize::from(is_last),
                reports: piece.reports.filter(|_| is_last),
            }));
            if scenario.piece_bytes.is_some() {
                steps.push(Step::Flush);
            }
        }
    }
    if let Some(packer) = packer
        && let Ok(rest) = packer.finish()
    {
        steps.push(Step::Send(Part { bytes: rest.into(), ended: 0, reports: None }));
    }
    // Nothing follows the last part: it is how `run` knows it.
    while matches!(steps.last(), Some(Step::Flush)) {
        steps.pop();
    }
    steps
}

/// The compressed form so far, flushed, so that every event can be read at once.
fn pack(packer: &mut GzEncoder<Vec<u8>>, bytes: &[u8]) -> Bytes {
    // Writing to memory does not fail.
    let _ = packer.write_all(bytes).and_then(|()| packer.flush());
    std::mem::take(packer.get_mut()).into()
}

/// The answer was ordered to break.
#[derive(Debug, thiserror::Error)]
#[error("cut on order")]
struct Broken;

fn run(steps: Vec<Step>, ticket: Ticket) -> impl Stream<Item = Result<Bytes, Broken>> {
    stream::unfold((steps.into_iter(), ticket), |(mut steps, mut ticket)| async move {
        loop {
            let Some(step) = steps.next() else {
                ticket.ends(End::Sent);
                return None;
            };
            match step {
                Step::Wait(time) if time.is_zero() => {}
                Step::Wait(time) => tokio::time::sleep(time).await,
                // A body that is not ready makes hyper write out what it has; otherwise it joins small parts.
                Step::Flush => tokio::task::yield_now().await,
                Step::Stall => {
                    std::future::pending::<Infallible>().await;
                }
                Step::Break => {
                    ticket.ends(End::CutOnOrder);
                    // What was sent before goes out first: an error drops whatever hyper still holds.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Some((Err(Broken), (steps, ticket)));
                }
                Step::Send(Part { bytes, ended, reports }) => {
                    ticket.edit(|entry| {
                        entry.sent_bytes += bytes.len();
                        entry.sent_events += ended;
                        entry.reported = reports.or(entry.reported);
                    });
                    // With a known length nobody asks for what comes after the last part.
                    if steps.len() == 0 {
                        ticket.ends(End::Sent);
                    }
                    return Some((Ok(bytes), (steps, ticket)));
                }
            }
        }
    })
}
