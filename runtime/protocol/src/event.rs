//! An answer that no dialect owns: a row of events. Each dialect's answers, plain or streaming, are read into these and
//! written from them.
//!
//! The order is: [`Event::Start`]; blocks, one after the other, each [`Event::Open`], any number of deltas,
//! [`Event::Close`]; [`Event::Usage`] anywhere; [`Event::Finish`]; [`Event::End`]. [`Event::Error`] may stand anywhere, and
//! nothing follows it. INVARIANT: readers hold to the order whatever a provider sends; writers rely on it.

use pai_bundle::usage::Usage;

/// A step of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It begins.
    Start {
        /// The provider's own name of the answer.
        id: Option<String>,
        /// The model that answers, as the provider calls it.
        model: Option<String>,
    },
    /// A block begins.
    Open(Block),
    /// More of the open block.
    Delta(Delta),
    /// The open block ends.
    Close,
    /// The counters so far; the last ones count.
    Usage(Usage),
    /// Why nothing more is said.
    Finish(Finish),
    /// It is complete.
    End,
    /// It broke off.
    Error(Failure),
}

/// What kind of block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Words.
    Text,
    /// Thoughts.
    Thinking,
    /// A call of a tool.
    ToolCall {
        /// Links it to its result.
        id: String,
        /// Which tool.
        name: String,
    },
}

/// More of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// Of words, in [`Block::Text`].
    Text(String),
    /// Of thoughts, in [`Block::Thinking`].
    Thinking(String),
    /// Of a tool's arguments, JSON in pieces, in [`Block::ToolCall`].
    Arguments(String),
    /// The provider's seal on the thoughts or on the call.
    Seal(Seal),
}

/// What a provider wants back with its thoughts to believe that they are its own. Opaque, and good for that provider
/// alone: elsewhere it would be refused, so writers leave foreign ones out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Who made it.
    pub maker: SealMaker,
    /// As made.
    pub value: String,
}

/// Who makes seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealMaker {
    /// Anthropic's `signature` of a thinking block.
    Anthropic,
    /// Anthropic's `data` of a redacted thinking block.
    AnthropicRedacted,
    /// Gemini's `thoughtSignature`.
    Gemini,
    /// OpenAI's `encrypted_content` of a reasoning item, with its id before a `/`.
    OpenAi,
}

impl Seal {
    /// Marks seals of others within Anthropic's dialect, whose clients send signatures back as they got them.
    const FOREIGN: &str = "pai:";

    /// As the `signature` of a thinking block.
    pub fn as_signature(&self) -> String {
        match self.maker {
            SealMaker::Anthropic | SealMaker::AnthropicRedacted => self.value.clone(),
            SealMaker::Gemini => format!("{}gemini:{}", Self::FOREIGN, self.value),
            SealMaker::OpenAi => format!("{}openai:{}", Self::FOREIGN, self.value),
        }
    }

    /// From the `signature` of a thinking block.
    pub fn from_signature(signature: &str) -> Self {
        let foreign = signature.strip_prefix(Self::FOREIGN).and_then(|rest| rest.split_once(':'));
        match foreign {
            Some(("gemini", value)) => Self { maker: SealMaker::Gemini, value: value.to_owned() },
            Some(("openai", value)) => Self { maker: SealMaker::OpenAi, value: value.to_owned() },
            _ => Self { maker: SealMaker::Anthropic, value: signature.to_owned() },
        }
    }
}

/// Why nothing more is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// All is said.
    Done,
    /// Tools are to be called.
    ToolCalls,
    /// The most tokens of output are reached.
    MaxOutput,
    /// One of the stop sequences came; which, where the provider says so.
    Stop(Option<String>),
    /// The model, or a filter of the provider's, refuses.
    Refused,
    /// The model's window is full.
    ContextFull,
    /// A long turn pauses, to be gone on with (Anthropic's `pause_turn`).
    Paused,
}

/// An error in the middle of an answer, or instead of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// The provider's words.
    pub message: String,
}

/// Kinds of errors that clients tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The request is wrong.
    Invalid,
    /// The key is wrong.
    Authentication,
    /// It may not.
    Permission,
    /// There is no such thing.
    NotFound,
    /// It is too large.
    TooLarge,
    /// Too many requests.
    RateLimit,
    /// The provider's account is out of money.
    Billing,
    /// It took too long.
    Timeout,
    /// Too much to do just now.
    Overloaded,
    /// Anything else on the provider's side.
    Internal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_comes_back_to_whom_made_it() {
        for maker in [SealMaker::Anthropic, SealMaker::Gemini, SealMaker::OpenAi] {
            let seal = Seal { maker, value: "a:b/c==".to_owned() };
            assert_eq!(Seal::from_signature(&seal.as_signature()), seal);
        }
    }
}
