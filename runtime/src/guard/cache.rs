//! What was found in texts that were judged before. Texts are known by a keyed digest; none is kept.
//!
//! Two texts with one digest would let an attack pass as the harmless one. With a key that nobody outside the process has,
//! nobody can look for such a pair, and by chance there is one in 2^128.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use highway::{HighwayHash, HighwayHasher, Key};
use lru::LruCache;

use crate::token::RandomError;

/// Texts that are remembered for each binding: of some hundred conversations, in 2 to 4 MB.
pub(crate) const ENTRIES: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// As what a text was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Wherever it stood.
    Anywhere = 1,
    /// Written by a person.
    User = 2,
    /// Given back by a tool.
    Tool = 3,
}

/// Set beside the kind for what stands across the border of two texts.
const SEAM: u8 = 0x80;

/// Names a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest(u128);

/// The findings of the texts that were asked for last.
pub(crate) struct Cache<V> {
    key: [u64; 4],
    entries: Mutex<LruCache<Digest, V>>,
}

impl<V: Clone> Cache<V> {
    /// Empty, with a random key of its own.
    pub(crate) fn new() -> Result<Self, RandomError> {
        Self::of(ENTRIES)
    }

    fn of(entries: NonZeroUsize) -> Result<Self, RandomError> {
        let mut key = [0; 4];
        for word in &mut key {
            *word = getrandom::u64().map_err(RandomError)?;
        }
        Ok(Self { key, entries: Mutex::new(LruCache::new(entries)) })
    }

    /// The name of a text that was judged as `kind`.
    pub(crate) fn digest(&self, kind: Kind, text: &str) -> Digest {
        self.hash(text.as_bytes(), kind as u8)
    }

    /// The name of the border between two texts.
    pub(crate) fn seam(&self, kind: Kind, before: Digest, after: Digest) -> Digest {
        let mut both = [0; 32];
        let (first, second) = both.split_at_mut(16);
        first.copy_from_slice(&before.0.to_le_bytes());
        second.copy_from_slice(&after.0.to_le_bytes());
        self.hash(&both, SEAM | kind as u8)
    }

    /// The kind is the last byte, so that nothing in a text can stand for another.
    fn hash(&self, bytes: &[u8], kind: u8) -> Digest {
        let mut hasher = HighwayHasher::new(Key(self.key));
        hasher.append(bytes);
        hasher.append(&[kind]);
        let [low, high] = hasher.finalize128();
        Digest(u128::from(high) << 64 | u128::from(low))
    }

    /// What was found, if it is remembered.
    pub(crate) fn get(&self, digest: Digest) -> Option<V> {
        self.entries().get(&digest).cloned()
    }

    /// Remembers what was found; a failure to judge is never put here.
    pub(crate) fn put(&self, digest: Digest, found: V) {
        self.entries().put(digest, found);
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<Digest, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> std::fmt::Debug for Cache<V> {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_asked_for_last_are_remembered() {
        let cache = Cache::of(NonZeroUsize::new(2).expect("two")).expect("random");
        let [a, b, c] = ["a", "b", "c"].map(|text| cache.digest(Kind::User, text));
        cache.put(a, 1);
        cache.put(b, 2);
        assert_eq!(cache.get(a), Some(1));
        cache.put(c, 3);
        assert_eq!([a, b, c].map(|digest| cache.get(digest)), [Some(1), None, Some(3)]);
    }

    #[test]
    fn kinds_texts_borders_and_keys_have_digests_of_their_own() {
        let (one, other) = (Cache::<()>::new().expect("random"), Cache::<()>::new().expect("random"));
        let long = "x".repeat(100);
        let mut digests = vec![other.digest(Kind::User, "a"), other.digest(Kind::User, "")];
        for kind in [Kind::Anywhere, Kind::User, Kind::Tool] {
            digests.extend(["", "a", "b", "a\u{2}", &long, &long[1..]].map(|text| one.digest(kind, text)));
            let [a, b] = ["a", "b"].map(|text| one.digest(kind, text));
            digests.extend([one.seam(kind, a, b), one.seam(kind, b, a), one.seam(kind, a, a)]);
        }
        let count = digests.len();
        digests.sort_by_key(|digest| digest.0);
        digests.dedup();
        assert_eq!(digests.len(), count);
        assert_eq!(one.digest(Kind::User, &long), one.digest(Kind::User, &"x".repeat(100)));
    }
}
