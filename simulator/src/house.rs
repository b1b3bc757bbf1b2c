//! What all answers of one API have in common: headers, content types, the shape of its errors.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::refusal::Refusal;

/// An API's way to answer.
#[derive(Debug)]
pub(crate) struct House {
    /// The content type of documents.
    pub(crate) json: &'static str,
    /// The content type of streams.
    pub(crate) events: &'static str,
    /// Headers of every answer: ids, quotas, and cookies that a gateway must not pass on.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// The body of an error.
    pub(crate) error: fn(&Refusal) -> Value,
}

impl House {
    /// Puts on what every answer wears, the mark too.
    pub(crate) fn dress(&self, headers: &mut HeaderMap, kind: &'static str) {
        let own = self.headers.iter().copied();
        for (name, value) in own.chain([("content-type", kind), ("x-pai-simulated", "true")]) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
}
