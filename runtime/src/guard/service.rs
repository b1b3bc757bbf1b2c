//! Judges texts by asking a classifier over HTTP about each piece that it does not know yet. How long that takes at most,
//! and what it means when some of the pieces are not judged.
//!
//! | what | how long |
//! | --- | --- |
//! | one piece, waiting for a place included | the binding's timeout |
//! | all pieces of a call | [`CALL_TIMEOUTS`] of it, so that no request waits for ever |
//!
//! Pieces that were judged stay known, so a conversation too long for one call is judged by and by.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pai_bundle::guard::{self, GuardBinding};
use pai_bundle::name::QualifiedName;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::breaker::Breaker;
use super::cache::{AsItIs, Cache, Digest, ENTRIES, Kind};
use super::classifiers::ClassifierError;
use super::judgement::Judgement;
use super::pieces::{Window, pieces};
use super::remote::Remote;
use super::reply::Findings;
use super::report::{ClassifierReport, Counters};
use super::tally::Tally;
use super::unavailable::Unavailable;
use crate::secret::Secrets;
use crate::upstream::resolve::Lookup;

/// How many timeouts of one piece a call may take.
const CALL_TIMEOUTS: u32 = 4;

/// What is asked, and how much it reads at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    /// As manifests call it.
    kind: &'static str,
    window: Window,
}

impl Model {
    /// Reads 512 tokens, two of which mark beginning and end. Services that cut off what is more say nothing of it, so a
    /// piece stays below by an estimate, with some room for what that does not see.
    pub(crate) const PROMPT_GUARD: Self =
        Self { kind: "promptGuard", window: Window { bytes: 1_600, tokens: Some(480), overlap_bytes: 200 } };
    /// Reads more than nearly every turn has.
    pub(crate) const LLAMA_GUARD: Self = Self { kind: "llamaGuard", ..Self::CUSTOM };
    /// Reads as much as most services take in one request.
    pub(crate) const CUSTOM: Self =
        Self { kind: "custom", window: Window { bytes: 32 * 1024, tokens: None, overlap_bytes: 1_024 } };
}

/// A classifier over HTTP, with all that is remembered of it.
#[derive(Debug)]
pub(crate) struct Service {
    binding: QualifiedName,
    model: Model,
    remote: Remote,
    permits: Semaphore,
    width: usize,
    timeout: Duration,
    breaker: Breaker,
    cache: Cache<Findings>,
    counters: Counters,
}

