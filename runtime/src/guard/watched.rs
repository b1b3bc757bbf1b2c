//! An answer that guards read before the client does: a document is whole before it is judged, a stream is judged a few
//! hundred bytes ahead of what goes out.
//!
//! INVARIANT: no byte of text goes out before all text up to [`LAG_BYTES`] behind it was judged, unless the provider has
//! been silent since, or is done: then everything that has come was judged.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use pai_bundle::unit::UnixSeconds;
use pai_policies::{Denial, GuardFacts};
use pai_protocol::Dialect;
use pai_protocol::event::{Failure, FailureKind};
use pai_protocol::failure;
use pai_protocol::spoken::{self, Pieces};
use tokio::time::{Instant, Sleep, sleep_until};

use super::answer::{AnswerGuards, Ruling};
use crate::body::{AnswerBody, CutError};
use crate::meter::Form;
use crate::refusal::Refusal;
use crate::settle::Note;

/// How far, in bytes of text, what goes out stays behind what was judged: as long as the longest text that one rule of
/// the built-in guard matches, so that none of it is out when its end is seen.
pub(crate) const LAG_BYTES: usize = 512;
/// After how much new text a piece is judged.
const STRIDE_BYTES: usize = 512;
/// How much text before the new one is judged with it.
const BEFORE_BYTES: usize = 2048;
/// Most answers to one question whose texts are told apart: as many as OpenAI's `n` may ask for.
const CHOICES_MAX: usize = 128;
/// Most bytes of a stream that are held; text takes a fifth of them or less.
const HELD_MAX_BYTES: usize = 64 * 1024;
/// Most bytes of a document that are held: more than any provider answers with.
const DOCUMENT_MAX_BYTES: usize = 32 * 1024 * 1024;
/// A silence of the provider after which what has come is judged and goes out, however little it is: a model that
/// thinks between two sentences must not keep the first from being read.
const QUIET: Duration = Duration::from_millis(500);
/// Turns of the scheduler that hyper gets to write the last bytes before the connection is broken off.
const FLUSH_TURNS: u8 = 3;

/// A policy objected before anything of the answer went out.
pub(crate) struct Withheld {
    pub(crate) denial: Box<Denial>,
    /// The record, to go on with.
    pub(crate) note: Note,
}

/// The body.
pub(crate) struct Watched {
    /// `None` once a policy has objected.
    inner: Option<AnswerBody>,
    guards: Arc<AnswerGuards>,
    dialect: Dialect,
    source: Source,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// The text that has come, less what is too far back to be judged again; of each answer by itself, where several were
    /// asked for and come letter by letter in turn.
    texts: BTreeMap<u64, String>,
    /// How much text has come.
    total: usize,
    /// Up to where text was given to be judged.
    given: usize,
    /// Up to where nothing objects.
    cleared: usize,
    judging: Option<Judging>,
    facts: GuardFacts,
    quiet: Pin<Box<Sleep>>,
    is_quiet: bool,
    end: End,
    ready: Option<Bytes>,
}

/// What of the answer is read.
enum Source {
    Stream(Pieces),
    Document(BytesMut),
    /// Nothing: it was judged unreadable, and let through.
    Unread,
}

struct Held {
    bytes: Bytes,
    /// How much text has come with it and before it.
    text_end: usize,
}

struct Judging {
    to: usize,
    ruling: Pin<Box<dyn Future<Output = Ruling> + Send>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    /// The provider's answer is whole.
    Clean,
    /// It was cut; the connection is broken off behind what is held.
    Cut,
    /// A policy has objected: an error event goes out, and the connection is broken off.
    Refused {
        turns: u8,
    },
}

impl Watched {
    /// Takes over an answer in the client's dialect. `is_packed`: the provider packed it although nobody asked.
    pub(crate) fn new(
        mut inner: AnswerBody,
        guards: AnswerGuards,
        dialect: Dialect,
        form: Form,
        is_packed: bool,
    ) -> Self {
        inner.detain();
        let mut this = Self {
            inner: Some(inner),
            facts: guards.before(),
            guards: Arc::new(guards),
            dialect,
            source: match form {
                Form::Stream => Source::Stream(Pieces::new(dialect)),
                Form::Plain => Source::Document(BytesMut::new()),
            },
            held: VecDeque::new(),
            held_bytes: 0,
            texts: BTreeMap::new(),
            total: 0,
            given: 0,
            cleared: 0,
            judging: None,
            quiet: Box::pin(sleep_until(Instant::now() + QUIET)),
            is_quiet: false,
            end: End::NotYet,
            ready: None,
        };
        if is_packed {
            this.give_up_reading();
        }
        this
    }

