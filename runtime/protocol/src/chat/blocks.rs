//! Brings an answer's pieces into the order of [`Event`]s: one block after the other, calls of tools included, which
//! providers may mix.
//!
//! Pieces of the open block go on at once. Those of another call wait until the open one is complete, that is until
//! its arguments are a whole object or something else than a call follows.

use crate::event::{Block, Delta, Event, Seal};

/// The blocks of an answer.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    open: Option<Open>,
    /// All calls, in the order in which they began. Those before `closed` are over.
    calls: Vec<Call>,
    closed: usize,
    /// Makes up ids that no other answer has.
    answer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    /// The call at `closed`.
    Call,
}

#[derive(Debug, Default)]
struct Call {
    /// As the provider numbers it.
    index: Option<u64>,
    id: Option<String>,
    name: String,
    waiting: String,
    seal: Option<Seal>,
    end: ObjectEnd,
}

/// More of a call.
#[derive(Debug, Default)]
pub(crate) struct CallPiece {
    /// Which, as the provider numbers it.
    pub(crate) index: Option<u64>,
    /// On its first piece, and from some on every one.
    pub(crate) id: Option<String>,
    /// On its first piece, and from some on every one.
    pub(crate) name: Option<String>,
    /// JSON in pieces.
    pub(crate) arguments: String,
    /// A seal.
    pub(crate) seal: Option<Seal>,
}

impl Blocks {
    /// The answer's own name.
    pub(crate) fn name(&mut self, answer: &str) {
        self.answer = answer.chars().filter(char::is_ascii_alphanumeric).collect();
    }

    /// Whether a tool has been called.
    pub(crate) fn has_calls(&self) -> bool {
        self.calls.iter().any(|call| !call.name.is_empty())
    }

    /// More words.
    pub(crate) fn text(&mut self, text: String, found: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        self.open(Open::Text, Block::Text, found);
        found.push(Event::Delta(Delta::Text(text)));
    }

    /// More thoughts.
    pub(crate) fn thinking(&mut self, text: String, found: &mut Vec<Event>) {
        if text.is_empty() {
            return;
        }
        self.open(Open::Thinking, Block::Thinking, found);
        found.push(Event::Delta(Delta::Thinking(text)));
    }

    /// More of a call.
    pub(crate) fn call(&mut self, piece: CallPiece, found: &mut Vec<Event>) {
        let at = self.which(&piece);
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_none() {
            call.id = piece.id.filter(|id| !id.is_empty());
        }
        if call.name.is_empty() {
            call.name = piece.name.unwrap_or_default();
        }
        if piece.seal.is_some() {
            call.seal = piece.seal;
        }
        call.end.read(&piece.arguments);
        call.waiting.push_str(&piece.arguments);
        if at < self.closed {
            // It comes after something else has: too late.
            return;
        }
        self.go_on(found);
    }

    /// Nothing more comes.
    pub(crate) fn close(&mut self, found: &mut Vec<Event>) {
        self.close_open(found);
        while self.closed < self.calls.len() {
            self.begin_call(found);
            self.close_open(found);
        }
    }

    /// The call that a piece belongs to: by its number, unless it has another id, since some servers number all calls
    /// with 0; without a number by its id; without either the last one.
    fn which(&mut self, piece: &CallPiece) -> usize {
        let id = piece.id.as_deref().filter(|id| !id.is_empty());
        let is_other = |call: &Call| id.is_some() && call.id.is_some() && call.id.as_deref() != id;
        let known = match (piece.index, id) {
            (Some(index), _) => self
                .calls
                .iter()
                .rposition(|call| call.index == Some(index))
                .filter(|at| !is_other(&self.calls[*at])),
            (None, Some(_)) => self.calls.iter().rposition(|call| call.id.as_deref() == id),
            // A name begins a call, since none has two.
            (None, None) if piece.name.is_some() => None,
            (None, None) => self.calls.len().checked_sub(1),
        };
        known.unwrap_or_else(|| {
            self.calls.push(Call { index: piece.index, ..Call::default() });
            self.calls.len() - 1
        })
    }

    /// Says what may be said of the calls that have begun.
    fn go_on(&mut self, found: &mut Vec<Event>) {
        while let Some(call) = self.calls.get(self.closed) {
            if self.open != Some(Open::Call) {
                if call.name.is_empty() {
                    return;
                }
                self.close_open(found);
                self.begin_call(found);
            }
            self.hand_on(found);
            let is_complete = self.calls.get(self.closed).is_some_and(|call| call.end.is_reached());
            if !is_complete || self.closed + 1 >= self.calls.len() {
                return;
            }
            self.close_open(found);
        }
    }

    fn begin_call(&mut self, found: &mut Vec<Event>) {
        let (answer, number) = (&self.answer, self.closed);
        let Some(call) = self.calls.get_mut(number) else { return };
        if call.name.is_empty() {
            // Never named, so there is nothing to be called.
            self.closed += 1;
            return;
        }
        let id = call.id.get_or_insert_with(|| format!("call_{answer}_{number}")).clone();
        found.push(Event::Open(Block::ToolCall { id, name: call.name.clone() }));
        self.open = Some(Open::Call);
        self.hand_on(found);
    }

    fn hand_on(&mut self, found: &mut Vec<Event>) {
        let Some(call) = self.calls.get_mut(self.closed) else { return };
        if !call.waiting.is_empty() {
            found.push(Event::Delta(Delta::Arguments(std::mem::take(&mut call.waiting))));
        }
        if let Some(seal) = call.seal.take() {
            found.push(Event::Delta(Delta::Seal(seal)));
        }
    }

    fn open(&mut self, open: Open, block: Block, found: &mut Vec<Event>) {
        if self.open == Some(open) {
            return;
        }
        self.close(found);
        found.push(Event::Open(block));
        self.open = Some(open);
    }

    fn close_open(&mut self, found: &mut Vec<Event>) {
        match self.open.take() {
            Some(Open::Call) => self.closed += 1,
            Some(Open::Text | Open::Thinking) => {}
            None => return,
        }
        found.push(Event::Close);
    }
}

/// Finds the end of a JSON object that comes in pieces.
#[derive(Debug, Default)]
struct ObjectEnd {
    depth: u64,
    in_string: bool,
    escaped: bool,
    reached: bool,
}

impl ObjectEnd {
    fn is_reached(&self) -> bool {
        self.reached
    }

    fn read(&mut self, piece: &str) {
        for byte in piece.bytes() {
            if self.in_string {
                match byte {
                    _ if std::mem::take(&mut self.escaped) => {}
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.reached = self.depth == 0;
                }
                _ => {}
            }
        }
    }
}
