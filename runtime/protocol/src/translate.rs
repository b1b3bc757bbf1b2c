//! From one dialect to another: a request on its way out, an answer on its way back.

use bytes::Bytes;
use pai_bundle::provider::ProviderKind;

use crate::asked::Input;
use crate::conversation::{Conversation, Dropped, Renamed, Untranslatable};
use crate::dialect::Dialect;
use crate::event::{Block, Event, Failure, FailureKind};
use crate::{anthropic, chat, gemini, responses};

/// To whom a request goes.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// What it speaks.
    pub dialect: Dialect,
    /// What kind of provider it is: dialects have accents.
    pub kind: ProviderKind,
    /// Its own name of the model.
    pub model: &'a str,
    /// The most tokens that this model answers with. Asked for where the client said nothing, and never more than this:
    /// a client that asks one model for 64,000 would be refused by another that has 16,000.
    pub max_output: u64,
}

/// A request in another dialect.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The body.
    pub body: Bytes,
    /// What was left out on purpose.
    pub dropped: Dropped,
    /// Tools under other names than the client's.
    pub renamed: Renamed,
}

/// Says a request of one dialect in another.
pub fn request(from: Dialect, body: &[u8], target: &Target<'_>) -> Result<Translated, Untranslatable> {
    let mut conversation = read(from, body)?;
    let text = write(&mut conversation, target)?;
    Ok(Translated { body: text.into(), dropped: conversation.dropped, renamed: conversation.renamed })
}

fn read(dialect: Dialect, body: &[u8]) -> Result<Conversation, Untranslatable> {
    match dialect {
        Dialect::Messages => anthropic::from_request::read(body),
        Dialect::Chat => chat::from_request::read(body),
        Dialect::Responses => responses::from_request::read(body),
        Dialect::Completions => Err(Untranslatable::new("a completion without a conversation")),
        Dialect::Embeddings => Err(Untranslatable::new("an embedding")),
        Dialect::Gemini => Err(Untranslatable::new("a request of Google's")),
    }
}

/// Writers add to `dropped` what the target has no word for and does not need.
fn write(conversation: &mut Conversation, target: &Target<'_>) -> Result<Vec<u8>, Untranslatable> {
    match target.dialect {
        Dialect::Messages => anthropic::to_request::write(conversation, target),
        Dialect::Chat => chat::to_request::write(conversation, target),
        Dialect::Gemini => gemini::to_request::write(conversation, target),
        // Providers that speak these are asked in them by callers of the same dialect alone.
        Dialect::Responses | Dialect::Completions | Dialect::Embeddings => {
            Err(Untranslatable::new("a conversation of another protocol"))
        }
    }
}

/// The same input, when it is said in other words: bounds hold for what is sent.
pub fn input_of(asked: &Input, translated: &Translated) -> Input {
    let bytes = (translated.body.len() as u64).saturating_sub(asked.image_data_bytes);
    Input { text_bytes: asked.text_bytes.max(bytes), ..asked.clone() }
}

/// What an answer's writer must know of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The gateway's name of the request: names the answer where the provider gave none.
    pub id: String,
    /// The model that was asked, for providers that do not say which one answers.
    pub model: String,
    /// Seconds since 1970 in UTC, for dialects whose answers are dated.
    pub created: i64,
    /// Whether a stream of chat completions was asked to say what it used.
    pub stream_usage: bool,
}

/// Reads a provider's answer in its dialect.
enum Reader {
    Messages(Box<anthropic::from_answer::Reader>),
    Chat(Box<chat::from_answer::Reader>),
    Gemini(Box<gemini::from_answer::Reader>),
}

impl Reader {
    /// `None` for dialects that are never translated from.
    fn new(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Messages => Some(Self::Messages(Box::default())),
            Dialect::Chat => Some(Self::Chat(Box::default())),
            Dialect::Gemini => Some(Self::Gemini(Box::default())),
            Dialect::Responses | Dialect::Completions | Dialect::Embeddings => None,
        }
    }

    fn event(&mut self, event: &crate::sse::Event<'_>, found: &mut Vec<Event>) {
        match self {
            Self::Messages(reader) => reader.event(event, found),
            Self::Chat(reader) => reader.event(event, found),
            Self::Gemini(reader) => reader.event(event, found),
        }
    }

    /// A whole document: the same events as the stream of the same answer. `None` where it is no answer.
    fn document(&mut self, document: &[u8]) -> Option<Vec<Event>> {
        match self {
            Self::Messages(reader) => reader.document(document),
            Self::Chat(reader) => reader.document(document),
            Self::Gemini(reader) => reader.document(document),
        }
    }

    /// The provider has closed the stream.
    fn end(&mut self, found: &mut Vec<Event>) {
        match self {
            Self::Messages(reader) => reader.end(found),
            Self::Chat(reader) => reader.end(found),
            Self::Gemini(reader) => reader.end(found),
        }
    }
}

