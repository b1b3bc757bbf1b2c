//! Who spoke when: gathers passages in the order of the body, and says at the end which of them are new.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::tree::Node;
use super::whole::{Reads, Unread, whole};
use super::{Passage, Source, Spoken};

/// What has been gathered so far.
#[derive(Debug, Default)]
pub(super) struct Telling<'a> {
    passages: Vec<Passage<'a>>,
    pub(super) unread: Unread,
    /// Even while the client speaks, odd while the assistant does.
    turn: u32,
    /// Names of tools, by the ids of their calls.
    calls: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// Whether a result had an id that no call had before.
    pub(super) has_stray_result: bool,
}

impl<'a> Telling<'a> {
    /// The client speaks from here on.
    pub(super) fn client(&mut self) {
        self.turn += self.turn % 2;
    }

    /// The assistant speaks from here on.
    pub(super) fn assistant(&mut self) {
        self.turn += 1 - self.turn % 2;
    }

    /// A call of a tool, to which a result may refer.
    pub(super) fn called(&mut self, id: Option<Cow<'a, str>>, name: Option<Cow<'a, str>>) {
        if let (Some(id), Some(name)) = (id, name) {
            self.calls.insert(id, name);
        }
    }

    /// The name of the tool that was called under this id, as the source of its result.
    pub(super) fn tool(&mut self, id: Option<&str>) -> Source<'a> {
        let called = id.and_then(|id| self.calls.get(id));
        self.has_stray_result |= id.is_some() && called.is_none();
        Source::Tool(called.cloned().unwrap_or_default())
    }

    /// Where it stands: so many passages, and whose turn it is.
    pub(super) fn place(&self) -> (usize, u32) {
        (self.passages.len(), self.turn)
    }

    /// Goes on in this turn.
    pub(super) fn go_on(&mut self, turn: u32) {
        self.turn = turn;
    }

    /// Whether nothing has been said in a conversation.
    pub(super) fn is_at_its_beginning(&self) -> bool {
        self.turn == 0 && self.calls.is_empty()
    }

    /// A text of the conversation.
    pub(super) fn say(&mut self, source: &Source<'a>, text: Cow<'a, str>) {
        if !text.is_empty() {
            self.passages.push(Passage { source: source.clone(), is_new: false, turn: self.turn, text });
        }
    }

    /// All that is in a part of the conversation, as one text.
    pub(super) fn say_whole(&mut self, source: &Source<'a>, key: &str, node: Node<'a>, reads: Reads) {
        if let Some(text) = whole(key, node, reads, &mut self.unread) {
            self.say(source, text);
        }
    }

    /// All that is in a member which stands outside of the conversation, as one text.
    pub(super) fn say_outside(&mut self, source: Source<'a>, key: &str, node: Node<'a>) {
        if let Some(text) = whole(key, node, Reads::Parts, &mut self.unread) {
            self.passages.push(Passage { source, is_new: true, turn: 0, text });
        }
    }

    /// The same of each element of a list.
    pub(super) fn say_each_outside(&mut self, source: &Source<'a>, key: &str, node: Node<'a>) {
        match node {
            Node::List(list) => {
                for node in list {
                    self.say_outside(source.clone(), key, node);
                }
            }
            node => self.say_outside(source.clone(), key, node),
        }
    }

    /// All of it.
    pub(super) fn finish(self) -> Spoken<'a> {
        // The client's last turn, even where words of the assistant's follow it.
        let newest = self.turn - self.turn % 2;
        let mut passages = self.passages;
        for passage in &mut passages {
            passage.is_new |= match passage.source {
                Source::System => true,
                Source::Tool(_) => passage.turn + 1 >= newest,
                Source::User | Source::Assistant => passage.turn >= newest,
            };
        }
        Spoken { passages, unread: self.unread.names }
    }
}
