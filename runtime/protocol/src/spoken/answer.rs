//! What is said in a plain answer: all that the model says, in order, a line for each text.

use std::borrow::Cow;

use super::messages::call;
use super::tree::{self, Member, Node, named};
use super::whole::{Reads, Unread, each};
use crate::dialect::Dialect;

/// The text of a plain answer; `None` where it is not one that can be read: then what it says is not known.
///
/// An answer without words, such as embeddings or a count of tokens, has an empty text.
pub fn answer(dialect: Dialect, document: &[u8]) -> Option<String> {
    let text = super::as_text(document);
    let Node::Object(members) = tree::read(text.as_bytes())? else { return None };
    let has = |key: &str| members.iter().any(|(name, value)| name == key && *value != Node::Null);
    let expected = match dialect {
        Dialect::Messages if has("input_tokens") => return Some(String::new()),
        Dialect::Messages => "content",
        Dialect::Chat | Dialect::Completions => "choices",
        Dialect::Responses => "output",
        Dialect::Embeddings => "data",
        Dialect::Gemini => return None,
    };
    if !has(expected) {
        return None;
    }
    let mut texts = Vec::new();
    for (_, value) in members.into_iter().filter(|(key, _)| key == expected) {
        match dialect {
            Dialect::Messages => blocks(value, |_, text| texts.push(text)),
            Dialect::Chat | Dialect::Completions => {
                choices(value, |said| texts.push(said.text));
            }
            Dialect::Responses => items(value, |_, text| texts.push(text)),
            Dialect::Embeddings | Dialect::Gemini => {}
        }
    }
    Some(texts.join("\n"))
}

/// The texts of content blocks of Messages, each with its key.
pub(super) fn blocks<'a>(value: Node<'a>, mut said: impl FnMut(&str, Cow<'a, str>)) {
    let list = match value {
        Node::List(list) => list,
        value => vec![value],
    };
    for block in list {
        let (block, reads) = match block {
            Node::Object(members)
                if named(&members, "type").is_some_and(|kind| kind.ends_with("tool_use")) =>
            {
                (call(members), Reads::Arguments)
            }
            block => (block, Reads::Answer),
        };
        each("", block, reads, &mut Unread::default(), &mut said);
    }
}

/// A text of a choice.
pub(super) struct Chosen<'a, 'k> {
    /// Which choice.
    pub(super) choice: u64,
    /// Which call within it, from 1; 0 outside of calls.
    pub(super) call: u64,
    /// The key that it stands under.
    pub(super) key: &'k str,
    pub(super) text: Cow<'a, str>,
}

/// The texts of the choices of a chat completion, or of a chunk of one.
pub(super) fn choices<'a>(value: Node<'a>, mut said: impl FnMut(Chosen<'a, '_>)) {
    let Node::List(list) = value else { return };
    for choice in list {
        let Node::Object(members) = choice else { continue };
        let choice = tree::counted(&members, "index");
        for (key, value) in members {
            match value {
                Node::Object(members) if matches!(&*key, "message" | "delta") => {
                    message(choice, members, &mut said);
                }
                value if matches!(&*key, "message" | "delta" | "text") => {
                    each(&key, value, Reads::Answer, &mut Unread::default(), |key, text| {
                        said(Chosen { choice, call: 0, key, text });
                    });
                }
                _ => {}
            }
        }
    }
}

fn message<'a>(choice: u64, members: Vec<Member<'a>>, said: &mut impl FnMut(Chosen<'a, '_>)) {
    let thoughts = named(&members, "reasoning").unwrap_or_default().to_owned();
    for (key, value) in members {
        match (&*key, value) {
            ("tool_calls", Node::List(calls)) => {
                for (place, call) in (1..).zip(calls) {
                    let call_index = match &call {
                        Node::Object(members) if members.iter().any(|(key, _)| key == "index") => {
                            tree::counted(members, "index").saturating_add(1)
                        }
                        _ => place,
                    };
                    each("", call, Reads::Answer, &mut Unread::default(), |key, text| {
                        said(Chosen { choice, call: call_index, key, text });
                    });
                }
            }
            (name, value) => each(name, value, Reads::Answer, &mut Unread::default(), |key, text| {
                // OpenRouter says the same thoughts under two names.
                if name != "reasoning_details" || !thoughts.contains(&*text) {
                    said(Chosen { choice, call: 0, key, text });
                }
            }),
        }
    }
}

/// The texts of items of Responses, each with its key.
pub(super) fn items<'a>(value: Node<'a>, said: impl FnMut(&str, Cow<'a, str>)) {
    each("", value, Reads::Answer, &mut Unread::default(), said);
}
