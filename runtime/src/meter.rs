//! Reads how many tokens an answer used from a copy of its bytes, plain or streaming, compressed or not. The bytes
//! on their way to the client are never touched; what cannot be read leaves the hold as it is.

mod inflate;

use bytes::Bytes;
use pai_bundle::unit::Tokens;
use pai_protocol::event::Failure;
use pai_protocol::sse::{Event, Splitter};
use pai_protocol::{Dialect, Reading};

use crate::tariff::{Measured, Most};
use inflate::Inflate;

/// Most bytes of a plain answer that are kept to be read at its end.
const PLAIN_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What may have been generated and not yet delivered when a stream was given up: what a fast model writes in a
/// second or two. Added to the delivered bytes, which are at least as many as their tokens.
const TOKENS_IN_FLIGHT: u64 = 256;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON document.
    Plain,
    /// Server-sent events.
    Stream,
}

/// How an answer's bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are.
    Identity,
    /// gzip.
    Gzip,
    /// Something that was not asked for and is not read.
    Unknown,
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Meter {
    source: Source,
    inflate: Option<Inflate>,
    readable: bool,
    reading: Reading,
}

/// What the meter has read, for whoever reads it too.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    /// Bytes as they came, unpacked.
    Bytes(&'a [u8]),
    /// An event of a stream, which ends within the bytes that come after it.
    Event(&'a Event<'a>),
    /// An event that was too large to be read.
    PassedOver,
}

#[derive(Debug)]
enum Source {
    Plain(Vec<u8>),
    Stream(Splitter),
}

impl Meter {
    /// A meter for an answer of this form.
    pub(crate) fn new(dialect: Dialect, form: Form, encoding: Encoding) -> Self {
        let source = match form {
            Form::Plain => Source::Plain(Vec::new()),
            Form::Stream => Source::Stream(Splitter::default()),
        };
        Self {
            source,
            inflate: (encoding == Encoding::Gzip).then(Inflate::default),
            readable: encoding != Encoding::Unknown,
            reading: Reading::new(dialect),
        }
    }

    /// Takes the next bytes of the answer, and hands on to `also` what it finds in them: one look for events is enough.
    pub(crate) fn feed(&mut self, bytes: &Bytes, mut also: impl FnMut(Seen<'_>)) {
        if !self.readable {
            return;
        }
        let Self { source, inflate, readable, reading } = self;
        match inflate {
            None => {
                *readable = read(source, reading, bytes, &mut also);
            }
            Some(inflate) => {
                let mut still = true;
                let inflated = inflate.feed(bytes, |piece| {
                    still = still && read(source, reading, piece, &mut also);
                });
                *readable = still && inflated.is_ok();
            }
        }
    }

    /// Whether anything of the content has arrived, or something that ends the answer: from then on it is this
    /// provider's. What cannot be read counts as content.
    pub(crate) fn has_begun(&self) -> bool {
        self.reading.has_content || self.reading.stopped || !self.readable
    }

    /// Whether a stream has said that it is complete.
    pub(crate) fn is_complete(&self) -> bool {
        match self.source {
            Source::Plain(_) => true,
            // What cannot be read cannot be judged either.
            Source::Stream(_) => self.reading.stopped || self.reading.failed || !self.readable,
        }
    }

    /// Whether a stream has told its own end: what becomes of its connection after that changes nothing.
    pub(crate) fn has_seen_the_end(&self) -> bool {
        matches!(self.source, Source::Stream(_)) && self.readable && self.reading.has_told_its_end()
    }

    /// Whether a stream has ended with an error of the provider's.
    pub(crate) fn has_failed(&self) -> bool {
        self.reading.failed && !self.reading.stopped
    }

    /// Whether an event of ours can be put into the answer here: not into compressed bytes, and not into the middle
    /// of another event, which would make one broken event of the two.
    pub(crate) fn can_take_an_event(&self) -> bool {
        let between_events = match &self.source {
            Source::Plain(_) => false,
            Source::Stream(splitter) => splitter.is_between_events(),
        };
        between_events && self.inflate.is_none() && self.readable
    }

    /// What the provider said when it refused in the middle of a stream.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.reading.failure.clone()
    }

    /// What was used when the provider refused: what it reported, if anything. Nobody charges for an error.
    pub(crate) fn refused(self) -> Option<Measured> {
        let tariff = self.reading.tariff;
        self.reading.usage.map(|usage| Measured::Known { usage, tariff })
    }

    /// What the answer used, when it came to its end.
    pub(crate) fn finished(mut self, most: Most) -> Measured {
        if let Source::Plain(kept) = &self.source
            && self.readable
        {
            self.reading.document(kept);
        }
        match self.reading.usage {
            Some(usage) if self.reading.output_is_final => {
                Measured::Known { usage, tariff: self.reading.tariff }
            }
            _ => self.given_up(most),
        }
    }

    /// What it used, when it was cut: input as reported; output the larger of what was reported and what was
    /// delivered, never above the hold. Nothing reported leaves the whole hold.
    pub(crate) fn given_up(self, most: Most) -> Measured {
        let Some(mut usage) = self.reading.usage.filter(|_| self.readable) else { return Measured::Unknown };
        let delivered = Tokens(self.reading.delivered_bytes.saturating_add(TOKENS_IN_FLIGHT));
        let room = most.total().saturating_sub(usage.total().saturating_sub(usage.output));
        usage.output = usage.output.max(delivered.min(room).min(most.output));
        Measured::Estimated { usage, tariff: self.reading.tariff }
    }
}

/// Whether it can still be read afterwards.
fn read(source: &mut Source, reading: &mut Reading, bytes: &[u8], also: &mut impl FnMut(Seen<'_>)) -> bool {
    let readable = match source {
        Source::Plain(kept) if kept.len() + bytes.len() > PLAIN_MAX_BYTES => {
            *kept = Vec::new();
            false
        }
        Source::Plain(kept) => {
            kept.extend_from_slice(bytes);
            true
        }
        Source::Stream(splitter) => {
            splitter.feed(bytes, |event| {
                reading.event(&event);
                also(Seen::Event(&event));
            });
            if splitter.has_passed_over_an_event() {
                also(Seen::PassedOver);
            }
            true
        }
    };
    also(Seen::Bytes(bytes));
    readable
}
