//! A stream taken apart into whole events: each has exactly its bytes, and the text that it adds. Nothing is lost of the
//! bytes, and the texts are the same whatever pieces they come in.

use bytes::{Bytes, BytesMut};

use super::stream::Listener;
use crate::dialect::Dialect;
use crate::sse::Splitter;

/// Most bytes that are kept of lines which no empty line ends, such as comments without end: twice what is kept of an
/// event's data.
const BEGUN_MAX_BYTES: usize = 2 * 1024 * 1024;

/// Takes a stream apart.
#[derive(Debug)]
pub struct Pieces {
    splitter: Splitter,
    listener: Listener,
    /// Bytes of what is not complete.
    begun: BytesMut,
    is_lost: bool,
}

/// A whole event, or a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes, with the empty line that ends it. Empty lines before it belong to it.
    pub bytes: Bytes,
    /// The text that it adds; empty where it says nothing. A line begins where another text does.
    pub text: String,
    /// Which of several choices says it: their texts come in turns, a few letters each.
    pub choice: u64,
}

impl Pieces {
    /// A stream from its beginning.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            splitter: Splitter::default(),
            listener: Listener::new(dialect),
            begun: BytesMut::new(),
            is_lost: false,
        }
    }

    /// Takes the next bytes and adds what they complete to `found`.
    ///
    /// An event that is too large to be read is handed on in parts that have no text, and the stream
    /// [is lost](Self::is_lost): no more than two megabytes are ever kept, beside the bytes that are fed.
    pub fn feed(&mut self, bytes: &[u8], found: &mut Vec<Piece>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (listener, is_lost) = (&mut self.listener, &mut self.is_lost);
            let mut heard = None;
            let taken = self.splitter.feed_block(rest, &mut |event| {
                heard = listener.event(&event);
                *is_lost |= heard.is_none();
            });
            let (block, after) = rest.split_at(taken.unwrap_or(rest.len()).min(rest.len()));
            self.begun.extend_from_slice(block);
            rest = after;
            self.is_lost |= taken.is_none() && self.begun.len() > BEGUN_MAX_BYTES;
            if taken.is_some() || self.begun.len() > BEGUN_MAX_BYTES || self.splitter.is_passing_over() {
                let heard = heard.unwrap_or_default();
                let bytes = self.begun.split().freeze();
                found.push(Piece { bytes, text: heard.text, choice: heard.choice });
            }
        }
    }

    /// The bytes of an event that is not complete, at the end of a stream.
    pub fn rest(&mut self) -> Vec<u8> {
        self.begun.split().to_vec()
    }

    /// Whether something passed that could not be read: an event that was too large, or no JSON.
    pub fn is_lost(&self) -> bool {
        self.is_lost || self.splitter.has_passed_over_an_event()
    }
}
