//! What is judged together, and which passages belong to it.

use pai_protocol::spoken::{Passage, Source};

use super::harness;
use super::judgement::Place;

/// Bytes of the name of a tool that is remembered, at most.
const NAME_BYTES: usize = 256;

/// What is judged together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Prompts,
    System,
    /// Results of the tool of that name.
    Tool(String),
}

/// Whether the client is one whose users' turns have its own words in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Client {
    Any = 0,
    ClaudeCode = 1,
}

impl Subject {
    /// The one that a passage belongs to.
    pub(super) fn of(passage: &Passage<'_>, client: Client) -> Option<Self> {
        match &passage.source {
            Source::User if client == Client::ClaudeCode && harness::is_reminder(passage) => {
                Some(Self::System)
            }
            Source::User => Some(Self::Prompts),
            Source::System => Some(Self::System),
            Source::Tool(name) => Some(Self::Tool(name.to_string())),
            Source::Assistant => None,
        }
    }

    /// Whether a passage belongs to it.
    pub(super) fn has(&self, passage: &Passage<'_>, client: Client) -> bool {
        match (&passage.source, self) {
            (Source::User, Self::Prompts) => !(client == Client::ClaudeCode && harness::is_reminder(passage)),
            (Source::User, Self::System) => client == Client::ClaudeCode && harness::is_reminder(passage),
            (Source::System, Self::System) => true,
            (Source::Tool(name), Self::Tool(wanted)) => name == wanted,
            _ => false,
        }
    }

    /// Whether its name is no tool's that is worth remembering.
    pub(super) fn is_long(&self) -> bool {
        matches!(self, Self::Tool(name) if name.len() > NAME_BYTES)
    }

    /// Where its texts stand.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Prompts => Place::User,
            Self::System => Place::System,
            Self::Tool(_) => Place::Tool,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prompts => f.write_str("prompts"),
            Self::System => f.write_str("system"),
            Self::Tool(name) => write!(f, "toolResults/{name}"),
        }
    }
}
