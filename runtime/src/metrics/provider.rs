//! The counters of one provider's requests.

use std::sync::atomic::{AtomicU64, Ordering};

use pai_ledger::Settlement;
use pai_ledger::usage::Usage;

use super::histogram::{Histogram, REQUEST_SECONDS};
use super::refusals::Refusals;
use crate::record::attempted::Class;
use crate::record::{Outcome, Record};

/// The classes of tokens, as records and `/usage` have them.
pub(crate) const CLASSES: [&str; 5] = ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output"];

type Seconds = Histogram<{ REQUEST_SECONDS.len() }>;

/// Requests that ended with one provider, and attempts at it.
#[derive(Debug)]
pub(crate) struct ProviderCounts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    attempts: [AtomicU64; Class::ALL.len()],
    pub(crate) refusals: Refusals,
    pub(crate) duration: Seconds,
    pub(crate) first_byte: Seconds,
    tokens: [AtomicU64; CLASSES.len()],
    estimated: AtomicU64,
    nano_usd: AtomicU64,
    web_searches: AtomicU64,
}

/// What its requests used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    /// By class, in the order of [`CLASSES`].
    pub(crate) tokens: [u64; CLASSES.len()],
    /// The part of them that is a bound of ours.
    pub(crate) estimated: u64,
    pub(crate) nano_usd: u64,
    pub(crate) web_searches: u64,
}

impl Default for ProviderCounts {
    fn default() -> Self {
        Self {
            outcomes: Default::default(),
            attempts: Default::default(),
            refusals: Refusals::default(),
            duration: Histogram::new(&REQUEST_SECONDS),
            first_byte: Histogram::new(&REQUEST_SECONDS),
            tokens: Default::default(),
            estimated: AtomicU64::default(),
            nano_usd: AtomicU64::default(),
            web_searches: AtomicU64::default(),
        }
    }
}

impl ProviderCounts {
    /// A request has ended here.
    pub(super) fn ended(&self, record: &Record) {
        add(&self.outcomes, record.outcome.place(), 1);
        self.duration.observe(record.latency_ms / 1e3);
        if let Some(millis) = record.first_byte_ms {
            self.first_byte.observe(millis / 1e3);
        }
        if let Some(code) = &record.code {
            self.refusals.count(code);
        }
    }

    pub(super) fn attempted(&self, class: Class) {
        add(&self.attempts, class.place(), 1);
    }

    /// Tokens of this provider were paid for.
    pub(super) fn charged(&self, settlement: &Settlement) {
        let Usage { input, cache_write_5m, cache_write_1h, cache_read, output, web_searches } =
            settlement.usage;
        let by_class = [input, cache_write_5m, cache_write_1h, cache_read, output];
        for (place, tokens) in by_class.into_iter().enumerate() {
            add(&self.tokens, place, tokens.0);
        }
        if settlement.estimated {
            self.estimated.fetch_add(settlement.usage.total().0, Ordering::Relaxed);
        }
        self.nano_usd.fetch_add(settlement.cost.0, Ordering::Relaxed);
        if web_searches > 0 {
            self.web_searches.fetch_add(web_searches, Ordering::Relaxed);
        }
    }

    /// Counts by outcome.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Outcome::ALL.iter().map(|outcome| outcome.word()).zip(self.outcomes.iter().map(read))
    }

    /// Counts by what came of attempts.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Class::ALL.iter().map(|class| class.word()).zip(self.attempts.iter().map(read))
    }

    pub(crate) fn spent(&self) -> Spent {
        Spent {
            tokens: std::array::from_fn(|place| self.tokens.get(place).map_or(0, read)),
            estimated: read(&self.estimated),
            nano_usd: read(&self.nano_usd),
            web_searches: read(&self.web_searches),
        }
    }
}

fn add(counters: &[AtomicU64], place: usize, count: u64) {
    if let Some(counter) = counters.get(place).filter(|_| count > 0) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
