//! What `/metrics` counts of requests: one fold over decision records, made where a record is written, so that the two
//! cannot disagree. What the ledger, guards and breakers count themselves is read from them by `admin/metrics.rs`.
//!
//! A request adds a look-up of its provider by name and some dozen relaxed atomics; it allocates nothing and takes no lock,
//! unless it is refused with a code.

pub(crate) mod histogram;
pub(crate) mod page;
mod provider;
mod refusals;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use pai_bundle::name::QualifiedName;
use pai_ledger::Settlement;

use crate::record::Record;
pub(crate) use provider::{CLASSES, ProviderCounts};

/// By `namespace/name`, as records have it. Names come from manifests: nobody can choose many that collide.
type ByText = HashMap<Box<str>, Arc<ProviderCounts>, foldhash::fast::RandomState>;

/// Counters of all requests since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Every provider that a bundle has named since the start: a counter that went away with its provider, and came back
    /// with it from nought, would not agree with the records.
    providers: ArcSwap<ByText>,
    /// Of requests that were over before they came to a provider. Also of names that no bundle has, which no record has.
    nobody: ProviderCounts,
}

impl Metrics {
    /// Makes room for these providers. Called before their bundle is in force.
    pub(crate) fn follow<'a>(&self, names: impl Iterator<Item = &'a QualifiedName>) {
        let mut providers = ByText::clone(&self.providers.load());
        for name in names {
            providers.entry(name.to_string().into()).or_default();
        }
        self.providers.store(Arc::new(providers));
    }

    /// Counts a request that has ended. `last` is what its last attempt was charged; what those before it were stands with
    /// them in the record.
    pub(crate) fn count(&self, record: &Record, last: Option<&Settlement>) {
        let providers = self.providers.load();
        let of = |name: &str| providers.get(name).map_or(&self.nobody, |provider| &**provider);
        let name = record.provider.as_deref().unwrap_or_default();
        let provider = of(name);
        provider.ended(record);
        if let Some(charged) = last {
            provider.charged(charged);
        }
        for attempt in &record.attempts {
            let asked = provider_of(&attempt.candidate);
            // Nearly always the same, and comparing costs less than another look-up.
            let provider = if asked == name { provider } else { of(asked) };
            provider.attempted(attempt.came);
            if let Some(charged) = &attempt.charge {
                provider.charged(charged);
            }
        }
    }

    /// All counters with the names of their providers, sorted; the first has none.
    pub(crate) fn read<T>(&self, mut each: impl FnMut(&str, &ProviderCounts) -> T) -> Vec<T> {
        let providers = self.providers.load();
        let mut sorted: Vec<_> = providers.iter().collect();
        sorted.sort_by_key(|(name, _)| *name);
        let mut all = vec![each("", &self.nobody)];
        all.extend(sorted.into_iter().map(|(name, counts)| each(name, counts)));
        all
    }
}

/// `namespace/name` of `namespace/name/model`. Models may have slashes, names have none.
fn provider_of(candidate: &str) -> &str {
    let mut slashes = candidate.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    let end = slashes.nth(1).map_or(candidate.len(), |(at, _)| at);
    candidate.get(..end).unwrap_or(candidate)
}

#[cfg(test)]
mod tests;
