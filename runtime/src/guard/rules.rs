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

/// A text of which nothing is known, or nothing where it follows that other one.
struct Unknown<T> {
    at: usize,
    digest: Digest,
    /// Its beginning at least, where it is known.
    text: T,
    /// What was found in it.
    known: Option<Evidence>,
    /// The end of the text before, and the name of the two.
    before: Option<(Digest, T)>,
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
        self.counters
            .remembered(texts.len().saturating_sub(unknown.iter().filter(|one| one.known.is_none()).count()));
        if unknown.iter().map(|unknown| unknown.text.len()).sum::<usize>() <= LONG_BYTES {
            found.extend(unknown.iter().map(|unknown| (unknown.at, self.scan(place, unknown))));
        } else {
            found.extend(self.scan_aside(place, unknown).await?);
        }
        found.retain(|(_, evidence)| !evidence.is_empty());
        found.sort_by_key(|(at, _)| *at);
        Ok(self.verdict(binding, texts.len(), &found))
    }

    /// What was found in texts and at their borders with those before them, where there was anything; and what is not known.
    /// Nearly all of a conversation is known and harmless, so that costs a digest and a look each.
    fn recall<'a>(&self, kind: Kind, texts: &[&'a str]) -> (Vec<(usize, Evidence)>, Vec<Unknown<&'a str>>) {
        let digests: Vec<Digest> = texts.iter().map(|text| self.cache.digest(kind, text)).collect();
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        let mut cache = self.cache.recall();
        for (at, (text, digest)) in texts.iter().copied().zip(digests.iter().copied()).enumerate() {
            let before = at.checked_sub(1).map(|before| (digest.follows(digests[before]), texts[before]));
            match cache.get(before.map_or(digest, |(both, _)| both)) {
                Some(evidence) if evidence.is_empty() => {}
                Some(evidence) => found.push((at, *evidence)),
                None => {
                    let known = before.and_then(|_| cache.get(digest).copied());
                    let text = if known.is_some() { head(text) } else { text };
                    let before = before.map(|(both, before)| (both, tail(before)));
                    unknown.push(Unknown { at, digest, text, known, before });
                }
            }
        }
        (found, unknown)
    }

    fn scan<T: AsRef<str>>(&self, place: pai_guards::Place, unknown: &Unknown<T>) -> Evidence {
        let text = unknown.text.as_ref();
        let mut evidence = unknown.known.unwrap_or_else(|| {
            self.counters.called();
            let evidence = self.rules.evidence(place, text);
            self.cache.put(unknown.digest, evidence);
            evidence
        });
        if let Some((both, before)) = &unknown.before {
            evidence.join(&self.rules.seam(place, before.as_ref(), head(text)));
            self.cache.put(*both, evidence);
        }
        evidence
    }

    /// On a thread of its own, with copies of the texts.
    async fn scan_aside(
        self: &Arc<Self>,
        place: pai_guards::Place,
        unknown: Vec<Unknown<&str>>,
    ) -> Result<Vec<(usize, Evidence)>, Unavailable> {
        let _permit = LONG_SCANS.acquire().await.map_err(|_| Unavailable::Stopped)?;
        let own = |Unknown { at, digest, text, known, before }: Unknown<&str>| Unknown {
            at,
            digest,
            text: text.to_owned(),
            known,
            before: before.map(|(both, before)| (both, before.to_owned())),
        };
        let (judge, unknown) = (self.clone(), unknown.into_iter().map(own).collect::<Vec<_>>());
        let scan = move || unknown.iter().map(|unknown| (unknown.at, judge.scan(place, unknown))).collect();
        tokio::task::spawn_blocking(scan).await.map_err(|_| {
            self.counters.failed();
            Unavailable::Stopped
        })
    }

    /// The worst of so many turns in a row as are judged together, of so many. What was found is in their order.
    fn verdict(&self, binding: &GuardBinding, turns: usize, found: &[(usize, Evidence)]) -> Judgement {
        let mut worst = Judgement::default();
        if found.is_empty() {
            return worst;
        }
        let mut before = 0..0;
        for first in 0..=turns.saturating_sub(TURNS_TOGETHER) {
            let row = found.partition_point(|(at, _)| *at < first)
                ..found.partition_point(|(at, _)| *at < first + TURNS_TOGETHER);
            if row != before && !row.is_empty() {
                let verdict = self.rules.verdict(&joined(&found[row.clone()]));
                worst = worst.or_worse(Judgement::of_rules(binding, verdict));
            }
            before = row;
        }
        Judgement { hits: self.rules.verdict(&joined(found)).hits, ..worst }
    }

    pub(crate) fn report<'a>(&'a self, binding: &'a GuardBinding, tally: &Tally) -> ClassifierReport<'a> {
        ClassifierReport::of(&binding.name, "rules", tally, &self.counters, None, None)
    }
}

fn joined(found: &[(usize, Evidence)]) -> Evidence {
    let mut all = Evidence::default();
    for (_, evidence) in found {
        all.join(evidence);
    }
    all
}

fn tail(text: &str) -> &str {
    &text[boundary(text, text.len().saturating_sub(SEAM_BYTES))..]
}

fn head(text: &str) -> &str {
    &text[..boundary(text, SEAM_BYTES)]
}
