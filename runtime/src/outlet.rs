//! What becomes of a provider's bytes on their way to the client: nothing, an event less, or another dialect.

use pai_protocol::asked::StreamUsage;
use pai_protocol::chat::hidden::HiddenUsage;
use pai_protocol::conversation::Renamed;
use pai_protocol::translate::{self, Over, Question, StreamTranslator};
use pai_protocol::{Asked, Dialect};

use crate::meter::{Encoding, Form, Seen};
use crate::prepare::Prepared;

/// Most bytes of a plain answer that is translated.
const DOCUMENT_MAX_BYTES: usize = 32 * 1024 * 1024;

/// The way of an answer's bytes.
pub(crate) enum Outlet {
    /// As they are.
    Same,
    /// Without the usage that the gateway asked for and the client did not.
    Hidden(HiddenUsage),
    /// A stream in another dialect.
    Stream(Box<StreamTranslator>),
    /// A document in another dialect, once it is whole.
    Document(Box<Document>),
    /// Nothing: what arrived cannot be translated.
    Nothing,
}

/// A document on its way into another dialect.
pub(crate) struct Document {
    from: Dialect,
    to: Dialect,
    question: Question,
    renamed: Renamed,
    kept: Vec<u8>,
    fits: bool,
}

impl Outlet {
    pub(crate) fn new(
        asked: &Asked,
        prepared: &Prepared,
        form: Form,
        encoding: Encoding,
        question: Question,
    ) -> Self {
        let (from, to) = (prepared.dialect, asked.dialect);
        match form {
            Form::Stream if prepared.is_translated() => {
                StreamTranslator::new(from, to, question, prepared.renamed())
                    .map_or(Self::Nothing, |it| Self::Stream(Box::new(it)))
            }
            Form::Plain if prepared.is_translated() => Self::Document(Box::new(Document {
                from,
                to,
                question,
                renamed: prepared.renamed(),
                kept: Vec::new(),
                fits: true,
            })),
            // In packed bytes nothing can be left out.
            Form::Stream if asked.stream_usage != StreamUsage::Reported && encoding == Encoding::Identity => {
                Self::Hidden(HiddenUsage::default())
            }
            Form::Stream | Form::Plain => Self::Same,
        }
    }

    /// Whether the provider's own bytes are the client's.
    pub(crate) fn is_same(&self) -> bool {
        matches!(self, Self::Same)
    }

    /// Takes what the meter has seen and adds to `text` what the client gets for it.
    pub(crate) fn feed(&mut self, seen: Seen<'_>, text: &mut Vec<u8>) {
        match (self, seen) {
            (Self::Hidden(hidden), Seen::Bytes(bytes)) => hidden.feed(bytes, text),
            (Self::Stream(translator), Seen::Event(event)) => translator.event(event, text),
            (Self::Stream(translator), Seen::PassedOver) => translator.passed_over(text),
            (Self::Document(document), Seen::Bytes(bytes)) => {
                document.fits &= document.kept.len() + bytes.len() <= DOCUMENT_MAX_BYTES;
                if document.fits {
                    document.kept.extend_from_slice(bytes);
                }
            }
            (Self::Same | Self::Nothing | Self::Hidden(_) | Self::Stream(_) | Self::Document(_), _) => {}
        }
    }

    /// The provider is done. False where what it sent is no answer.
    pub(crate) fn end(&mut self, text: &mut Vec<u8>) -> bool {
        match self {
            Self::Same => true,
            Self::Nothing => false,
            Self::Hidden(hidden) => {
                hidden.end(text);
                true
            }
            Self::Stream(translator) => {
                translator.end(text);
                translator.over() == Some(Over::Clean)
            }
            Self::Document(document) => {
                let Document { from, to, question, renamed, kept, fits } = &mut **document;
                let translated =
                    fits.then(|| translate::document(*from, *to, question.clone(), renamed, kept)).flatten();
                let is_answer = translated.is_some();
                text.extend(translated.unwrap_or_default());
                is_answer
            }
        }
    }

    /// Whether the client has been told, in its own words, that the answer is over.
    pub(crate) fn over(&self) -> Option<Over> {
        match self {
            Self::Stream(translator) => translator.over(),
            Self::Same | Self::Hidden(_) | Self::Document(_) | Self::Nothing => None,
        }
    }

    /// Whether the client has read the end of a stream once the provider has told it.
    pub(crate) fn tells_the_end_at_once(&self) -> bool {
        match self {
            Self::Same | Self::Hidden(_) => true,
            Self::Stream(translator) => translator.over() == Some(Over::Clean),
            Self::Document(_) | Self::Nothing => false,
        }
    }

    /// Whether whatever follows, what has come can no longer become an answer.
    pub(crate) fn is_lost(&self) -> bool {
        match self {
            Self::Same | Self::Hidden(_) => false,
            Self::Stream(translator) => translator.over() == Some(Over::Failed),
            Self::Document(document) => !document.fits,
            Self::Nothing => true,
        }
    }

    /// What keeps a silent connection alive, where events are the gateway's own.
    pub(crate) fn ping(&self) -> Option<&'static [u8]> {
        match self {
            Self::Stream(translator) => Some(translator.ping()),
            Self::Same | Self::Hidden(_) | Self::Document(_) | Self::Nothing => None,
        }
    }

    /// Tells the client that nothing more comes, where it can be told in the middle of anything; else false.
    pub(crate) fn break_off(&mut self, why: &str, text: &mut Vec<u8>) -> bool {
        match self {
            Self::Stream(translator) => {
                translator.break_off(why, text);
                true
            }
            Self::Hidden(hidden) => {
                hidden.end(text);
                false
            }
            Self::Same | Self::Document(_) | Self::Nothing => false,
        }
    }
}
