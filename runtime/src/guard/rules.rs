//! Judges texts with rules. What was found in a text is remembered, so a conversation costs what its last turn costs.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use pai_bundle::guard::GuardBinding;
use pai_guards::{Evidence, Rules, RulesError, TURNS_TOGETHER};
use tokio::sync::Semaphore;

use super::cache::{Cache, Digest, Kind};
use super::judgement::{Judgement, Place};
use super::pieces::boundary;
use super::report::{ClassifierReport, Counters};
use super::tally::Tally;
use super::unavailable::Unavailable;
use crate::token::RandomError;

/// Bytes of new text above which a scan would keep other requests waiting: at 20 to 60 ns a byte, some milliseconds.
const LONG_BYTES: usize = 64 * 1024;
/// Bytes of a text that matter for its border with another; more than `Rules::seam` reads.
const SEAM_BYTES: usize = 1_024;

/// Long scans at the same time, so that they leave processors to everybody else.
static LONG_SCANS: LazyLock<Semaphore> = LazyLock::new(|| {
    Semaphore::new(std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)))
});

/// The rules that are built in, read the first time that a binding needs them: that takes less than ten milliseconds.
pub(crate) fn builtin() -> Result<Arc<Rules>, RulesError> {
    static BUILTIN: Mutex<Option<Arc<Rules>>> = Mutex::new(None);
    let mut builtin = BUILTIN.lock().unwrap_or_else(PoisonError::into_inner);
    match &*builtin {
        Some(rules) => Ok(rules.clone()),
        None => Ok(builtin.insert(Arc::new(Rules::builtin()?)).clone()),
    }
}

/// Rules, and what they found before.
#[derive(Debug)]
pub(crate) struct RuleJudge {
    rules: Arc<Rules>,
    cache: Cache<Evidence>,
    counters: Counters,
}

/// A text, or the border between it and the one before, in which nothing is known yet.
struct Unknown<T> {
    at: usize,
    digest: Digest,
    /// The end of the text before, for a border.
    before: Option<T>,
    text: T,
}

impl RuleJudge {
    pub(crate) fn new(rules: Arc<Rules>) -> Result<Self, RandomError> {
        Ok(Self { rules, cache: Cache::new()?, counters: Counters::default() })
    }

    /// Judges turns that stand one after the other, as [`Rules::scan_turns`] does.
    pub(crate) async fn judge(
        self: &Arc<Self>,
        binding: &GuardBinding,
        place: Place,
        texts: &[&str],
    ) -> Result<Judgement, Unavailable> {
        let (place, kind) = match place {
            Place::Tool => (pai_guards::Place::Tool, Kind::Tool),
            Place::User | Place::Answer | Place::System => (pai_guards::Place::User, Kind::User),
        };
        let (mut found, unknown) = self.recall(kind, texts);
        self.counters.remembered(
            texts.len().saturating_sub(unknown.iter().filter(|one| one.before.is_none()).count()),
        );
        if unknown.iter().map(|unknown| unknown.text.len()).sum::<usize>() <= LONG_BYTES {
            for unknown in unknown {
                found[unknown.at].join(&self.scan(place, &unknown));
            }
        } else {
            for (at, evidence) in self.scan_aside(place, unknown).await? {
                found[at].join(&evidence);
            }
        }
        Ok(self.verdict(binding, &found))
    }

    /// What is known of each text and of its border with the one before, and what is not.
    fn recall<'a>(&self, kind: Kind, texts: &[&'a str]) -> (Vec<Evidence>, Vec<Unknown<&'a str>>) {
        let mut found = Vec::with_capacity(texts.len());
        let mut unknown = Vec::new();
        let mut latest: Option<(Digest, &'a str)> = None;
        for (at, text) in texts.iter().copied().enumerate() {
            let digest = self.cache.digest(kind, text);
            let mut evidence = self.cache.get(digest).unwrap_or_else(|| {
                unknown.push(Unknown { at, digest, before: None, text });
                Evidence::default()
            });
            if let Some((before_digest, before)) = latest {
                let digest = self.cache.seam(kind, before_digest, digest);
                match self.cache.get(digest) {
                    Some(seam) => evidence.join(&seam),
                    None => {
                        unknown.push(Unknown { at, digest, before: Some(tail(before)), text: head(text) });
                    }
                }
            }
            found.push(evidence);
            latest = Some((digest, text));
        }
        (found, unknown)
    }

    fn scan<T: AsRef<str>>(&self, place: pai_guards::Place, unknown: &Unknown<T>) -> Evidence {
        let evidence = match &unknown.before {
            None => {
                self.counters.called();
                self.rules.evidence(place, unknown.text.as_ref())
            }
            Some(before) => self.rules.seam(place, before.as_ref(), unknown.text.as_ref()),
        };
        self.cache.put(unknown.digest, evidence);
        evidence
    }

    /// On a thread of its own, with copies of the texts.
    async fn scan_aside(
        self: &Arc<Self>,
        place: pai_guards::Place,
        unknown: Vec<Unknown<&str>>,
    ) -> Result<Vec<(usize, Evidence)>, Unavailable> {
        let _permit = LONG_SCANS.acquire().await.map_err(|_| Unavailable::Stopped)?;
        let own = |Unknown { at, digest, before, text }: Unknown<&str>| Unknown {
            at,
            digest,
            before: before.map(str::to_owned),
            text: text.to_owned(),
        };
        let (judge, unknown) = (self.clone(), unknown.into_iter().map(own).collect::<Vec<_>>());
        let scan = move || unknown.iter().map(|unknown| (unknown.at, judge.scan(place, unknown))).collect();
        tokio::task::spawn_blocking(scan).await.map_err(|_| {
            self.counters.failed();
            Unavailable::Stopped
        })
    }

    /// The worst of so many turns in a row as are judged together.
    fn verdict(&self, binding: &GuardBinding, found: &[Evidence]) -> Judgement {
        let (mut worst, mut all) = (Judgement::default(), Evidence::default());
        for evidence in found {
            all.join(evidence);
        }
        if all.is_empty() {
            return worst;
        }
        for row in found.windows(TURNS_TOGETHER.min(found.len()).max(1)) {
            let mut joined = Evidence::default();
            for evidence in row {
                joined.join(evidence);
            }
            if !joined.is_empty() {
                worst = worst.or_worse(Judgement::of_rules(binding, self.rules.verdict(&joined)));
            }
        }
        Judgement { hits: self.rules.verdict(&all).hits, ..worst }
    }

    pub(crate) fn report<'a>(&'a self, binding: &'a GuardBinding, tally: &Tally) -> ClassifierReport<'a> {
        ClassifierReport::of(&binding.name, "rules", tally, &self.counters, None, None)
    }
}

fn tail(text: &str) -> &str {
    &text[boundary(text, text.len().saturating_sub(SEAM_BYTES))..]
}

fn head(text: &str) -> &str {
    &text[..boundary(text, SEAM_BYTES)]
}
