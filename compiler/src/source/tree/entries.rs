//! The entries of a mapping, in the order in which they were written; found by key quickly, however many they are.

use std::ops::Deref;

use super::Entry;

/// From how many entries on it pays to sort them.
const INDEXED_FROM: usize = 32;

/// Entries, each key once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries {
    entries: Vec<Entry>,
    /// Places of the entries by key; empty where there are few.
    by_key: Vec<usize>,
}

impl Entries {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        let mut by_key = Vec::new();
        if entries.len() >= INDEXED_FROM {
            by_key.extend(0..entries.len());
            by_key.sort_by_key(|at| entries.get(*at).map(|entry| entry.key.as_str()));
        }
        Self { entries, by_key }
    }

    /// The entry of a key.
    pub(crate) fn find(&self, key: &str) -> Option<&Entry> {
        if self.by_key.is_empty() {
            return self.entries.iter().find(|entry| entry.key == key);
        }
        let key_at = |at: &usize| self.entries.get(*at).map(|entry| entry.key.as_str());
        let found = self.by_key.binary_search_by(|at| key_at(at).cmp(&Some(key))).ok()?;
        self.entries.get(*self.by_key.get(found)?)
    }
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.entries
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}
