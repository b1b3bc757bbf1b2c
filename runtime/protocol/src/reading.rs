//! What an answer reports of its usage and of its end, read from a copy of its events or its one document, whatever
//! dialect it is in. Fields are merged, the last value wins, and nothing is ever added.

use pai_bundle::tariff::Tariff;
use pai_bundle::usage::Usage;

use crate::dialect::Dialect;
use crate::event::Failure;
use crate::sse::Event;
use crate::{anthropic, chat, failure, gemini, legacy, responses};

/// What has been read so far.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the answer, none excludes another")]
pub struct Reading {
    /// The counters, once any was reported.
    pub usage: Option<Usage>,
    /// Whether the output counter is that of a finished or finishing answer, not that of its start.
    pub output_is_final: bool,
    /// Whether the answer has said that it is complete.
    pub stopped: bool,
    /// Whether an error was seen in the stream, which ends it as well.
    pub failed: bool,
    /// What the error said, as far as it could be read.
    pub failure: Option<Failure>,
    /// Whether any content has been delivered: from then on another provider would repeat or contradict it.
    pub has_content: bool,
    /// Which price list it goes by.
    pub tariff: Tariff,
    /// Bytes of content delivered: at least as many as tokens.
    pub delivered_bytes: u64,
    dialect: Dialect,
    /// Counters as reported so far, where they come in parts.
    pub(crate) anthropic: anthropic::usage::Counters,
    pub(crate) gemini: gemini::usage::Counters,
    pub(crate) chat: chat::usage::Seen,
}

impl Reading {
    /// Nothing read yet.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            usage: None,
            output_is_final: false,
            stopped: false,
            failed: false,
            failure: None,
            has_content: false,
            tariff: Tariff::default(),
            delivered_bytes: 0,
            dialect,
            anthropic: anthropic::usage::Counters::default(),
            gemini: gemini::usage::Counters::default(),
            chat: chat::usage::Seen::default(),
        }
    }

    /// Reads one event of a stream. Unknown ones, and ones that cannot be read, change nothing.
    pub fn event(&mut self, event: &Event<'_>) {
        let (failed, stopped) = (self.failed, self.stopped);
        match self.dialect {
            Dialect::Messages => anthropic::usage::read(event, self),
            Dialect::Chat => chat::usage::read(event, self),
            Dialect::Responses => responses::usage::read(event, self),
            Dialect::Completions | Dialect::Embeddings => legacy::read(event, self),
            Dialect::Gemini => gemini::usage::read(event, self),
        }
        if failed {
            // vLLM says `[DONE]` after an error too, which completes nothing.
            self.stopped = stopped;
        }
    }

    /// Reads a whole document.
    pub fn document(&mut self, document: &[u8]) {
        self.delivered(document);
        match self.dialect {
            Dialect::Messages => anthropic::usage::read_plain(document, self),
            Dialect::Chat => chat::usage::read_plain(document, self),
            Dialect::Responses => responses::usage::read_plain(document, self),
            Dialect::Completions | Dialect::Embeddings => legacy::read_plain(document, self),
            Dialect::Gemini => gemini::usage::read_plain(document, self),
        }
    }

    /// Whether a stream has told its own end, after which nothing more of it is worth anything. Gemini's streams have no
    /// such event: other answers, and the last counters, may follow the end of one.
    pub fn has_told_its_end(&self) -> bool {
        self.stopped && !self.failed && self.dialect != Dialect::Gemini
    }

    /// The provider gave up, in so many words.
    pub(crate) fn failed(&mut self, said: &[u8]) {
        self.failed = true;
        // Whatever status it would have had: what the error calls itself decides.
        self.failure.get_or_insert_with(|| failure::read(500, said));
    }

    /// Content of so many bytes went by.
    pub(crate) fn delivered(&mut self, content: &[u8]) {
        self.has_content = true;
        self.delivered_bytes = self.delivered_bytes.saturating_add(content.len() as u64);
    }
}
