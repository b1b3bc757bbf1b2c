//! The beginning of an answer: a stream is held back until its first content, so that an error before it still lets
//! another candidate answer; a plain answer that needs translation is read to its end.

use std::future::poll_fn;
use std::pin::Pin;

use http::response::Parts;
use http::{HeaderMap, StatusCode, header};
use pai_protocol::event::{Failure, FailureKind};
use pai_protocol::translate::Question;
use pai_protocol::{Asked, Dialect};

use crate::body::{AnswerBody, Broken, HoldBack, Limits, Stopped};
use crate::meter::{Encoding, Form, Meter};
use crate::outlet::Outlet;
use crate::prepare::Prepared;
use crate::record::Outcome;
use crate::settle::{Note, Settling};
use crate::upstream::Received;

/// Most bytes of a stream that are held back: more than any provider sends before content.
pub(crate) const HELD_BACK_MAX_BYTES: usize = 64 * 1024;

/// An answer that has begun: from here on it is this provider's.
pub(crate) struct Begun<B> {
    /// The provider's.
    pub(crate) status: StatusCode,
    /// The provider's.
    pub(crate) headers: HeaderMap,
    /// Whether it is a stream.
    pub(crate) form: Form,
    /// What the client gets.
    pub(crate) body: B,
}

impl<B> Begun<B> {
    /// The same with another body.
    pub(crate) fn map<C>(self, change: impl FnOnce(B) -> C) -> Begun<C> {
        let Self { status, headers, form, body } = self;
        Begun { status, headers, form, body: change(body) }
    }
}

/// An answer that did not begin: the next attempt, or the next candidate, may do better.
pub(crate) struct NotBegun {
    /// What to say, should none do.
    pub(crate) failure: Failure,
    /// How it stopped.
    pub(crate) stopped: Stopped,
    /// What was read of its usage.
    pub(crate) meter: Meter,
    /// The hold and the record, to be settled.
    pub(crate) settling: Settling,
}

/// Takes over an answer and waits for its beginning.
pub(crate) async fn begin(
    response: http::Response<Received>,
    asked: &Asked,
    prepared: &Prepared,
    question: Question,
    limits: Limits,
    settling: Settling,
) -> Result<Begun<Box<AnswerBody>>, Box<NotBegun>> {
    let (Parts { status, headers, .. }, upstream) = response.into_parts();
    let form = if is_stream(&headers) { Form::Stream } else { Form::Plain };
    let meter = Meter::new(prepared.dialect, form, encoding(&headers));
    if !is_expected(asked, prepared, form) {
        return Err(NotBegun::new(Stopped::Broken(Broken::NoAnswer), meter, settling));
    }
    let outlet = Outlet::new(asked, prepared, form, encoding(&headers), question);
    // Boxed where it is made: it is large, and handed on from here to the client's connection.
    let mut body = Box::new(AnswerBody::new(upstream, meter, outlet, asked.dialect, limits, settling));
    if form == Form::Plain && !prepared.is_translated() {
        // Nothing is gained by holding it back: its status has said that it is an answer.
        return Ok(Begun { status, headers, form, body });
    }
    match poll_fn(|cx| Pin::new(&mut *body).poll_hold_back(cx)).await {
        HoldBack::Begun => Ok(Begun { status, headers, form, body }),
        HoldBack::Stopped(stopped, held) => {
            let (meter, settling) = *held;
            Err(NotBegun::new(stopped, meter, settling))
        }
    }
}

/// Whether an answer that did not begin was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Something.
    Some,
    /// Nothing.
    None,
}

impl NotBegun {
    fn new(stopped: Stopped, meter: Meter, settling: Settling) -> Box<Self> {
        let message = match stopped {
            Stopped::Refused => "the provider refused after it had said that it would answer",
            Stopped::Broken(Broken::Cut) => "the provider broke off before its answer began",
            Stopped::Broken(Broken::Silent) => "the provider was silent for too long before its answer began",
            Stopped::Broken(Broken::TooLong) => "the provider took longer than the gateway allows",
            Stopped::Broken(Broken::NoAnswer) => "the provider's answer is not one of its protocol",
        };
        let failure = meter
            .failure()
            .unwrap_or_else(|| Failure { kind: FailureKind::Internal, message: message.to_owned() });
        Box::new(Self { failure, stopped, meter, settling })
    }

    /// What came of the request, where no other attempt does better.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.stopped {
            Stopped::Refused => Outcome::UpstreamError,
            Stopped::Broken(_) => Outcome::UpstreamFailed,
        }
    }

    /// Ends the attempt. A provider that said no is charged as it reported, which is nothing where it reported nothing;
    /// one that broke off may have worked all the same.
    pub(crate) fn settle(self) -> (Failure, Charge, Note) {
        let Self { failure, stopped, meter, settling } = self;
        let most = settling.most();
        let measured = match stopped {
            Stopped::Refused => meter.refused(),
            Stopped::Broken(_) => Some(meter.finished(most)),
        };
        let charge = if measured.is_some() { Charge::Some } else { Charge::None };
        (failure, charge, settling.abandon(measured.as_ref()))
    }
}

/// Where it is to be translated, only what was asked for can be: a page of HTML or a document in place of a stream is no
/// answer. Untranslated bytes are the client's to judge.
fn is_expected(asked: &Asked, prepared: &Prepared, form: Form) -> bool {
    !prepared.is_translated() || asked.stream == (form == Form::Stream)
}

fn is_stream(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

/// How the answer is packed.
pub(crate) fn encoding(headers: &HeaderMap) -> Encoding {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim()) {
        None | Some("" | "identity") => Encoding::Identity,
        Some("gzip" | "x-gzip") => Encoding::Gzip,
        Some(_) => Encoding::Unknown,
    }
}

/// The dialect's own way to say, in a stream, that it broke off.
pub(crate) fn in_band(dialect: Dialect, why: &str) -> Vec<u8> {
    pai_protocol::failure::in_band(dialect, &Failure { kind: FailureKind::Internal, message: why.to_owned() })
}
