//! An answer's bytes as they arrive, and an error once none have come for too long.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// The body of a provider's answer.
pub(crate) struct Received(Way);

enum Way {
    Direct(Watched),
    Reqwest(reqwest::Body),
}

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Interrupted {
    /// Nothing came for too long.
    #[error("the provider was silent for too long")]
    Silent,
    /// The connection broke, or what came is no HTTP.
    #[error("the connection to the provider broke")]
    Broken,
}

impl Interrupted {
    pub(crate) fn is_timeout(self) -> bool {
        self == Self::Silent
    }
}

/// Bytes, and how long their absence is borne.
struct Watched {
    bytes: Incoming,
    /// Never due after `until`: it is set anew only once it is due, because that is what costs.
    silence: Pin<Box<Sleep>>,
    longest: Duration,
    until: Instant,
    /// Whether anything has come since it was last waited for.
    heard: bool,
}

impl Received {
    /// Goes on waiting with the timer that has waited for the answer's head.
    pub(crate) fn new(bytes: Incoming, silence: Pin<Box<Sleep>>, longest: Duration) -> Self {
        let until = silence.deadline();
        Self(Way::Direct(Watched { bytes, silence, longest, until, heard: true }))
    }
}

impl From<reqwest::Body> for Received {
    fn from(body: reqwest::Body) -> Self {
        Self(Way::Reqwest(body))
    }
}

impl Watched {
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::take(&mut self.heard) {
            self.until = Instant::now() + self.longest;
        }
        ready!(self.silence.as_mut().poll(cx));
        if Instant::now() >= self.until {
            return Poll::Ready(());
        }
        self.silence.as_mut().reset(self.until);
        self.silence.as_mut().poll(cx)
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Interrupted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Interrupted>>> {
        match &mut self.0 {
            Way::Direct(watched) => match Pin::new(&mut watched.bytes).poll_frame(cx) {
                Poll::Ready(frame) => {
                    watched.heard = true;
                    Poll::Ready(frame.map(|frame| frame.map_err(|_| Interrupted::Broken)))
                }
                Poll::Pending => {
                    ready!(watched.poll_silence(cx));
                    Poll::Ready(Some(Err(Interrupted::Silent)))
                }
            },
            Way::Reqwest(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|error| if error.is_timeout() { Interrupted::Silent } else { Interrupted::Broken }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Way::Direct(watched) => watched.bytes.is_end_stream(),
            Way::Reqwest(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Way::Direct(watched) => watched.bytes.size_hint(),
            Way::Reqwest(body) => body.size_hint(),
        }
    }
}
