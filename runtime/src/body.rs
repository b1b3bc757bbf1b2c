//! An answer on its way to the client: the provider's bytes, untouched or in the client's dialect, with the meter reading
//! a copy and the hold settled when it ends, breaks, or is dropped because the client left.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use pai_protocol::Dialect;
use pai_protocol::translate::Over;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::begin::{HELD_BACK_MAX_BYTES, in_band};
use crate::meter::Meter;
use crate::outlet::Outlet;
use crate::record::Outcome;
use crate::refusal::Refusal;
use crate::settle::{Note, Settling};
use crate::tariff::Measured;
use crate::upstream::Received;

/// Most bytes gathered before they are handed on.
const GATHER_MAX_BYTES: usize = 64 * 1024;

/// Turns of the scheduler for which gathered bytes wait for more. A provider's burst arrives as many small frames,
/// and hyper writes each one by itself: 56 writes cost 434 µs of CPU, gathered they are 3 writes and 78 µs. One
/// turn is not enough, three are (measured; no cost in time to the first byte was visible).
const GATHER_TURNS: u8 = 3;

/// A silence after which a translated stream says that it is still there. Claude Code gives up after 300 s without a
/// byte and shows a banner after 20 s.
const PING_AFTER: Duration = Duration::from_secs(15);

/// The answer was cut: the client's connection is broken off, never ended as if the answer were complete.
#[derive(Debug, thiserror::Error)]
#[error("the provider's answer was cut")]
pub(crate) struct CutError;

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From its first byte to its last.
    pub(crate) total: Duration,
}

/// How a provider stopped in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection ended.
    Cut,
    /// Nothing came for too long.
    Silent,
    /// It went on for too long.
    TooLong,
    /// What came is no answer of its dialect.
    NoAnswer,
}

impl Broken {
    fn in_words(self) -> &'static str {
        match self {
            Self::Cut => "the provider broke off in the middle of its answer",
            Self::Silent => "the provider was silent for too long in the middle of its answer",
            Self::TooLong => "the provider's answer took longer than the gateway allows",
            Self::NoAnswer => "the provider's answer is not one of its protocol",
        }
    }
}

/// What holding back came to.
pub(crate) enum HoldBack {
    /// Content, or the end.
    Begun,
    /// Neither, and nothing will come; what is to be settled.
    Stopped(Stopped, Box<(Meter, Settling)>),
}

/// How an answer stopped before it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// An error event came before any content.
    Refused,
    /// It broke before any content.
    Broken(Broken),
}

/// The body of a forwarded answer.
pub(crate) struct AnswerBody {
    upstream: Received,
    metered: Option<Metered>,
    /// Whether its end is settled by whoever holds it, who may yet object.
    detained: bool,
    outlet: Outlet,
    dialect: Dialect,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    turns: u8,
    end: End,
    deadline: Pin<Box<Sleep>>,
    /// When a ping is due, where pings are ours to send.
    quiet: Option<Pin<Box<Sleep>>>,
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
    Announce(Broken),
    /// hyper drops what it has not written when a body errs, so it is given turns to write the last bytes.
    Flush {
        turns: u8,
    },
}

/// What the provider sent next.
enum Next {
    Data(Bytes),
    End,
    Broken(Broken),
}

impl AnswerBody {
    /// Takes over an answer whose head has arrived.
    pub(crate) fn new(
        upstream: Received,
        meter: Meter,
        outlet: Outlet,
        dialect: Dialect,
        limits: Limits,
        settling: Settling,
    ) -> Self {
        let now = Instant::now();
        Self {
            upstream,
            metered: Some(Metered { meter, settling }),
            detained: false,
            quiet: outlet.ping().map(|_| Box::pin(sleep_until(now + PING_AFTER))),
            outlet,
            dialect,
            gathered: Vec::new(),
            gathered_bytes: 0,
            turns: 0,
            end: End::NotYet,
            deadline: Box::pin(sleep_until(now + limits.total)),
        }
    }

