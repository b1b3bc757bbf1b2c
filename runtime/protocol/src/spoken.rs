//! What is said in requests and answers, in one form for all dialects: the texts that a guard judges, by who says them.
//!
//! Nothing is unread in silence. Texts in known places go to their speaker; what nobody here knows is read whole, every
//! string of it; and what no reader of texts can read is named in [`Spoken::unread`]. A repeated key hides nothing: both
//! values are read, whichever the provider takes.
//!
//! Not read, since no model sees it: settings such as `model`, `stop` or `tool_choice`, the client's own names of users
//! and requests (`metadata`, `user`, `prompt_cache_key`), credentials of tool servers and data sources (these are named
//! as unread, never read), and the seals that providers put on their models' own thoughts. `suffix` and `prediction` are
//! the user's words; schemas of answers and definitions of tools are the system's.

mod tree;
mod whole;
mod turns;
mod messages;
mod chat;
mod responses;
mod legacy;
mod answer;
mod stream;
mod repeated;
mod pieces;
mod listing;

use std::borrow::Cow;

use serde::de::Error as _;

pub use self::answer::answer;
pub use self::listing::{Listing, Message, Opening, Stop, message};
pub use self::pieces::{Piece, Pieces};
use self::tree::Node;
use self::turns::Telling;
use crate::asked::RequestError;
use crate::dialect::Dialect;

/// Everything that is said in a request's body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoken<'a> {
    /// The texts, in the order of the body.
    pub passages: Vec<Passage<'a>>,
    /// What no reader of texts can read, each once: "an image", "a document", "a file", "audio", "a stored conversation".
    pub unread: Vec<&'static str>,
}

/// A text that somebody says. What is read whole is one passage: its strings, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage<'a> {
    /// Who says it.
    pub source: Source<'a>,
    /// Whether it stands after the last turn of the assistant's, and so in no request before this one. Where the
    /// conversation ends with words of the assistant's, to be gone on with, they are new, and so is what they follow.
    /// What tools said within the last turn of the assistant's, at the provider, is new as well. The system's always is.
    pub is_new: bool,
    /// Which turn of the conversation it belongs to: the client's have even numbers from 0, the assistant's odd ones.
    /// What stands outside of the conversation, such as instructions, has 0.
    pub turn: u32,
    /// The words.
    pub text: Cow<'a, str>,
}

/// Who says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// Instructions, and definitions of tools.
    System,
    /// The user, and whoever has no known role.
    User,
    /// The model, or what the client says that it said.
    Assistant,
    /// A tool's result, by the tool's name; empty if unknown.
    Tool(Cow<'a, str>),
}

/// Reads a request, of any dialect that clients speak. Takes every body that [`crate::Asked::read`] takes, and more:
/// unpaired surrogates, bytes that are no UTF-8 and numbers out of range, which some providers take too.
pub fn request(dialect: Dialect, body: &[u8]) -> Result<Spoken<'_>, RequestError> {
    if let Some(spoken) = listing::whole(dialect, body) {
        return Ok(spoken);
    }
    let text = as_text(body);
    if let Cow::Owned(text) = &text
        && let Some(spoken) = listing::whole(dialect, text.as_bytes())
    {
        return Ok(spoken.into_owned());
    }
    if tree::read(text.as_bytes()).is_some() {
        return Err(RequestError::NotAnObject);
    }
    let said = serde_json::from_slice::<serde::de::IgnoredAny>(body).err();
    Err(said.unwrap_or_else(|| serde_json::Error::custom("it cannot be read")).into())
}

/// Bytes as text; what is no UTF-8 is replaced. The library's own replacement looks at every byte for itself: with it a
/// conversation of 400 KiB took 1.35 ns a byte in all, and 0.76 with a check before.
fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Reads a member of a body. `None` for a dialect that no client speaks.
fn member<'a>(dialect: Dialect, key: &str, value: Node<'a>, telling: &mut Telling<'a>) -> Option<()> {
    match dialect {
        Dialect::Messages => messages::member(key, value, telling),
        Dialect::Chat => chat::member(key, value, telling),
        Dialect::Responses => responses::member(key, value, telling),
        Dialect::Completions => legacy::completion(key, value, telling),
        Dialect::Embeddings => legacy::embedding(key, value, telling),
        Dialect::Gemini => return None,
    }
    Some(())
}

impl Spoken<'_> {
    fn into_owned(self) -> Spoken<'static> {
        let passages = self.passages.into_iter().map(|passage| Passage {
            source: match passage.source {
                Source::System => Source::System,
                Source::User => Source::User,
                Source::Assistant => Source::Assistant,
                Source::Tool(name) => Source::Tool(Cow::Owned(name.into_owned())),
            },
            is_new: passage.is_new,
            turn: passage.turn,
            text: Cow::Owned(passage.text.into_owned()),
        });
        Spoken { passages: passages.collect(), unread: self.unread }
    }
}

#[cfg(test)]
mod tests {
    mod answers;
    mod any;
    mod listings;
    mod messages;
    mod openai;
    mod streams;

    use super::*;

    /// What is read, a line for each passage: `+` where it is new, its turn, who says it, its text; then what is unread.
    fn told(dialect: Dialect, body: &str) -> String {
        let spoken = request(dialect, body.as_bytes()).expect("a request");
        let mut lines = Vec::new();
        for passage in &spoken.passages {
            let source = match &passage.source {
                Source::System => "system".to_owned(),
                Source::User => "user".to_owned(),
                Source::Assistant => "assistant".to_owned(),
                Source::Tool(name) => format!("tool {name}"),
            };
            let new = if passage.is_new { '+' } else { ' ' };
            lines.push(format!("{new}{} {source}: {}", passage.turn, passage.text.replace('\n', " | ")));
        }
        lines.extend(spoken.unread.iter().map(|name| format!("unread: {name}")));
        lines.join("\n")
    }

    /// Each body with what is read of it.
    fn check(dialect: Dialect, table: &[(&str, &[&str])]) {
        for (body, expected) in table {
            assert_eq!(told(dialect, body), expected.join("\n"), "{body}");
        }
    }
}
