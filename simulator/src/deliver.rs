//! Sends an answer piece by piece, as the scenario orders: slowly, in bits, cut, stalled. Usage counts as reported when
//! the piece that carries it is handed to the socket. Nothing is made before it is sent, so that an answer may be larger
//! than the memory.

use std::collections::VecDeque;
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

impl Piece {
    /// One that tells nothing of the usage.
    pub(crate) fn of(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), reports: None }
    }

    pub(crate) fn reporting(self, reports: Option<Reported>) -> Self {
        Self { reports, ..self }
    }
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
#[derive(Default)]
struct Part {
    bytes: Bytes,
    /// Pieces that end with it: one or none.
    ended: usize,
    /// What the piece that ends with it tells.
    reports: Option<Reported>,
}

/// A body that sends these pieces.
pub(crate) fn body(pieces: Vec<Piece>, scenario: &Scenario, ticket: Ticket, packed: bool) -> Body {
    Body::from_stream(run(Plan::new(pieces, scenario.clone(), packed), ticket))
}

/// What is still to be sent.
struct Plan {
    pieces: std::vec::IntoIter<Piece>,
    scenario: Scenario,
    packer: Option<GzEncoder<Vec<u8>>>,
    /// Pieces that were begun.
    begun: usize,
    /// Spaces still to be sent, and what comes after them.
    padding: Option<(u64, Part)>,
    /// Bytes planned so far, as compressed.
    sent: usize,
    steps: VecDeque<Step>,
}

/// Spaces handed over at once.
static PADDING: [u8; 64 * 1024] = [b' '; 64 * 1024];

impl Plan {
    fn new(pieces: Vec<Piece>, scenario: Scenario, compress: bool) -> Self {
        let packer = compress.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        let (pieces, steps) = (pieces.into_iter(), VecDeque::new());
        let mut plan = Self { pieces, scenario, packer, begun: 0, padding: None, sent: 0, steps };
        plan.refill();
        plan
    }

    /// The next step. One is always ready before the one before it is taken: so the last is known as such.
    fn next(&mut self) -> Option<Step> {
        let step = self.steps.pop_front();
        self.refill();
        step
    }

    fn is_done(&self) -> bool {
        self.steps.is_empty()
    }

    fn refill(&mut self) {
        while self.steps.iter().all(|step| matches!(step, Step::Flush | Step::Wait(_))) {
            if let Some((left, rest)) = self.padding.take() {
                self.pad(left, rest);
            } else if let Some(piece) = self.pieces.next() {
                self.begin(piece);
            } else if let Some(packer) = self.packer.take() {
                // Writing to memory does not fail.
                let rest = packer.finish().unwrap_or_default().into();
                self.steps.push_back(Step::Send(Part { bytes: rest, ..Part::default() }));
            } else if std::mem::take(&mut self.scenario.lingers) {
                self.steps.push_back(Step::Stall);
            } else {
                // Nothing follows the last part.
                self.steps.clear();
                return;
            }
        }
    }

    fn begin(&mut self, piece: Piece) {
        let number = self.begun;
        self.begun += 1;
        if self.scenario.cut == Some(Cut::Events(number)) {
            return self.end(Step::Break);
        }
        if self.scenario.stall_after_events == Some(number) {
            return self.end(Step::Stall);
        }
        self.steps.push_back(Step::Wait(self.scenario.event_delay));
        let whole = Part { bytes: piece.bytes, ended: 1, reports: piece.reports };
        match self.scenario.huge_event_bytes {
            // The second event, since the first is often a mere greeting; a document is the only one.
            Some(padding) if number == 1 || (number == 0 && self.pieces.len() == 0) => {
                let place = place_for_padding(&whole.bytes);
                let head = Part { bytes: whole.bytes.slice(..place), ..Part::default() };
                self.padding = Some((padding, Part { bytes: whole.bytes.slice(place..), ..whole }));
                self.send(head);
            }
            _ => self.send(whole),
        }
    }

    fn pad(&mut self, left: u64, rest: Part) {
        if left == 0 {
            return self.send(rest);
        }
        let count = left.min(PADDING.len() as u64);
        self.padding = Some((left - count, rest));
        let count = usize::try_from(count).unwrap_or(PADDING.len());
        self.send(Part { bytes: Bytes::from_static(&PADDING).slice(..count), ..Part::default() });
    }

    /// Plans to send a part: compressed, up to where the answer breaks off, in bits.
    fn send(&mut self, part: Part) {
        if part.bytes.is_empty() {
            return;
        }
        let bytes = match &mut self.packer {
            Some(packer) => pack(packer, &part.bytes),
            None => part.bytes,
        };
        let cut = match self.scenario.cut {
            Some(Cut::Bytes(end)) => Some((end, Step::Break)),
            _ => self.scenario.stall_after_bytes.map(|end| (end, Step::Stall)),
        };
        if let Some((end, last)) = cut
            && self.sent + bytes.len() > end
        {
            let bytes = bytes.slice(..end - self.sent);
            self.steps.extend([Step::Send(Part { bytes, ..Part::default() }), Step::Flush]);
            return self.end(last);
        }
        self.sent += bytes.len();
        let size = self.scenario.piece_bytes.unwrap_or(bytes.len()).max(1);
        let count = bytes.len().div_ceil(size);
        for (number, bit) in bytes.chunks(size).enumerate() {
            let is_last = number + 1 == count;
            self.steps.push_back(Step::Send(Part {
                bytes: bytes.slice_ref(bit),
                ended: if is_last { part.ended } else { 0 },
                reports: part.reports.filter(|_| is_last),
            }));
            if self.scenario.piece_bytes.is_some() {
                self.steps.push_back(Step::Flush);
            }
        }
    }

    /// Nothing comes after this step.
    fn end(&mut self, last: Step) {
        self.steps.push_back(last);
        self.pieces = Vec::new().into_iter();
        self.padding = None;
        self.packer = None;
    }
}

/// Where spaces change neither an event nor a document: before the JSON.
fn place_for_padding(bytes: &[u8]) -> usize {
    const DATA: &[u8] = b"data: ";
    bytes.windows(DATA.len()).position(|window| window == DATA).map_or(0, |start| start + DATA.len())
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

fn run(plan: Plan, ticket: Ticket) -> impl Stream<Item = Result<Bytes, Broken>> {
    stream::unfold((plan, ticket), |(mut plan, mut ticket)| async move {
        loop {
            let Some(step) = plan.next() else {
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
                    return Some((Err(Broken), (plan, ticket)));
                }
                Step::Send(Part { bytes, ended, reports }) => {
                    ticket.edit(|entry| {
                        entry.sent_bytes += bytes.len();
                        entry.sent_events += ended;
                        entry.reported = reports.or(entry.reported);
                    });
                    // With a known length nobody asks for what comes after the last part.
                    if plan.is_done() {
                        ticket.ends(End::Sent);
                    }
                    return Some((Ok(bytes), (plan, ticket)));
                }
            }
        }
    })
}