    /// Waits until something may go out, or a policy objects: then nothing has, and the client can be told with a status.
    pub(crate) async fn begin(mut self) -> Result<Self, Withheld> {
        let cleared = std::future::poll_fn(|cx| self.poll_cleared(cx)).await;
        match cleared {
            Ok(bytes) => {
                self.ready = bytes;
                Ok(self)
            }
            Err(denial) => {
                if let Some(note) = self.inner.take().and_then(AnswerBody::abandon) {
                    return Err(Withheld { denial, note });
                }
                // INVARIANT: a detained answer keeps its record, so this is never reached; nothing goes out all the same.
                self.end = End::Refused { turns: 0 };
                self.held.clear();
                Ok(self)
            }
        }
    }

    /// Adds to the record.
    pub(crate) fn edit_note(&mut self, edit: impl FnOnce(&mut Note)) {
        if let Some(inner) = &mut self.inner {
            inner.edit_note(edit);
        }
    }

    /// Goes on until something may go out, everything has, or a policy objects.
    fn poll_cleared(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Box<Denial>>> {
        loop {
            if let Some(judging) = &mut self.judging
                && let Poll::Ready(ruling) = judging.ruling.as_mut().poll(cx)
            {
                let to = judging.to;
                self.judging = None;
                self.take_ruling(ruling)?;
                self.cleared = to;
            }
            if let Some(bytes) = self.released() {
                return Poll::Ready(Ok(Some(bytes)));
            }
            if self.end != End::NotYet && self.held.is_empty() && self.judging.is_none() {
                return Poll::Ready(Ok(None));
            }
            if self.judging.is_none() && self.is_due() {
                self.judge();
                continue;
            }
            if self.poll_read(cx).is_pending() {
                // Whatever ends the waiting has a waker: the classifier, the provider, or the clock.
                return Poll::Pending;
            }
        }
    }

    /// Takes what the provider sends next; pending where there is nothing to be done but to wait.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.end != End::NotYet {
            return Poll::Pending;
        }
        let is_full = self.held_bytes >= HELD_MAX_BYTES && matches!(self.source, Source::Stream(_));
        let Some(inner) = self.inner.as_mut().filter(|_| !is_full) else { return Poll::Pending };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.is_quiet = false;
                self.quiet.as_mut().reset(Instant::now() + QUIET);
                self.take(&frame.into_data().unwrap_or_default());
                Poll::Ready(())
            }
            Poll::Ready(Some(Err(CutError))) => {
                self.finish(End::Cut);
                Poll::Ready(())
            }
            Poll::Ready(None) => {
                self.finish(End::Clean);
                Poll::Ready(())
            }
            Poll::Pending if self.held.is_empty() || self.judging.is_some() || self.is_quiet => Poll::Pending,
            Poll::Pending => {
                ready!(self.quiet.as_mut().poll(cx));
                self.is_quiet = true;
                Poll::Ready(())
            }
        }
    }

    fn take(&mut self, data: &Bytes) {
        match &mut self.source {
            Source::Unread => self.hold(data.clone(), 0, ""),
            Source::Document(kept) if kept.len() + data.len() <= DOCUMENT_MAX_BYTES => {
                kept.extend_from_slice(data);
            }
            Source::Document(_) => {
                self.give_up_reading();
                self.hold(data.clone(), 0, "");
            }
            Source::Stream(pieces) => {
                let mut found = Vec::new();
                pieces.feed(data, &mut found);
                let is_lost = pieces.is_lost();
                for piece in found {
                    self.hold(piece.bytes, piece.choice, &piece.text);
                }
                if is_lost || self.texts.len() > CHOICES_MAX {
                    self.give_up_reading();
                }
            }
        }
    }

    fn hold(&mut self, bytes: Bytes, choice: u64, text: &str) {
        if !text.is_empty() {
            self.texts.entry(choice).or_default().push_str(text);
            self.total += text.len();
        }
        self.held_bytes += bytes.len();
        self.held.push_back(Held { bytes, text_end: self.total });
    }

    /// Nothing more comes.
    fn finish(&mut self, end: End) {
        self.end = end;
        match std::mem::replace(&mut self.source, Source::Unread) {
            Source::Unread => {}
            Source::Stream(mut pieces) => {
                let rest = pieces.rest();
                if !rest.is_empty() {
                    self.hold(rest.into(), 0, "");
                }
            }
            Source::Document(kept) => {
                let kept = kept.freeze();
                // Half a document says nothing that anybody could rely on, and is let through only where a failing
                // guard lets through.
                if let Some(text) = spoken::answer(self.dialect, &kept).filter(|_| end == End::Clean) {
                    self.hold(kept, 0, &text);
                } else {
                    self.give_up_reading();
                    self.hold(kept, 0, "");
                }
            }
        }
    }

    /// Whether there is something to be judged now.
    fn is_due(&self) -> bool {
        let new = self.total - self.given;
        new >= STRIDE_BYTES || (new > 0 && self.waits_for_nothing())
    }

    /// Whether what has come is not held back for what may follow: nothing does, or nothing did for a while, or no more
    /// of it can be held.
    fn waits_for_nothing(&self) -> bool {
        self.end != End::NotYet
            || self.is_quiet
            || self.held_bytes >= HELD_MAX_BYTES
            || self.inner.as_ref().is_some_and(AnswerBody::has_handed_on_its_end)
    }

    fn judge(&mut self) {
        let to = self.total;
        let text = self.texts.values().map(String::as_str).collect::<Vec<_>>().join("\n");
        for said in self.texts.values_mut() {
            said.drain(..border(said, said.len().saturating_sub(BEFORE_BYTES)));
        }
        self.given = to;
        let (guards, before) = (Arc::clone(&self.guards), self.facts.clone());
        let ruling = Box::pin(async move { guards.judge(&text, before).await });
        self.judging = Some(Judging { to, ruling });
    }

    /// From here on nothing is judged: it counts as a failure of every guard, which refuses or does not.
    fn give_up_reading(&mut self) {
        if let Source::Document(kept) = std::mem::replace(&mut self.source, Source::Unread)
            && !kept.is_empty()
        {
            self.hold(kept.freeze(), 0, "");
        }
        let (guards, before, to) = (Arc::clone(&self.guards), self.facts.clone(), self.total);
        self.given = to;
        self.judging = Some(Judging { to, ruling: Box::pin(async move { guards.unreadable(before) }) });
    }

    fn take_ruling(&mut self, ruling: Ruling) -> Result<(), Box<Denial>> {
        let Ruling { facts, verdicts, audited, objection } = ruling;
        self.facts = facts;
        self.edit_note(|note| {
            note.judged(verdicts);
            note.audited(audited);
        });
        objection.map_or(Ok(()), Err)
    }

    /// What may go out now, as one run of bytes.
    fn released(&mut self) -> Option<Bytes> {
        let is_all_judged = self.judging.is_none() && self.cleared == self.total;
        let is_over = self.waits_for_nothing() || matches!(self.source, Source::Unread);
        let lag = LAG_BYTES * self.texts.len().max(1);
        let goes = |held: &Held| (is_all_judged && is_over) || held.text_end + lag <= self.cleared;
        let count = self.held.iter().take_while(|held| goes(held)).count();
        let mut out: Vec<Bytes> = self.held.drain(..count).map(|held| held.bytes).collect();
        if out.len() <= 1 {
            let only = out.pop()?;
            self.held_bytes -= only.len();
            return Some(only);
        }
        let mut all = BytesMut::with_capacity(out.iter().map(Bytes::len).sum());
        for bytes in &out {
            all.extend_from_slice(bytes);
        }
        self.held_bytes -= all.len();
        Some(all.freeze())
    }

    /// A policy objects in the middle: the client is told in its own protocol, and nothing more of the answer goes out.
    fn refuse(&mut self, denial: Box<Denial>) -> Bytes {
        self.end = End::Refused { turns: 0 };
        self.held.clear();
        self.held_bytes = 0;
        let refusal = Refusal::Denied(denial);
        let message = refusal.message(UnixSeconds(0));
        if let Some(inner) = self.inner.take() {
            inner.withhold(&refusal);
        }
        let failure = Failure { kind: FailureKind::Permission, message };
        failure::in_band(self.dialect, &failure).into()
    }
}

