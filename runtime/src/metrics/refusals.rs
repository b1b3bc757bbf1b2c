//! How often requests were refused, by code. Codes are words of the gateway's own and of the policies of a bundle, never of
//! a client; what is not bounded by the code is bounded here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// Most codes that are told apart. The gateway has some thirty; the rest is for those that authors write.
const CODES_MAX: usize = 100;
/// What all others are counted as.
const OTHER: &str = "other";

/// Counts by code.
#[derive(Debug, Default)]
pub(crate) struct Refusals(RwLock<BTreeMap<Box<str>, AtomicU64>>);

impl Refusals {
    /// One more with that code.
    pub(crate) fn count(&self, code: &str) {
        if let Some(counter) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(code) {
            counter.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let code = if all.len() < CODES_MAX || all.contains_key(code) { code } else { OTHER };
        all.entry(code.into()).or_default().fetch_add(1, Ordering::Relaxed);
    }

    /// Codes and counts, copied.
    pub(crate) fn read(&self) -> Vec<(String, u64)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(code, count)| (code.to_string(), count.load(Ordering::Relaxed))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_beyond_the_most_are_counted_together() {
        let refusals = Refusals::default();
        for round in 0..2 {
            for code in 0..CODES_MAX + 50 {
                refusals.count(&format!("code_{code}"));
            }
            let counts = refusals.read();
            assert_eq!(counts.len(), CODES_MAX + 1, "round {round}");
        }
        let counts: BTreeMap<_, _> = refusals.read().into_iter().collect();
        assert_eq!((counts["code_0"], counts[OTHER]), (2, 100));
    }
}
