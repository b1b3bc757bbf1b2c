//! How often a binding found what. A service may call its findings as it likes, and a text could make it say anything, so
//! only labels that are known beforehand have a counter: those of the manifest's thresholds and of the models.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pai_bundle::guard::{Classifier, GuardBinding};

/// All other labels.
const OTHER: &str = "other";
/// What Llama Guard calls its findings: the verdict as such, and the hazards that it tells apart.
const OF_LLAMA_GUARD: [&str; 15] =
    ["unsafe", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14"];

/// Counts by label.
#[derive(Debug)]
pub(crate) struct Labels {
    known: BTreeMap<Box<str>, Arc<AtomicU64>>,
    other: Arc<AtomicU64>,
}

impl Labels {
    /// For what that binding names. What a binding counted `before` it was edited goes on.
    pub(crate) fn of(binding: &GuardBinding, before: Option<&Self>) -> Self {
        let more: &[&str] = match binding.classifier {
            Classifier::LlamaGuard(_) => &OF_LLAMA_GUARD,
            Classifier::Rules { .. } | Classifier::PromptGuard(_) | Classifier::Custom(_) => &[],
        };
        let labels = binding.thresholds.keys().map(String::as_str).chain(more.iter().copied());
        let counter =
            |label: &str| before.and_then(|before| before.known.get(label).cloned()).unwrap_or_default();
        Self {
            known: labels.map(|label| (label.into(), counter(label))).collect(),
            other: before.map(|before| before.other.clone()).unwrap_or_default(),
        }
    }

    /// One more.
    pub(crate) fn count(&self, label: &str) {
        self.known.get(label).unwrap_or(&self.other).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Vec<(String, u64)> {
        let known = self.known.iter().map(|(label, counter)| (&**label, counter));
        let all = known.chain([(OTHER, &self.other)]);
        all.map(|(label, counter)| (label.to_owned(), counter.load(Ordering::Relaxed))).collect()
    }
}
