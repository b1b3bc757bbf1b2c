//! What tells one speaker of OpenAI's dialects from another.

use serde_json::Value;

use crate::deliver::Piece;
use crate::house::House;
use crate::log::Reported;
use crate::receive::Received;
use crate::refusal::Refusal;

/// A provider's way to speak the dialect.
#[derive(Debug)]
pub(crate) struct Accent {
    /// Headers and errors.
    pub(crate) house: House,
    /// Whether the request has the credential that it needs.
    pub(crate) admits: fn(&Received) -> Result<(), Refusal>,
    /// What is refused here beside what all refuse.
    pub(crate) checks: fn(&Value) -> Result<(), Refusal>,
    /// What it says to a prompt that its filters find fault with, if it has any.
    pub(crate) blocked: Option<fn() -> Refusal>,
    /// Where streams tell usage.
    pub(crate) stream_usage: StreamUsage,
    /// What a stream begins with.
    pub(crate) before: fn() -> Vec<Piece>,
    /// A comment that keeps a stream alive, before its first chunk and once within.
    pub(crate) between: Option<&'static str>,
    /// Adds to a choice.
    pub(crate) choice: fn(&mut Value),
    /// Members of a message, or of a delta, that show these thoughts.
    pub(crate) thoughts: fn(&str) -> Value,
    /// Adds to usage.
    pub(crate) usage: fn(&mut Value, &Reported),
    /// Adds to a document or a chunk.
    pub(crate) mark: fn(&mut Value),
    /// What a stream breaks off with.
    pub(crate) error_chunk: fn(&Refusal) -> Value,
}

/// Where a stream of chat completions tells usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamUsage {
    /// In a last chunk without choices if asked for; then every other chunk says `null`.
    OnRequest,
    /// The same, and other chunks say nothing, unless they are asked to have it all the time.
    OnRequestOrContinuous,
    /// In a last chunk without choices, asked or not.
    Always,
}
