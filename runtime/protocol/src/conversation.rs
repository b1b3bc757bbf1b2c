//! A request that no dialect owns: what is asked, of whom it does not matter. Each dialect reads its requests into this
//! and writes them from it.
//!
//! INVARIANT: what a reader cannot say here, it refuses ([`Untranslatable`]) or lists in [`Conversation::dropped`]; no
//! part of a request disappears in silence.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// JSON as it was written: schemas and arguments keep their order and their numbers.
pub type Json = Box<RawValue>;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// Instructions that stand before the conversation, in order.
    pub system: Vec<String>,
    /// Who said what. Two turns of one speaker may follow each other.
    pub turns: Vec<Turn>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub tool_choice: ToolChoice,
    /// Whether it may call several at once; `None` where nothing was said, which means yes everywhere.
    pub parallel_tool_calls: Option<bool>,
    /// The most tokens of output.
    pub max_output: Option<u64>,
    /// Sampling, as written.
    pub temperature: Option<serde_json::Number>,
    /// Sampling, as written.
    pub top_p: Option<serde_json::Number>,
    /// Sampling, as written.
    pub top_k: Option<u64>,
    /// Where to stop.
    pub stop: Vec<String>,
    /// The form of the answer.
    pub format: Format,
    /// How much to think before.
    pub reasoning: Reasoning,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// Who the client says that its user is.
    pub user: Option<String>,
    /// What was left out on purpose, by the names of the fields: hints that change no answer's meaning, such as
    /// `cache_control`, and fields that nobody here knows. Told to the client in a header.
    pub dropped: Dropped,
    /// Tools whose names the target does not take.
    pub renamed: Renamed,
}

impl Conversation {
    /// Whether its last words are the model's: the answer would have to go on with them, which few providers do, and
    /// each in its own way.
    pub fn is_prefilled(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.speaker == Speaker::Assistant)
    }
}

/// Names of what was left out on purpose, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped(Vec<Cow<'static, str>>);

impl Dropped {
    /// Most names that are kept: the client can have made them up, a million in one body.
    const KEPT: usize = 100;

    /// Adds one.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>) {
        let name = name.into();
        if self.0.len() < Self::KEPT && !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    /// All of them, in the order in which they were met.
    pub fn names(&self) -> &[Cow<'static, str>] {
        &self.0
    }
}

/// Names of tools as they are sent, where the target does not take them as the client asked for them: answers have to
/// call them by the client's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Renamed(BTreeMap<String, String>);

impl Renamed {
    /// Notes one.
    pub fn add(&mut self, sent: &str, asked: &str) {
        self.0.insert(sent.to_owned(), asked.to_owned());
    }

    /// The client's name of what was sent under this one.
    pub fn asked<'a>(&'a self, sent: &'a str) -> &'a str {
        self.0.get(sent).map_or(sent, String::as_str)
    }
}

/// What somebody said.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Who.
    pub speaker: Speaker,
    /// What, in order.
    pub parts: Vec<Part>,
}

/// Who speaks in a turn. Results of tools are the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The client.
    User,
    /// The model.
    Assistant,
}

/// A part of a turn.
#[derive(Debug, Clone)]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Image(Image),
    /// What the model thought, with the provider's own seal; the seal is good at the provider that made it only.
    Thinking {
        /// The words; empty where the provider keeps them.
        text: String,
        /// The seal, as [`crate::event::Seal`] writes it.
        seal: Option<crate::event::Seal>,
    },
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// What the tool said.
    ToolResult(ToolResult),
}

/// A picture in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// In the body.
    Inline {
        /// Such as `image/png`.
        media_type: String,
        /// Base64.
        data: String,
    },
    /// Somewhere else; the provider fetches it.
    Url(String),
}

/// A call of a tool by the model.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// Links it to its result. Dialects without ids make one up when they read.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// An object.
    pub arguments: Json,
    /// A seal that belongs to the call (Gemini's thought signature).
    pub seal: Option<crate::event::Seal>,
}

/// What a tool said.
#[derive(Debug, Clone)]
pub struct ToolResult {
    /// Of which call.
    pub call_id: String,
    /// Text and pictures.
    pub parts: Vec<ResultPart>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A part of what a tool said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultPart {
    /// Words.
    Text(String),
    /// A picture.
    Image(Image),
}

/// A tool that the client runs.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub schema: Option<Json>,
    /// Whether arguments must match the schema to the letter.
    pub strict: Option<bool>,
}

/// Whether a tool must be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// None may be.
    Never,
    /// One must be.
    Any,
    /// This one must be.
    Named(String),
}

/// The form of the answer.
#[derive(Debug, Clone, Default)]
pub enum Format {
    /// Words.
    #[default]
    Text,
    /// Any JSON object.
    Json,
    /// JSON of a schema.
    Schema {
        /// A name for it.
        name: Option<String>,
        /// JSON Schema.
        schema: Json,
        /// Whether it must match to the letter.
        strict: Option<bool>,
    },
}

/// How much to think before answering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reasoning {
    /// As the model does by itself.
    #[default]
    Default,
    /// Not at all.
    Off,
    /// As much as the model finds right.
    Adaptive,
    /// So hard.
    Effort(Effort),
    /// With at most so many tokens.
    Budget(u64),
}

/// How hard to think, in OpenAI's and Anthropic's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// `minimal`
    Minimal,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh` or `max`
    Max,
}

/// A request that cannot be said in another dialect without losing what it means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be asked of this provider")]
pub struct Untranslatable {
    /// What, in the caller's words: a server tool and its name, `n = 3`, a document.
    pub what: String,
}

impl Untranslatable {
    /// Names what cannot be said.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}
