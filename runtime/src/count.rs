//! How many tokens a prompt has, by the provider's own count: asked once, where the bound on its bytes does not fit a
//! budget and the truth might. Counting is free of charge.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use lru::LruCache;
use pai_ledger::Quantity;
use pai_policies::Permit;
use pai_protocol::{Dialect, anthropic, gemini};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::admit::Door;
use crate::upstream::endpoint::Purpose;
use crate::upstream::{Call, Sent, headers};

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
pub(crate) async fn input_tokens(door: &Door<'_>, permit: Permit) -> Option<u64> {
    let Door { outgoing, upstream, candidate, prepared, .. } = door;
    if !outgoing.counts.may_ask {
        return None;
    }
    let body = prepared.body(outgoing.asked, outgoing.body, candidate, upstream.provider.kind, None);
    let body = match prepared.dialect {
        Dialect::Messages => anthropic::request::counting(&body)?,
        Dialect::Gemini => gemini::count::body(candidate.model.as_str(), &body)?.into(),
        Dialect::Chat | Dialect::Responses | Dialect::Completions | Dialect::Embeddings => return None,
    };
    let mut hasher = Sha256::new();
    hasher.update(candidate.provider.to_string());
    hasher.update([0]);
    hasher.update(candidate.model.as_str());
    hasher.update([0]);
    hasher.update(&body);
    let digest: [u8; 32] = hasher.finalize().into();
    if let Some(tokens) = outgoing.counts.known().get(&digest) {
        return Some(*tokens);
    }
    let id = outgoing.ids.hold();
    let hold = outgoing.ledger.hold(id, Vec::new(), Quantity::ZERO, outgoing.believed).await.ok()?;
    let headers = if prepared.is_translated() {
        headers::translated(prepared.dialect, false)
    } else {
        // As a stream is asked for: unpacked.
        headers::to_upstream(outgoing.headers, true)
    };
    let (dialect, model) = (prepared.dialect, candidate.model.as_str());
    let call = Call { dialect, purpose: Purpose::Count, model, query: None, headers, body };
    let asked = async {
        let Sent::Answered { response, hold } = outgoing.client.send(upstream, permit, hold, call).await
        else {
            return None;
        };
        hold.release();
        let body = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await.ok()?.to_bytes();
        match dialect {
            Dialect::Gemini => gemini::count::answer(&body),
            _ => serde_json::from_slice::<Answer>(&body).ok().map(|answer| answer.input_tokens),
        }
    };
    let tokens = tokio::time::timeout(PATIENCE, asked).await.ok()??;
    outgoing.counts.known().put(digest, tokens);
    Some(tokens)
}
