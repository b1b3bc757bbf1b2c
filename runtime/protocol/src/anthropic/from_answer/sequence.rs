//! Puts blocks one after the other, however their events are interleaved. Anthropic sends them so; servers that speak
//! its dialect and have several calls of tools at once may not.

use std::collections::BTreeMap;

use crate::event::{Block, Delta, Event};

/// The blocks of an answer.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    current: Option<Current>,
    /// Those that began while another was open, by their index.
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Current {
    index: u64,
    kind: Kind,
    /// Arguments that came whole with the beginning, unless pieces of them follow.
    arguments: Option<String>,
}

#[derive(Debug)]
struct Waiting {
    block: Block,
    arguments: Option<String>,
    deltas: Vec<Delta>,
    is_closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    ToolCall,
}

impl Sequence {
    /// A block begins. One that has begun already goes on.
    pub(super) fn open(
        &mut self,
        index: u64,
        block: Block,
        arguments: Option<String>,
        found: &mut Vec<Event>,
    ) {
        match &self.current {
            None => self.begin(index, block, arguments, found),
            Some(current) if current.index == index => {}
            Some(_) => {
                let waiting = Waiting { block, arguments, deltas: Vec::new(), is_closed: false };
                self.waiting.entry(index).or_insert(waiting);
            }
        }
    }

    /// More of a block. Words and thoughts may come without a beginning; arguments without one have no tool.
    pub(super) fn delta(&mut self, index: u64, delta: Delta, found: &mut Vec<Event>) {
        let is_known = self.current.as_ref().is_some_and(|current| current.index == index)
            || self.waiting.contains_key(&index);
        if !is_known {
            match delta {
                Delta::Text(_) => self.open(index, Block::Text, None, found),
                Delta::Thinking(_) => self.open(index, Block::Thinking, None, found),
                Delta::Arguments(_) | Delta::Seal(_) => return,
            }
        }
        match &mut self.current {
            Some(current) if current.index == index => current.delta(delta, found),
            _ => {
                if let Some(waiting) = self.waiting.get_mut(&index) {
                    waiting.deltas.push(delta);
                }
            }
        }
    }

    /// A block ends, and those that waited for it follow.
    pub(super) fn close(&mut self, index: u64, found: &mut Vec<Event>) {
        if self.current.as_ref().is_some_and(|current| current.index == index) {
            self.close_current(found);
            while self.current.is_none() && self.next(found) {}
        } else if let Some(waiting) = self.waiting.get_mut(&index) {
            waiting.is_closed = true;
        }
    }

    /// Nothing more comes.
    pub(super) fn close_all(&mut self, found: &mut Vec<Event>) {
        self.close_current(found);
        while self.next(found) {
            self.close_current(found);
        }
    }

    fn begin(&mut self, index: u64, block: Block, arguments: Option<String>, found: &mut Vec<Event>) {
        let kind = match block {
            Block::Text => Kind::Text,
            Block::Thinking => Kind::Thinking,
            Block::ToolCall { .. } => Kind::ToolCall,
        };
        self.current = Some(Current { index, kind, arguments });
        found.push(Event::Open(block));
    }

    /// The first of those that wait; `false` where none does.
    fn next(&mut self, found: &mut Vec<Event>) -> bool {
        let Some((index, waiting)) = self.waiting.pop_first() else { return false };
        self.begin(index, waiting.block, waiting.arguments, found);
        if let Some(current) = &mut self.current {
            for delta in waiting.deltas {
                current.delta(delta, found);
            }
        }
        if waiting.is_closed {
            self.close_current(found);
        }
        true
    }

    fn close_current(&mut self, found: &mut Vec<Event>) {
        if let Some(current) = self.current.take() {
            found.extend(current.arguments.map(|arguments| Event::Delta(Delta::Arguments(arguments))));
            found.push(Event::Close);
        }
    }
}

impl Current {
    /// What is of another kind than the block is passed over.
    fn delta(&mut self, delta: Delta, found: &mut Vec<Event>) {
        let belongs = match delta {
            Delta::Text(_) => self.kind == Kind::Text,
            Delta::Thinking(_) => self.kind == Kind::Thinking,
            Delta::Arguments(_) => self.kind == Kind::ToolCall,
            Delta::Seal(_) => self.kind != Kind::Text,
        };
        if belongs {
            if matches!(delta, Delta::Arguments(_)) {
                self.arguments = None;
            }
            found.push(Event::Delta(delta));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str) -> Block {
        Block::ToolCall { id: name.to_owned(), name: name.to_owned() }
    }

    fn arguments(text: &str) -> Delta {
        Delta::Arguments(text.to_owned())
    }

    #[test]
    fn interleaved_calls_come_one_after_the_other() {
        let (mut blocks, mut found) = (Sequence::default(), Vec::new());
        blocks.open(0, call("a"), None, &mut found);
        blocks.open(1, call("b"), None, &mut found);
        blocks.delta(1, arguments("{\"b\""), &mut found);
        blocks.delta(0, arguments("{\"a\""), &mut found);
        blocks.delta(1, arguments(":1}"), &mut found);
        blocks.delta(0, arguments(":0}"), &mut found);
        blocks.close(1, &mut found);
        blocks.close(0, &mut found);
        let expected = vec![
            Event::Open(call("a")),
            Event::Delta(arguments("{\"a\"")),
            Event::Delta(arguments(":0}")),
            Event::Close,
            Event::Open(call("b")),
            Event::Delta(arguments("{\"b\"")),
            Event::Delta(arguments(":1}")),
            Event::Close,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_has_no_beginning_gets_one_where_it_can() {
        let (mut blocks, mut found) = (Sequence::default(), Vec::new());
        blocks.delta(0, arguments("{}"), &mut found);
        blocks.delta(0, Delta::Text("a".to_owned()), &mut found);
        blocks.delta(0, Delta::Thinking("of another kind".to_owned()), &mut found);
        blocks.close_all(&mut found);
        let expected =
            vec![Event::Open(Block::Text), Event::Delta(Delta::Text("a".to_owned())), Event::Close];
        assert_eq!(found, expected);
    }

    #[test]
    fn arguments_that_came_whole_are_not_said_twice() {
        for (pieces, expected) in [(None, "{\"a\":1}"), (Some("{\"b\":2}"), "{\"b\":2}")] {
            let (mut blocks, mut found) = (Sequence::default(), Vec::new());
            blocks.open(0, call("a"), Some("{\"a\":1}".to_owned()), &mut found);
            if let Some(pieces) = pieces {
                blocks.delta(0, arguments(pieces), &mut found);
            }
            blocks.close(0, &mut found);
            assert_eq!(found[1..], [Event::Delta(arguments(expected)), Event::Close]);
        }
    }
}
