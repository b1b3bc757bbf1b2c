//! Judges texts with rules. What was found in a text is remembered, so a conversation costs what its last turn costs.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use pai_bundle::guard::GuardBinding;
use pai_guards::{Evidence, Rules, RulesError, TURNS_TOGETHER};
use tokio::sync::Semaphore;

use super::cache::{Cache, Digest, Kind};
use super::judgement::{Judgement, Place};
use super::pieces::boundary;
use super::reading::Told;
use super::report::{ClassifierReport, Counters};
use super::tally::Tally;
use super::unavailable::Unavailable;
use crate::token::RandomError;

/// Bytes of new text above which a scan would keep other requests waiting: at 20 to 60 ns a byte, some milliseconds.
const LONG_BYTES: usize = 64 * 1024;
/// Bytes of a text that matter for its border with another; more than `Rules::seam` reads.
const SEAM_BYTES: usize = 1_024;

/// Beginnings that are remembered: some of each conversation, a hundred bytes each where nothing was found.
const BEGINNINGS: NonZeroUsize = NonZeroUsize::new(8_192).unwrap();
/// Texts of a beginning in which there is something; one with more is not remembered.
const MOST_FOUND: usize = 32;

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
    /// Of all texts up to some place in a list of messages, by the name that its reader has for them.
    beginnings: Cache<Arc<Beginning>>,
    counters: Counters,
}

/// What was found in texts that begin a conversation.
#[derive(Debug)]
struct Beginning {
    texts: usize,
    /// Where there was anything.
    found: Vec<(usize, Evidence)>,
    /// The name of the last of them.
    last: Digest,
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
        let (cache, beginnings) = (Cache::new()?, Cache::of(BEGINNINGS)?);
        Ok(Self { rules, cache, beginnings, counters: Counters::default() })
    }

    /// Judges turns that stand one after the other, as [`Rules::scan_turns`] does; `None` where what is known of them by name
    /// alone is not known here.
    pub(crate) async fn judge(
        self: &Arc<Self>,
        binding: &GuardBinding,
        place: Place,
        told: &Told<'_>,
    ) -> Result<Option<Judgement>, Unavailable> {
        let (place, kind) = match place {
            Place::Tool => (pai_guards::Place::Tool, Kind::Tool),
            Place::User | Place::Answer | Place::System => (pai_guards::Place::User, Kind::User),
        };
        let (before, after) = told.texts.split_at(told.before);
        // With what stands before it, a beginning is another.
        let named =
            |name| before.iter().fold(name, |name: Digest, text| self.cache.digest(kind, text).follows(name));
        let (known, texts) = match told.known {
            None => (None, told.texts.as_slice()),
            Some(name) => match self.beginnings.recall().get(named(name)).cloned() {
                None => return Ok(None),
                known => (known, after),
            },
        };
        let first = known.as_ref().map_or(0, |known| known.texts);
        let last = known.as_ref().map(|known| (known.last, told.last.as_str()));
        let digests: Vec<Digest> = texts.iter().map(|text| self.cache.digest(kind, text)).collect();
        let (mut more, unknown) = self.recall(last, texts, &digests);
        let new = unknown.iter().filter(|one| one.known.is_none()).count();
        self.counters.remembered((first + texts.len()).saturating_sub(new));
        if unknown.iter().map(|unknown| unknown.text.len()).sum::<usize>() <= LONG_BYTES {
            more.extend(unknown.iter().map(|unknown| (unknown.at, self.scan(place, unknown))));
        } else {
            more.extend(self.scan_aside(place, unknown).await?);
        }
        more.retain(|(_, evidence)| !evidence.is_empty());
        more.sort_by_key(|(at, _)| *at);
        let mut found = known.as_ref().map(|known| known.found.clone()).unwrap_or_default();
        found.extend(more.into_iter().map(|(at, evidence)| (first + at, evidence)));
        let skipped = if known.is_some() { before.len() } else { 0 };
        for (count, name) in &told.names {
            let count = count.saturating_sub(skipped).min(digests.len());
            let last = match count.checked_sub(1) {
                Some(last) => digests.get(last).copied(),
                None => known.as_ref().map(|known| known.last),
            };
            let texts = first + count;
            let found = &found[..found.partition_point(|(at, _)| *at < texts)];
            if let Some(last) = last.filter(|_| found.len() <= MOST_FOUND) {
                let beginning = Beginning { texts, found: found.to_vec(), last };
                self.beginnings.put(named(*name), Arc::new(beginning));
            }
        }
        Ok(Some(self.verdict(binding, first + texts.len(), &found)))
    }

    /// What was found in texts and at their borders with those before them, where there was anything; and what is not known.
    /// Nearly all of a conversation is known and harmless, so that costs a digest and a look each. `last` stands before them.
    fn recall<'a>(
        &self,
        last: Option<(Digest, &'a str)>,
        texts: &[&'a str],
        digests: &[Digest],
    ) -> (Vec<(usize, Evidence)>, Vec<Unknown<&'a str>>) {
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        let mut cache = self.cache.recall();
        let mut last = last;
        for (at, (text, digest)) in texts.iter().copied().zip(digests.iter().copied()).enumerate() {
            let before = last.map(|(before, text)| (digest.follows(before), text));
            last = Some((digest, text));
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