/// Writes an answer in a client's dialect.
enum Writer {
    Messages(Box<anthropic::to_answer::Writer>),
    Chat(Box<chat::to_answer::Writer>),
    Responses(Box<responses::to_answer::Writer>),
}

impl Writer {
    fn new(dialect: Dialect, question: Question) -> Option<Self> {
        match dialect {
            Dialect::Messages => Some(Self::Messages(Box::new(anthropic::to_answer::Writer::new(question)))),
            Dialect::Chat => Some(Self::Chat(Box::new(chat::to_answer::Writer::new(question)))),
            Dialect::Responses => {
                Some(Self::Responses(Box::new(responses::to_answer::Writer::new(question))))
            }
            Dialect::Completions | Dialect::Embeddings | Dialect::Gemini => None,
        }
    }

    fn event(&mut self, event: &Event, text: &mut Vec<u8>) {
        match self {
            Self::Messages(writer) => writer.event(event, text),
            Self::Chat(writer) => writer.event(event, text),
            Self::Responses(writer) => writer.event(event, text),
        }
    }

    /// The whole document of an answer that came to its end.
    fn document(&mut self, events: &[Event]) -> Vec<u8> {
        match self {
            Self::Messages(writer) => writer.document(events),
            Self::Chat(writer) => writer.document(events),
            Self::Responses(writer) => writer.document(events),
        }
    }

    /// What keeps a silent connection alive without meaning anything.
    fn ping(&self) -> &'static [u8] {
        match self {
            Self::Messages(_) => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
            // A comment: OpenAI's clients pass over it.
            Self::Chat(_) | Self::Responses(_) => b": ping\n\n",
        }
    }
}

/// Turns a stream of one dialect into one of another, event by event. What it writes are whole events.
pub struct StreamTranslator {
    reader: Reader,
    writer: Writer,
    found: Vec<Event>,
    renamed: Renamed,
    over: Option<Over>,
}

/// How a translated stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Complete.
    Clean,
    /// With an error, which the client has been told in its own words.
    Failed,
}

impl StreamTranslator {
    /// For the answer to a request whose tools were sent under other names; `None` where nothing is translated between
    /// the two.
    pub fn new(from: Dialect, to: Dialect, question: Question, renamed: Renamed) -> Option<Self> {
        Some(Self {
            reader: Reader::new(from)?,
            writer: Writer::new(to, question)?,
            found: Vec::new(),
            renamed,
            over: None,
        })
    }

    /// Takes the next event and adds to `text` what it comes to.
    pub fn event(&mut self, event: &crate::sse::Event<'_>, text: &mut Vec<u8>) {
        self.reader.event(event, &mut self.found);
        self.hand_on(text);
    }

    /// An event was too large to be read, so that what follows would not be the whole answer.
    pub fn passed_over(&mut self, text: &mut Vec<u8>) {
        self.break_off("the provider sent an event that is too large to be translated", text);
    }

    /// The provider has closed the stream: what it had not finished is an error.
    pub fn end(&mut self, text: &mut Vec<u8>) {
        self.reader.end(&mut self.found);
        self.hand_on(text);
        self.break_off("the provider broke off in the middle of its answer", text);
    }

    /// Tells the client, in its own words, that nothing more comes; nothing where the stream is over already.
    pub fn break_off(&mut self, why: &str, text: &mut Vec<u8>) {
        let failure = Failure { kind: FailureKind::Internal, message: why.to_owned() };
        self.found.push(Event::Error(failure));
        self.hand_on(text);
    }

    /// Whether and how it is over.
    pub fn over(&self) -> Option<Over> {
        self.over
    }

    /// What keeps a silent connection alive.
    pub fn ping(&self) -> &'static [u8] {
        self.writer.ping()
    }

    fn hand_on(&mut self, text: &mut Vec<u8>) {
        for mut event in self.found.drain(..) {
            if self.over.is_some() {
                break;
            }
            self.over = match event {
                Event::End => Some(Over::Clean),
                Event::Error(_) => Some(Over::Failed),
                _ => None,
            };
            name_back(&mut event, &self.renamed);
            self.writer.event(&event, text);
        }
    }
}

/// Calls a tool by the client's name.
fn name_back(event: &mut Event, renamed: &Renamed) {
    if let Event::Open(Block::ToolCall { name, .. }) = event {
        *name = renamed.asked(name).to_owned();
    }
}

/// Turns a plain answer of one dialect into one of another; `None` where it is no answer of the first.
pub fn document(
    from: Dialect,
    to: Dialect,
    question: Question,
    renamed: &Renamed,
    document: &[u8],
) -> Option<Vec<u8>> {
    let mut events = Reader::new(from)?.document(document)?;
    for event in &mut events {
        name_back(event, renamed);
    }
    Some(Writer::new(to, question)?.document(&events))
}