    /// Reads until the answer has begun, keeping what it reads.
    pub(crate) fn poll_hold_back(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<HoldBack> {
        let this = &mut *self;
        loop {
            let Some(Metered { meter, .. }) = &this.metered else { return Poll::Ready(HoldBack::Begun) };
            let document = matches!(this.outlet, Outlet::Document(_));
            if !document && meter.has_failed() && !meter.has_begun() {
                return Poll::Ready(this.stop(Stopped::Refused));
            }
            if this.outlet.is_lost() && !meter.has_begun() {
                // An event or a document that is too large, say, which may have no end.
                return Poll::Ready(this.stop(Stopped::Broken(Broken::NoAnswer)));
            }
            if !document && (meter.has_begun() || this.gathered_bytes > HELD_BACK_MAX_BYTES) {
                return Poll::Ready(HoldBack::Begun);
            }
            match ready!(this.poll_next(cx)) {
                Next::Data(data) => this.take(&data),
                Next::Broken(broken) => return Poll::Ready(this.stop(Stopped::Broken(broken))),
                Next::End if document => {
                    let mut text = Vec::new();
                    if !this.outlet.end(&mut text) {
                        return Poll::Ready(this.stop(Stopped::Broken(Broken::NoAnswer)));
                    }
                    this.gather(text.into());
                    // Settled when it is handed on: its record has yet to say how it was answered.
                    this.end = End::Clean;
                    return Poll::Ready(HoldBack::Begun);
                }
                // A stream that ends without content and without its own end.
                Next::End => return Poll::Ready(this.stop(Stopped::Broken(Broken::Cut))),
            }
        }
    }

    /// Adds to the record; nothing where it is written already.
    pub(crate) fn edit_note(&mut self, edit: impl FnOnce(&mut Note)) {
        if let Some(metered) = &mut self.metered {
            edit(metered.settling.note());
        }
    }

    /// From here on its end waits for [`Self::let_go`], [`Self::withhold`] or [`Self::abandon`].
    pub(crate) fn detain(&mut self) {
        self.detained = true;
    }

    /// All that came of it has gone out: what is dropped now is settled as if it had never been detained.
    pub(crate) fn hand_back(&mut self) {
        self.detained = false;
    }

    /// Settles an answer that has come to its end, as it ended.
    pub(crate) fn let_go(mut self) {
        self.detained = false;
        if self.end == End::Clean {
            return self.settle_clean();
        }
        let Some(Metered { meter, settling }) = self.metered.take() else { return };
        let most = settling.most();
        settling.finish(&meter.given_up(most), Outcome::Cut);
    }

    /// Settles an answer that a policy keeps from the client, in the middle or at its end.
    pub(crate) fn withhold(mut self, refusal: &Refusal) {
        let Some((measured, mut settling)) = self.take_measured() else { return };
        settling.note().objected(refusal);
        settling.finish(&measured, Outcome::Withheld);
    }

    /// Settles it where nothing of it has gone out, and gives back the record.
    pub(crate) fn abandon(mut self) -> Option<Note> {
        let (measured, settling) = self.take_measured()?;
        Some(settling.abandon(Some(&measured)))
    }

    fn take_measured(&mut self) -> Option<(Measured, Settling)> {
        let Metered { meter, settling } = self.metered.take()?;
        let most = settling.most();
        let measured = if self.end == End::Clean { meter.finished(most) } else { meter.given_up(most) };
        Some((measured, settling))
    }

    /// Gives back what is to be settled: nothing of the answer reaches the client.
    fn stop(&mut self, why: Stopped) -> HoldBack {
        match self.metered.take() {
            Some(Metered { meter, settling }) => HoldBack::Stopped(why, Box::new((meter, settling))),
            None => HoldBack::Begun,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        match Pin::new(&mut self.upstream).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Next::Data(frame.into_data().unwrap_or_default())),
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Next::Broken(if error.is_timeout() { Broken::Silent } else { Broken::Cut }))
            }
            Poll::Ready(None) => Poll::Ready(Next::End),
            Poll::Pending => {
                ready!(self.deadline.as_mut().poll(cx));
                Poll::Ready(Next::Broken(Broken::TooLong))
            }
        }
    }

    fn take(&mut self, data: &Bytes) {
        if let Some(quiet) = &mut self.quiet {
            quiet.as_mut().reset(Instant::now() + PING_AFTER);
        }
        let Some(metered) = &mut self.metered else { return };
        if self.outlet.is_same() {
            metered.meter.feed(data, |_| {});
            self.gather(data.clone());
            return;
        }
        // As long as it was, more or less: a buffer that grows by each small piece is copied again and again.
        let mut text = Vec::with_capacity(data.len());
        let outlet = &mut self.outlet;
        metered.meter.feed(data, |plain| outlet.feed(plain, &mut text));
        self.gather(text.into());
    }

    fn gather(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.turns = 0;
            self.gathered_bytes += data.len();
            self.gathered.push(data);
        }
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

    /// The provider has sent its last byte.
    fn finish(&mut self) {
        let Some(Metered { meter, .. }) = &self.metered else { return };
        let is_complete = meter.is_complete();
        let mut text = Vec::new();
        let is_answer = self.outlet.end(&mut text);
        self.gather(text.into());
        if is_complete && (is_answer || self.outlet.over() == Some(Over::Failed)) {
            return self.settle_clean();
        }
        self.break_off(Broken::Cut);
    }

    fn settle_clean(&mut self) {
        self.end = End::Clean;
        if self.detained {
            return;
        }
        let Some(Metered { meter, settling }) = self.metered.take() else { return };
        let outcome = if meter.has_failed() { Outcome::Cut } else { Outcome::Served };
        let most = settling.most();
        settling.finish(&meter.finished(most), outcome);
    }

    /// Whether the client has read, or is about to read, the stream's own end: then it is whole, whoever closes which
    /// connection first. Official clients of OpenAI close theirs as soon as they have read `[DONE]`.
    fn is_told(&self) -> bool {
        self.metered.as_ref().is_some_and(|metered| metered.meter.has_seen_the_end())
            && self.outlet.tells_the_end_at_once()
    }

    /// Whether nothing of it is still to be handed on but the end of a connection.
    pub(crate) fn has_handed_on_its_end(&self) -> bool {
        self.is_told() && self.gathered.is_empty()
    }

    /// It stops in the middle, or behind its end.
    fn break_off(&mut self, broken: Broken) {
        // Packed bytes have an end of their own.
        if self.is_told() && self.metered.as_ref().is_some_and(|it| it.meter.can_take_an_event()) {
            return self.finish();
        }
        let Some(Metered { meter, settling }) = self.metered.take() else { return };
        let mut text = Vec::new();
        let told = self.outlet.break_off(broken.in_words(), &mut text);
        self.gather(text.into());
        self.end =
            if !told && meter.can_take_an_event() { End::Announce(broken) } else { End::Flush { turns: 0 } };
        if self.detained {
            self.metered = Some(Metered { meter, settling });
            return;
        }
        let most = settling.most();
        settling.finish(&meter.given_up(most), Outcome::Cut);
    }

    /// Whether a ping is due now.
    fn poll_ping(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(quiet) = &mut self.quiet else { return false };
        if quiet.as_mut().poll(cx).is_pending() {
            return false;
        }
        quiet.as_mut().reset(Instant::now() + PING_AFTER);
        let ping = self.outlet.ping().unwrap_or_default();
        self.gather(Bytes::from_static(ping));
        true
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
        if this.end == End::Clean {
            this.settle_clean();
        }
        while this.end == End::NotYet && this.gathered_bytes < GATHER_MAX_BYTES {
            match this.poll_next(cx) {
                Poll::Ready(Next::Data(data)) => {
                    this.take(&data);
                    if this.outlet.over() == Some(Over::Failed) {
                        // The client has read an error; nothing that follows would be believed.
                        this.break_off(Broken::NoAnswer);
                    } else if this.upstream.is_end_stream() {
                        // Where the length is known, nobody asks for what comes after the last byte.
                        this.finish();
                    }
                }
                Poll::Ready(Next::Broken(broken)) => this.break_off(broken),
                Poll::Ready(Next::End) => this.finish(),
                Poll::Pending if this.gathered.is_empty() => {
                    if !this.poll_ping(cx) {
                        return Poll::Pending;
                    }
                    break;
                }
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
            End::Announce(broken) => {
                this.end = End::Flush { turns: 0 };
                Poll::Ready(Some(Ok(Frame::data(in_band(this.dialect, broken.in_words()).into()))))
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
            End::NotYet if self.gathered.is_empty() && self.outlet.is_same() => self.upstream.size_hint(),
            End::Clean => SizeHint::with_exact(self.gathered_bytes as u64),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for AnswerBody {
    /// The client left, before the end or as soon as it had read it. Dropping the provider's body cancels the request there.
    fn drop(&mut self) {
        let (is_told, is_out) = (self.is_told(), self.has_handed_on_its_end() && !self.detained);
        let Some(Metered { meter, settling }) = self.metered.take() else { return };
        let measured = match Outcome::of_drop() {
            // It may be the meter that panicked; asked again, it would end the process.
            Outcome::Panicked => Measured::Unknown,
            // A translated document is whole before its first byte goes out.
            _ if is_told || self.end == End::Clean => meter.finished(settling.most()),
            _ => meter.given_up(settling.most()),
        };
        let outcome = match Outcome::of_drop() {
            Outcome::ClientGone if is_out => Outcome::Served,
            outcome => outcome,
        };
        settling.finish(&measured, outcome);
    }
}