impl Service {
    /// Asks nobody yet.
    pub(crate) fn new(
        binding: &GuardBinding,
        model: Model,
        remote: &guard::Remote,
        secrets: &Secrets,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, ClassifierError> {
        let width = usize::try_from(remote.max_concurrency).unwrap_or(usize::MAX);
        let width = width.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            binding: binding.name.clone(),
            model,
            remote: Remote::new(&binding.name, remote, secrets, lookup)?,
            permits: Semaphore::new(width),
            width,
            timeout: Duration::from_millis(remote.timeout_ms.max(1)),
            breaker: Breaker::default(),
            cache: Cache::new()?,
            counters: Counters::default(),
        })
    }

    /// The worst of all pieces. A hit is a hit, whatever became of the other pieces; without one, a piece that was not
    /// judged could have been it.
    pub(crate) async fn judge(
        &self,
        binding: &GuardBinding,
        texts: &[&str],
    ) -> Result<Judgement, Unavailable> {
        let (mut worst, unknown) = self.recall(binding, texts);
        match self.ask_all(binding, &unknown, &mut worst).await {
            Err(unavailable) if !worst.hit => Err(unavailable),
            Ok(()) | Err(_) => Ok(worst),
        }
    }

    /// What is known of the texts, and the pieces of which nothing is, each once.
    fn recall<'a>(&self, binding: &GuardBinding, texts: &[&'a str]) -> (Judgement, Vec<(Digest, &'a str)>) {
        let texts = texts.iter().filter(|text| !text.trim().is_empty());
        // The service is not told where a text stood.
        let mut unknown: Vec<(Digest, &str)> = texts
            .flat_map(|text| pieces(text, self.model.window))
            .map(|piece| (self.cache.digest(Kind::Anywhere, piece), piece))
            .collect();
        let mut seen = HashSet::<Digest, BuildHasherDefault<AsItIs>>::default();
        unknown.retain(|(digest, _)| seen.insert(*digest));
        let all = unknown.len();
        let mut worst = Judgement::default();
        let mut known = self.cache.recall();
        unknown.retain(|(digest, _)| match known.get(*digest) {
            Some(findings) => {
                if !findings.is_empty() {
                    worst = std::mem::take(&mut worst).or_worse(Judgement::of_findings(binding, findings));
                }
                false
            }
            None => true,
        });
        drop(known);
        self.counters.remembered(all - unknown.len());
        (worst, unknown)
    }

    /// Asks about every piece, so many at once as the binding allows. All of them are tried even if one fails, for another
    /// may be a hit; with a hit, a failure ends it.
    async fn ask_all(
        &self,
        binding: &GuardBinding,
        pieces: &[(Digest, &str)],
        worst: &mut Judgement,
    ) -> Result<(), Unavailable> {
        if pieces.len() > ENTRIES.get() {
            // More than can be remembered would be asked about anew each time.
            self.counters.failed();
            return Err(Unavailable::TooLong);
        }
        let until = Instant::now() + self.timeout * CALL_TIMEOUTS;
        let mut waiting = pieces.iter();
        let mut under_way = FuturesUnordered::new();
        let mut result = Ok(());
        loop {
            // While a probe is out the others would be refused, and with them the call.
            let width = if self.breaker.is_closed() { self.width } else { 1 };
            while under_way.len() < width
                && let Some((digest, piece)) = waiting.next()
            {
                under_way.push(self.ask(*digest, piece));
            }
            let Ok(answer) = timeout_at(until, under_way.next()).await else {
                self.counters.failed();
                return result.and(Err(Unavailable::Timeout));
            };
            match answer {
                None => return result,
                Some(Ok(findings)) => {
                    *worst = std::mem::take(worst).or_worse(Judgement::of_findings(binding, &findings));
                }
                Some(Err(unavailable)) => {
                    result = result.and(Err(unavailable));
                    // Nothing more will be heard from it.
                    if worst.hit || matches!(unavailable, Unavailable::Open | Unavailable::Secret) {
                        return result;
                    }
                }
            }
        }
    }

    async fn ask(&self, digest: Digest, piece: &str) -> Result<Findings, Unavailable> {
        let answer = self.ask_in_turn(piece).await;
        match &answer {
            Ok(findings) => self.cache.put(digest, findings.clone()),
            Err(_) => self.counters.failed(),
        }
        answer
    }

    async fn ask_in_turn(&self, piece: &str) -> Result<Findings, Unavailable> {
        let began = Instant::now();
        let until = began + self.timeout;
        if self.breaker.is_refusing(began) {
            return Err(Unavailable::Open);
        }
        let Ok(permit) = timeout_at(until, self.permits.acquire()).await else {
            return Err(Unavailable::Busy);
        };
        let _permit = permit.map_err(|_| Unavailable::Stopped)?;
        let asked = Instant::now();
        let turn = self.breaker.enter(asked)?;
        self.counters.called();
        let answer = match timeout_at(until, self.remote.ask(piece)).await {
            Ok(answer) => answer,
            // It had less than half of its time, for which others are to blame.
            Err(_) if asked.duration_since(began) > self.timeout / 2 => Err(Unavailable::Busy),
            Err(_) => Err(Unavailable::Timeout),
        };
        match &answer {
            Ok(_) => {
                if turn.succeeded() {
                    tracing::info!(event = "guard.breaker_closed", binding = %self.binding);
                }
            }
            Err(unavailable) if unavailable.is_fault() => {
                if let Some(time) = turn.failed(Instant::now()) {
                    tracing::warn!(
                        event = "guard.breaker_opened", binding = %self.binding, reason = unavailable.reason(),
                        for_ms = time.as_millis(), "the classifier is not asked until then"
                    );
                }
            }
            Err(_) => drop(turn),
        }
        answer
    }

    pub(crate) fn look_at_key(&self) {
        self.remote.look_at_key();
    }

    pub(crate) fn report(&self, tally: &Tally) -> ClassifierReport<'_> {
        let standing = self.breaker.standing(Instant::now());
        let secret = self.remote.key_standing();
        ClassifierReport::of(&self.binding, self.model.kind, tally, &self.counters, Some(standing), secret)
    }
}
