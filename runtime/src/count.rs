//! How many tokens a prompt has, by the provider's own count: asked once, where the bound on its bytes does not fit a
//! budget and the truth might. Counting is free of charge.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use lru::LruCache;
use pai_ledger::Quantity;
use pai_policies::Permit;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::candidate::Candidate;
use crate::forward::Outgoing;
use crate::protocol::anthropic::request;
use crate::snapshot::Upstream;
use crate::upstream::{Call, Sent};

/// Where Anthropic counts.
const PATH: &str = "/v1/messages/count_tokens";

/// So many prompts are remembered, at 100 bytes each: those that clients send again because they were refused.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);

/// A count that takes longer is given up, and the bound decides.
const PATIENCE: Duration = Duration::from_secs(5);

/// More bytes than any count has.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Counts of late, by digest of provider, model and prompt.
pub(crate) struct Counts {
    known: Mutex<LruCache<[u8; 32], u64>>,
    may_ask: bool,
}

impl Counts {
    pub(crate) fn new(may_ask: bool) -> Self {
        Self { known: Mutex::new(LruCache::new(REMEMBERED)), may_ask }
    }

    fn known(&self) -> MutexGuard<'_, LruCache<[u8; 32], u64>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Answer {
    input_tokens: u64,
}

/// The count of the request's input by this candidate; `None` where none can be had.
pub(crate) async fn input_tokens(
    outgoing: &Outgoing<'_>,
    upstream: &Upstream,
    candidate: &Candidate,
    permit: Permit,
) -> Option<u64> {
    if !outgoing.counts.may_ask {
        return None;
    }
    let body = request::rewritten(outgoing.body, outgoing.asked, candidate.model.as_str(), None);
    let body = request::counting(&body)?;
    let mut hasher = Sha256::new();
    hasher.update(candidate.provider.to_string());
    hasher.update([0]);
    hasher.update(&body);
    let digest: [u8; 32] = hasher.finalize().into();
    if let Some(tokens) = outgoing.counts.known().get(&digest) {
        return Some(*tokens);
    }
    let id = outgoing.ids.hold();
    let hold = outgoing.ledger.hold(id, Vec::new(), Quantity::ZERO, outgoing.now).await.ok()?;
    // As a stream is asked for: unpacked.
    let call = Call { path: PATH, query: None, headers: outgoing.headers, body, stream: true };
    let asked = async {
        let Sent::Answered { response, hold } = outgoing.client.send(upstream, permit, hold, call).await
        else {
            return None;
        };
        hold.release();
        let body = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await.ok()?;
        serde_json::from_slice::<Answer>(&body.to_bytes()).ok()
    };
    let tokens = tokio::time::timeout(PATIENCE, asked).await.ok()??.input_tokens;
    outgoing.counts.known().put(digest, tokens);
    Some(tokens)
}
