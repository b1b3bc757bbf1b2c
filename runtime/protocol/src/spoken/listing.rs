//! A request in three parts: what stands before its list of messages, the list, and what stands behind it. The list can be
//! read on from a stop, by whoever knows what was said up to there: clients send all older messages again, byte for byte.
//!
//! All that the reading of a message takes from those before it is whose turn it is, which a stop has, and what tools their
//! calls called. A stop does not have those. It stands where the assistant's turn begins, so that calls and their results are
//! on one side of it; where a result belongs to no call since the stop, nothing is read, and the whole list has to be.

use std::ops::Range;

use super::tree::{Node, Reader};
use super::turns::Telling;
use super::whole::Unread;
use super::{Spoken, chat, messages, responses};
use crate::dialect::Dialect;

/// Stops that are told, the last ones. Clients change their newest messages when they send them again: Anthropic's mark for
/// its prompt cache goes along with the last two of the user's.
const STOPS: usize = 3;
/// Lists and objects around a message.
const MESSAGE_DEPTH: usize = 2;

/// A request that was read up to where its list of messages begins.
#[derive(Debug)]
pub struct Opening<'a> {
    dialect: Dialect,
    reader: Reader<'a>,
    telling: Telling<'a>,
}

/// A request, read from a stop on.
#[derive(Debug)]
pub struct Listing<'a> {
    /// What is said, less what is said between the beginning of the list and the stop. Whether the rest is new is right.
    pub spoken: Spoken<'a>,
    /// Which passages are of the list.
    pub list: Range<usize>,
    /// The messages.
    pub messages: Vec<Message>,
    /// The last places where it can be read on; each is behind what stands before it.
    pub stops: Vec<Stop>,
}

/// A message of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it is, in bytes of the list.
    pub bytes: Range<usize>,
    /// Which passages it has.
    pub passages: Range<usize>,
}

/// A place behind a message. The default is the beginning of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stop {
    /// Bytes of the list before it.
    pub bytes: usize,
    /// Whose turn it is.
    pub turn: u32,
    /// What no reader of texts can read in the list, up to here.
    pub unread: Vec<&'static str>,
    /// How many messages of the listing are before it.
    pub messages: usize,
}

/// A request as it is, in which it does not matter where the list is. `None` where it cannot be read.
pub(super) fn whole(dialect: Dialect, body: &[u8]) -> Option<Spoken<'_>> {
    match Parts::new(dialect, body)? {
        Parts::All(spoken) => Some(spoken),
        Parts::Opening(opening) => opening.read(&Stop::default()).map(|listing| listing.spoken),
    }
}

/// The texts of one message of a list, by its bytes: the same as in its place. The names of tools are not.
pub fn message(dialect: Dialect, bytes: &[u8]) -> Option<Spoken<'_>> {
    let mut telling = Telling::default();
    element(dialect, Reader { bytes, at: 0 }.value(MESSAGE_DEPTH)?, &mut telling);
    Some(telling.finish())
}

