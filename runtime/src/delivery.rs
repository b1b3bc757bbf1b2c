//! The body of a forwarded answer: straight from the provider, or read by guards before the client reads it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::body::{AnswerBody, CutError};
use crate::guard::Watched;
use crate::settle::Note;

/// What the client gets.
pub(crate) enum Delivery {
    Straight(Box<AnswerBody>),
    Watched(Box<Watched>),
}

impl Delivery {
    /// Adds to the record; nothing where it is written already.
    pub(crate) fn edit_note(&mut self, edit: impl FnOnce(&mut Note)) {
        match self {
            Self::Straight(body) => body.edit_note(edit),
            Self::Watched(body) => body.edit_note(edit),
        }
    }
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = CutError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutError>>> {
        match &mut *self {
            Self::Straight(body) => Pin::new(&mut **body).poll_frame(cx),
            Self::Watched(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Straight(body) => body.is_end_stream(),
            Self::Watched(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Straight(body) => body.size_hint(),
            Self::Watched(body) => body.size_hint(),
        }
    }
}
