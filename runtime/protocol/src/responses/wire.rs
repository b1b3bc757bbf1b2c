//! Events of a stream on the wire: how each is named, numbered and placed.

use serde::Serialize;

use super::response::{Kind, Output, Part};

/// Numbers and writes the events of one stream.
#[derive(Default)]
pub(super) struct Wire {
    next: u64,
}

impl Wire {
    /// Of an item, which stands there in the output.
    pub(super) fn of(
        &mut self,
        item: &Output,
        index: usize,
        kind: &'static str,
        said: Said<'_>,
        text: &mut Vec<u8>,
    ) {
        self.send(kind, Placed { place: Place::of(item, index), said }, text);
    }

    /// Of the response.
    pub(super) fn send(&mut self, kind: &'static str, body: impl Serialize, text: &mut Vec<u8>) {
        text.extend_from_slice(b"event: ");
        text.extend_from_slice(kind.as_bytes());
        text.extend_from_slice(b"\ndata: ");
        let event = Numbered { r#type: kind, sequence_number: self.next, body };
        // Into memory, and with names for keys: there is nothing that could fail.
        serde_json::to_writer(&mut *text, &event).unwrap_or_default();
        text.extend_from_slice(b"\n\n");
        self.next += 1;
    }
}

#[derive(Serialize)]
struct Numbered<'a, T> {
    r#type: &'a str,
    sequence_number: u64,
    #[serde(flatten)]
    body: T,
}

#[derive(Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(flatten)]
    said: Said<'a>,
}

/// Where in the response something belongs. The index within the item is 0 throughout: each has one part.
#[derive(Serialize, Clone, Copy)]
struct Place<'a> {
    item_id: &'a str,
    output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<u64>,
}

impl<'a> Place<'a> {
    fn of(item: &'a Output, output_index: usize) -> Self {
        let (content_index, summary_index) = match item.kind {
            Kind::Message => (Some(0), None),
            Kind::Reasoning(_) => (None, Some(0)),
            Kind::Call { .. } => (None, None),
        };
        Self { item_id: &item.id, output_index, content_index, summary_index }
    }
}

/// What an event says, besides where and which it is.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Said<'a> {
    Delta { delta: &'a str },
    TextDelta { delta: &'a str, logprobs: [(); 0] },
    Text { text: &'a str },
    WholeText { text: &'a str, logprobs: [(); 0] },
    Arguments { arguments: &'a str, name: &'a str },
    Part { part: Part<'a> },
}
