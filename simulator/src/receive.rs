//! Takes a request in, head and body, and writes it into the log.

use axum::extract::Request;
use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Uri};
use serde_json::Value;

use crate::log::{Entry, Log, Ticket};
use crate::refusal::Refusal;

/// A request, and the place in the log where its answer will be told.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) ticket: Ticket,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Reads all of it, and logs it.
pub(crate) async fn receive(log: &Log, request: Request) -> Received {
    let (head, body) = request.into_parts();
    // Read whole, however large: the real APIs answer 413 as JSON instead of breaking off.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let entry = Entry {
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.clone(),
        ..Entry::default()
    };
    Received { ticket: log.add(entry), uri: head.uri, headers: head.headers, body }
}

impl Received {
    pub(crate) fn accepts_gzip(&self) -> bool {
        self.header(ACCEPT_ENCODING.as_str()).is_some_and(|value| value.contains("gzip"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What stands behind `Bearer`; nothing is no token.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// A parameter of the query, as written.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The body as JSON, refused in these words where it is none or too large.
    pub(crate) fn json(&self, limit_bytes: usize, no_json: &str) -> Result<Value, Refusal> {
        if self.body.len() > limit_bytes {
            return Err(Refusal::new(413, "Request exceeds the maximum size"));
        }
        let parsed: Result<Value, _> = serde_json::from_slice(&self.body);
        parsed.map_err(|cause| Refusal::new(400, no_json.replace("{cause}", &cause.to_string())))
    }
}
