//! What each event of a stream adds to what is said. Where another text begins, a line does.

use super::answer::{blocks, choices, items};
use super::repeated::Repeated;
use super::tree::{self, Member, Node, counted, named};
use super::whole::{Reads, Unread, each};
use crate::dialect::Dialect;
use crate::sse::Event;

/// Listens to one answer.
#[derive(Debug)]
pub(super) struct Listener {
    dialect: Dialect,
    /// The text that was heard last.
    last: Option<Voice>,
    repeated: Repeated,
}

/// Which text: of which choice or item, of which part of it, and which kind of text.
type Voice = (u64, u64, String);

/// What an event says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) text: String,
    /// Of the first choice that says something.
    pub(super) choice: u64,
}

impl Listener {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, last: None, repeated: Repeated::default() }
    }

    /// Reads an event. `None` where it cannot be read, so that it may say anything.
    pub(super) fn event(&mut self, event: &Event<'_>) -> Option<Heard> {
        let mut heard = Heard::default();
        // Some keep the line open with events that have nothing in them.
        if matches!(event.data.trim_ascii(), b"[DONE]" | b"") {
            return Some(heard);
        }
        let text = super::as_text(event.data);
        let Node::Object(members) = tree::read(text.as_bytes())? else { return None };
        match self.dialect {
            Dialect::Messages => self.messages(&kind(event, &members), members, &mut heard),
            Dialect::Chat | Dialect::Completions => self.chat(members, &mut heard),
            Dialect::Responses => self.responses(&kind(event, &members), members, &mut heard),
            Dialect::Embeddings => {}
            // Never a client's.
            Dialect::Gemini => return None,
        }
        Some(heard)
    }

    fn add(&mut self, heard: &mut Heard, voice: Voice, text: &str) {
        if self.last.as_ref() != Some(&voice) {
            if self.last.is_some() {
                heard.text.push('\n');
            }
            self.last = Some(voice);
        }
        heard.text.push_str(text);
    }

    fn messages(&mut self, kind: &str, members: Vec<Member<'_>>, heard: &mut Heard) {
        let index = counted(&members, "index");
        match kind {
            "ping" | "error" | "content_block_stop" | "message_delta" | "message_stop" => {}
            "message_start" => {
                for (_, message) in members.into_iter().filter(|(key, _)| key == "message") {
                    let Node::Object(members) = message else { continue };
                    for (_, value) in members.into_iter().filter(|(key, _)| key == "content") {
                        blocks(value, |key, text| self.add(heard, (0, 0, key.to_owned()), &text));
                    }
                }
            }
            // What else there may be in them is of the same block.
            "content_block_start" | "content_block_delta" => {
                for (key, value) in members {
                    blocks(value, |inner, text| {
                        if key != "type" {
                            self.add(heard, (index, 0, inner.to_owned()), &text);
                        }
                    });
                }
            }
            kind => each("", Node::Object(members), Reads::Answer, &mut Unread::default(), |_, text| {
                self.add(heard, (index, 1, kind.to_owned()), &text);
            }),
        }
    }

    fn chat(&mut self, members: Vec<Member<'_>>, heard: &mut Heard) {
        for (_, value) in members.into_iter().filter(|(key, _)| key == "choices") {
            choices(value, |said| {
                if heard.text.is_empty() {
                    heard.choice = said.choice;
                }
                self.add(heard, (said.choice, said.call, said.key.to_owned()), &said.text);
            });
        }
    }

    fn responses(&mut self, kind: &str, members: Vec<Member<'_>>, heard: &mut Heard) {
        let item = counted(&members, "output_index");
        let part = counted(&members, "content_index").max(counted(&members, "summary_index"));
        match kind {
            "error" | "keepalive" => {}
            // They have the whole response in them, and of that the model says the output.
            "response.created"
            | "response.in_progress"
            | "response.queued"
            | "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => {
                self.repeated.all_done();
                for (_, response) in members.into_iter().filter(|(key, _)| key == "response") {
                    let Node::Object(members) = response else { continue };
                    for (_, output) in members.into_iter().filter(|(key, _)| key == "output") {
                        items(output, |key, text| self.whole(heard, (item, part, key.to_owned()), &text));
                    }
                }
            }
            kind => {
                let is_sound = kind.ends_with("audio.delta");
                let stem = kind.strip_suffix(".delta").unwrap_or(kind);
                if kind == "response.output_item.done" {
                    self.repeated.item_done(item);
                } else if kind.ends_with("_part.done") {
                    self.repeated.part_done(item, part);
                } else if let Some(what) = kind.strip_suffix(".done") {
                    self.repeated.text_done(&(item, part, what.to_owned()));
                }
                for (key, value) in members.into_iter().filter(|(key, _)| !(is_sound && key == "delta")) {
                    let is_delta = key == "delta";
                    items_under(&key, value, |inner, text| {
                        if is_delta {
                            self.repeated.delta((item, part, stem.to_owned()), text);
                            self.add(heard, (item, part, stem.to_owned()), text);
                        } else {
                            self.whole(heard, (item, part, inner.to_owned()), text);
                        }
                    });
                }
            }
        }
    }

    /// A whole text, which may have been heard in pieces.
    fn whole(&mut self, heard: &mut Heard, voice: Voice, text: &str) {
        if self.repeated.is_news(text) {
            self.add(heard, voice, text);
            // Another whole text is another text.
            self.last = self.last.take().map(|(item, part, _)| (item, part, String::new()));
        }
    }
}

/// What kind of event it says that it is: in its data, or in its name alone.
fn kind(event: &Event<'_>, members: &[Member<'_>]) -> String {
    named(members, "type").unwrap_or(event.name).to_owned()
}

fn items_under(key: &str, value: Node<'_>, mut said: impl FnMut(&str, &str)) {
    if !matches!(key, "obfuscation" | "logprobs") {
        each(key, value, Reads::Answer, &mut Unread::default(), |key, text| said(key, &text));
    }
}
