//! An answer on its way to the client: the provider's bytes, untouched, with the meter reading a copy and the hold
//! settled when it ends, breaks, or is dropped because the client left.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use crate::meter::Meter;
use crate::record::Outcome;
use crate::settle::Settling;

/// Most bytes gathered before they are handed on.
const GATHER_MAX_BYTES: usize = 64 * 1024;

/// Turns of the scheduler for which gathered bytes wait for more. A provider's burst arrives as many small frames,
/// and hyper writes each one by itself: 56 writes cost 434 µs of CPU, gathered they are 3 writes and 78 µs. One
/// turn is not enough, three are (measured; no cost in time to the first byte was visible).
const GATHER_TURNS: u8 = 3;

/// The answer was cut: the client's connection is broken off, never ended as if the answer were complete.
#[derive(Debug, thiserror::Error)]
#[error("the provider's answer was cut")]
pub(crate) struct CutError;

/// The body of a forwarded answer.
pub(crate) struct AnswerBody {
    upstream: reqwest::Body,
    metered: Option<Metered>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    turns: u8,
    end: End,
}

struct Metered {
    meter: Meter,
    settling: Settling,
}

/// What comes after the gathered bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    Clean,
    /// An error event is still to be sent.
    Announce,
    /// hyper drops what it has not written when a body errs, so it is given turns to write the last bytes.
    Flush {
        turns: u8,
    },
}

impl AnswerBody {
    /// Takes over an answer that has begun.
    pub(crate) fn new(upstream: reqwest::Body, meter: Meter, settling: Settling) -> Self {
        Self {
            upstream,
            metered: Some(Metered { meter, settling }),
            gathered: Vec::new(),
            gathered_bytes: 0,
            turns: 0,
            end: End::NotYet,
        }
    }

    fn take(&mut self, data: Bytes) {
        if let Some(metered) = &mut self.metered {
            metered.meter.feed(&data);
        }
        self.turns = 0;
        self.gathered_bytes += data.len();
        self.gathered.push(data);
    }

    fn hand_on(&mut self) -> Bytes {
        self.gathered_bytes = 0;
        self.turns = 0;
        if self.gathered.len() == 1 {
            return self.gathered.pop().unwrap_or_default();
        }
        let mut all = BytesMut::with_capacity(self.gathered.iter().map(Bytes::len).sum());
        self.gathered.drain(..).for_each(|piece| all.extend_from_slice(&piece));
        all.freeze()
    }

    /// The provider is done: well, or in the middle.
    fn finish(&mut self, broken: bool) {
        let Some(Metered { meter, settling }) = self.metered.take() else { return };
        let most = settling.most();
        if !broken && meter.is_complete() {
            self.end = End::Clean;
            let outcome = if meter.has_failed() { Outcome::Cut } else { Outcome::Served };
            settling.finish(&meter.finished(most), outcome);
            return;
        }
        self.end = if meter.can_take_an_event() { End::Announce } else { End::Flush { turns: 0 } };
        settling.finish(&meter.given_up(most), Outcome::Cut);
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutError>>> {
        let this = &mut *self;
        while this.end == End::NotYet && this.gathered_bytes < GATHER_MAX_BYTES {
            match Pin::new(&mut this.upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        this.take(data);
                    }
                    // Where the length is known, nobody asks for what comes after the last byte.
                    if this.upstream.is_end_stream() {
                        this.finish(false);
                    }
                }
                Poll::Ready(Some(Err(_))) => this.finish(true),
                Poll::Ready(None) => this.finish(false),
                Poll::Pending if this.gathered.is_empty() => return Poll::Pending,
                Poll::Pending if this.turns < GATHER_TURNS => {
                    this.turns += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        if !this.gathered.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(this.hand_on()))));
        }
        match this.end {
            End::Announce => {
                this.end = End::Flush { turns: 0 };
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CUT_EVENT)))))
            }
            End::Flush { turns } if turns < GATHER_TURNS => {
                this.end = End::Flush { turns: turns + 1 };
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            End::Flush { .. } => Poll::Ready(Some(Err(CutError))),
            End::Clean | End::NotYet => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end == End::Clean && self.gathered.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::NotYet if self.gathered.is_empty() => self.upstream.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for AnswerBody {
    /// The client left before the end. Dropping the provider's body cancels the request there.
    fn drop(&mut self) {
        if let Some(Metered { meter, settling }) = self.metered.take() {
            let most = settling.most();
            settling.finish(&meter.given_up(most), Outcome::ClientGone);
        }
    }
}

/// What a client reads when the provider broke off between two events; SDKs raise it as an error.
const CUT_EVENT: &[u8] = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\
\"message\":\"the provider broke off in the middle of its answer\"}}\n\n";
