//! Sends an answer piece by piece, as the scenario orders: late, in bits, cut, stalled. Usage counts as reported when
//! the piece that carries it is handed to the socket.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream::{self, Stream};

use crate::log::{Reported, Ticket};
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
    Send(Bytes, Option<Reported>),
    Stall,
    Break,
}

/// A body that sends these pieces.
pub(crate) fn body(pieces: Vec<Piece>, scenario: &Scenario, ticket: Ticket, packed: bool) -> Body {
    let steps = steps(pieces, scenario, packed);
    Body::from_stream(run(steps, Delivery { ticket, end: End::Dropped }))
}

fn steps(pieces: Vec<Piece>, scenario: &Scenario, compress: bool) -> Vec<Step> {
    let mut steps = vec![Step::Wait(scenario.first_byte_delay)];
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
        if let Some(Cut::Bytes(end)) = scenario.cut
            && sent + bytes.len() > end
        {
            steps.push(Step::Send(bytes.slice(..end - sent), None));
            steps.push(Step::Break);
            return steps;
        }
        sent += bytes.len();
        let size = scenario.piece_bytes.unwrap_or(bytes.len()).max(1);
        let mut parts: Vec<Step> =
            bytes.chunks(size).map(|part| Step::Send(Bytes::copy_from_slice(part), None)).collect();
        if let Some(Step::Send(_, reports)) = parts.last_mut() {
            *reports = piece.reports;
        }
        steps.append(&mut parts);
    }
    if let Some(packer) = packer
        && let Ok(rest) = packer.finish()
    {
        steps.push(Step::Send(rest.into(), None));
    }
    steps
}

/// The compressed form so far, flushed, so that every event can be read at once.
fn pack(packer: &mut GzEncoder<Vec<u8>>, bytes: &[u8]) -> Bytes {
    // Writing to memory does not fail.
    let _ = packer.write_all(bytes).and_then(|()| packer.flush());
    std::mem::take(packer.get_mut()).into()
}

/// How an answer ended; what it says is written down when it is dropped.
struct Delivery {
    ticket: Ticket,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Sent,
    CutOnOrder,
    /// By whoever was to read it.
    Dropped,
}

impl Delivery {
    fn ends(&mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let end = self.end;
        self.ticket.edit(|entry| {
            entry.finished = end == End::Sent;
            entry.client_gone = end == End::Dropped;
        });
    }
}

/// The answer was ordered to break.
#[derive(Debug, thiserror::Error)]
#[error("cut on order")]
struct Broken;

fn run(steps: Vec<Step>, delivery: Delivery) -> impl Stream<Item = Result<Bytes, Broken>> {
    stream::unfold((steps.into_iter(), delivery), |(mut steps, mut delivery)| async move {
        loop {
            let Some(step) = steps.next() else {
                delivery.ends(End::Sent);
                return None;
            };
            match step {
                Step::Wait(time) if time.is_zero() => {}
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Stall => {
                    std::future::pending::<Infallible>().await;
                }
                Step::Break => {
                    delivery.ends(End::CutOnOrder);
                    // What was sent before goes out first: an error drops whatever hyper still holds.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    return Some((Err(Broken), (steps, delivery)));
                }
                Step::Send(bytes, reports) => {
                    if reports.is_some() {
                        delivery.ticket.edit(|entry| entry.reported = reports);
                    }
                    // With a known length nobody asks for what comes after the last piece.
                    if steps.len() == 0 {
                        delivery.ends(End::Sent);
                    }
                    return Some((Ok(bytes), (steps, delivery)));
                }
            }
        }
    })
}
