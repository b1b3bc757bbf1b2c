//! The form of an answer: one document, or the events of a stream with what the scenario puts between them.

use bytes::Bytes;
use serde_json::Value;

use crate::deliver::Piece;
use crate::log::Reported;
use crate::scenario::{Scenario, UsageReport};

/// What goes into the body.
#[derive(Debug)]
pub(crate) enum Form {
    /// A document, whose length is known beforehand.
    Document(Piece),
    /// Pieces, one after the other.
    Stream(Vec<Piece>),
}

impl Form {
    /// A document that tells this usage, unless the scenario wants none told.
    pub(crate) fn document(document: &Value, usage: Reported, scenario: &Scenario) -> Self {
        let reports = (scenario.usage != UsageReport::Omitted).then_some(usage);
        Self::Document(Piece { reports, ..Piece::of(document.to_string()) })
    }

    /// A stream of these events, which breaks off with `error` where the scenario wants one; the error is told how many
    /// events came before it.
    pub(crate) fn stream(
        mut events: Vec<Piece>,
        scenario: &Scenario,
        error: impl FnOnce(usize) -> Piece,
    ) -> Self {
        if let Some(number) = scenario.error_after_events
            && number < events.len()
        {
            events.truncate(number);
            events.push(error(number));
        }
        if let Some(number) = scenario.garbage_after_events
            && number <= events.len()
        {
            events.insert(number, Piece::of(Bytes::from_static(GARBAGE)));
        }
        Self::Stream(events)
    }
}

/// Bytes that are neither text nor a line of a stream, and a line that is one without being JSON.
const GARBAGE: &[u8] = b"\xff\xfe\x00[simulated] no line of a stream\ndata: [simulated] {{{ not json\n\n";

/// An event without a name.
pub(crate) fn data(body: &Value) -> Piece {
    Piece::of(format!("data: {body}\n\n"))
}

/// An event with a name.
pub(crate) fn named(name: &str, body: &Value) -> Piece {
    Piece::of(format!("event: {name}\ndata: {body}\n\n"))
}