enum Parts<'a> {
    /// Without a list.
    All(Spoken<'a>),
    Opening(Opening<'a>),
}

impl<'a> Parts<'a> {
    fn new(dialect: Dialect, body: &'a [u8]) -> Option<Self> {
        let mut opening =
            Opening { dialect, reader: Reader { bytes: body, at: 0 }, telling: Telling::default() };
        if opening.reader.next()? != b'{' {
            return None;
        }
        opening.reader.pass_space();
        if opening.reader.peek()? == b'}' {
            opening.reader.at += 1;
        } else if opening.members(Until::List)? {
            return Some(Self::Opening(opening));
        }
        opening.reader.is_at_end().then(|| Self::All(opening.telling.finish()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    List,
    End,
}

impl<'a> Opening<'a> {
    /// `None` where there is no list, or it cannot be read.
    pub fn new(dialect: Dialect, body: &'a [u8]) -> Option<Self> {
        match Parts::new(dialect, body)? {
            Parts::Opening(opening) => Some(opening),
            Parts::All(_) => None,
        }
    }

    /// The bytes from the beginning of the list to the end of the body.
    pub fn list(&self) -> &'a [u8] {
        self.reader.bytes.get(self.reader.at..).unwrap_or_default()
    }

    /// Reads the rest, from this stop on. It has to be one of a list that has the same bytes before it.
    ///
    /// `None` where it cannot be read, or not from there.
    pub fn read(mut self, from: &Stop) -> Option<Listing<'a>> {
        let before = std::mem::replace(&mut self.telling.unread, Unread { names: from.unread.clone() });
        let (first, _) = self.telling.place();
        self.telling.go_on(from.turn);
        let (messages, stops) = self.messages(from)?;
        let (end, _) = self.telling.place();
        let listed = std::mem::replace(&mut self.telling.unread, before);
        listed.names.into_iter().for_each(|name| self.telling.unread.add(name));
        match self.reader.next()? {
            b',' => _ = self.members(Until::End)?,
            b'}' => {}
            _ => return None,
        }
        if !self.reader.is_at_end() || (from.bytes > 0 && self.telling.has_stray_result) {
            return None;
        }
        Some(Listing { spoken: self.telling.finish(), list: first..end, messages, stops })
    }

    /// Goes through members. Says whether the list begins here.
    fn members(&mut self, until: Until) -> Option<bool> {
        loop {
            let key = self.reader.key()?;
            self.reader.pass_space();
            let is_list = self.reader.peek()? == b'[' && is_list(self.dialect, &key);
            if is_list && until == Until::List && self.telling.is_at_its_beginning() {
                return Some(true);
            }
            let value = self.reader.value(1)?;
            super::member(self.dialect, &key, value, &mut self.telling)?;
            match self.reader.next()? {
                b',' => {}
                b'}' => return Some(false),
                _ => return None,
            }
        }
    }

    fn messages(&mut self, from: &Stop) -> Option<(Vec<Message>, Vec<Stop>)> {
        let (mut messages, mut stops) = (Vec::new(), Vec::new());
        let begin = self.reader.at;
        if from.bytes == 0 {
            self.reader.at += 1;
            self.reader.pass_space();
            if self.reader.peek()? == b']' {
                self.reader.at += 1;
                return Some((messages, stops));
            }
        } else {
            self.reader.at += from.bytes;
            match self.reader.next()? {
                b',' => {}
                b']' => return Some((messages, stops)),
                _ => return None,
            }
        }
        // Where the client spoke last.
        let mut place: Option<Stop> = None;
        loop {
            self.reader.pass_space();
            let (at, (passages, _)) = (self.reader.at, self.telling.place());
            let node = self.reader.value(MESSAGE_DEPTH)?;
            element(self.dialect, node, &mut self.telling);
            let (end, turn) = self.telling.place();
            let bytes = at - begin..self.reader.at - begin;
            let behind = bytes.end;
            messages.push(Message { bytes, passages: passages..end });
            if turn % 2 == 0 {
                let unread = self.telling.unread.names.clone();
                place = Some(Stop { bytes: behind, turn, unread, messages: messages.len() });
            } else {
                stops.extend(place.take());
            }
            match self.reader.next()? {
                b',' => {}
                b']' => break,
                _ => return None,
            }
        }
        stops.extend(place);
        stops.drain(..stops.len().saturating_sub(STOPS));
        Some((messages, stops))
    }
}

/// Whether a list under this key is one of messages.
fn is_list(dialect: Dialect, key: &str) -> bool {
    match dialect {
        Dialect::Messages | Dialect::Chat | Dialect::Embeddings => key == "messages",
        Dialect::Responses => key == "input",
        Dialect::Completions | Dialect::Gemini => false,
    }
}

fn element<'a>(dialect: Dialect, node: Node<'a>, telling: &mut Telling<'a>) {
    match dialect {
        Dialect::Messages => messages::message(node, telling),
        Dialect::Chat | Dialect::Embeddings => chat::message(node, telling),
        Dialect::Responses => responses::items(node, telling),
        // They have no list.
        Dialect::Completions | Dialect::Gemini => {}
    }
}