impl Drop for Watched {
    /// A client that leaves once it has read everything has its answer.
    fn drop(&mut self) {
        let is_out = self.held.is_empty() && self.ready.is_none() && self.judging.is_none();
        if let Some(inner) = self.inner.as_mut().filter(|_| is_out) {
            inner.hand_back();
        }
    }
}

/// The last border of two characters at or before that byte.
fn border(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl Body for Watched {
    type Data = Bytes;
    type Error = CutError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutError>>> {
        let this = &mut *self;
        if let Some(bytes) = this.ready.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let End::Refused { turns } = this.end {
            if turns >= FLUSH_TURNS {
                return Poll::Ready(Some(Err(CutError)));
            }
            this.end = End::Refused { turns: turns + 1 };
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match ready!(this.poll_cleared(cx)) {
            Ok(Some(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Ok(None) => {
                if let Some(inner) = this.inner.take() {
                    inner.let_go();
                }
                Poll::Ready((this.end == End::Cut).then_some(Err(CutError)))
            }
            Err(denial) => Poll::Ready(Some(Ok(Frame::data(this.refuse(denial))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.end == End::Clean && self.ready.is_none() && self.held.is_empty() && self.inner.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let ready = self.ready.as_ref().map_or(0, Bytes::len);
        match self.end {
            End::Clean if self.judging.is_none() => SizeHint::with_exact((ready + self.held_bytes) as u64),
            _ => SizeHint::default(),
        }
    }
}
