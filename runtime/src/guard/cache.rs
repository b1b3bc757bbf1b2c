//! What was found in texts that were judged before. Texts are known by a keyed digest; none is kept.
//!
//! Two texts with one digest would let an attack pass as the harmless one. With a key that nobody outside the process has,
//! nobody can look for such a pair, and by chance there is one in 2^128.

use std::hash::{BuildHasherDefault, Hasher};
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
    /// A list of messages up to some place, as bytes.
    List = 4,
    /// A list of messages up to a place where it is asked whether more of it is known.
    Post = 5,
    /// What is said of one subject in such a list.
    Subject = 6,
}

/// Names a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Digest(u128);

impl Digest {
    /// Odd, and so is their sum less one; their difference is odd but for a factor of two. So texts that are alike, or
    /// stand the other way round, give other sums too.
    const BEFORE: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    const AFTER: u128 = 0xc2b2_ae3d_27d4_eb4f_1656_67b1_9e37_79f7;

    /// As bytes, to be part of another.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// The name of a text where it follows that other one of its kind. Without the key their digests are random numbers, so
    /// a sum of odd multiples is one as well, and costs a fiftieth of a digest of them.
    pub(crate) fn follows(self, before: Self) -> Self {
        Self(before.0.wrapping_mul(Self::BEFORE).wrapping_add(self.0.wrapping_mul(Self::AFTER)))
    }
}

/// A digest is as good as a hash already.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a random number is one")]
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
}

type Entries<V> = LruCache<Digest, V, BuildHasherDefault<AsItIs>>;

/// The findings of the texts that were asked for last.
pub(crate) struct Cache<V> {
    key: [u64; 4],
    entries: Mutex<Entries<V>>,
}

impl<V> Cache<V> {
    /// Empty, with a random key of its own.
    pub(crate) fn new() -> Result<Self, RandomError> {
        Self::of(ENTRIES)
    }

    /// The same for so many.
    pub(crate) fn of(entries: NonZeroUsize) -> Result<Self, RandomError> {
        let mut key = [0; 4];
        for word in &mut key {
            *word = getrandom::u64().map_err(RandomError)?;
        }
        Ok(Self { key, entries: Mutex::new(Entries::with_hasher(entries, BuildHasherDefault::default())) })
    }

    /// The name of a text that was judged as `kind`.
    /// The kind is the last byte, so that nothing in a text can stand for another.
    pub(crate) fn digest(&self, kind: Kind, text: &str) -> Digest {
        let mut running = self.running();
        running.add(text.as_bytes());
        running.ends(&[kind as u8])
    }

    /// To name bytes as they come.
    pub(crate) fn running(&self) -> Running {
        Running(HighwayHasher::new(Key(self.key)))
    }

    /// To ask for many, under one lock.
    pub(crate) fn recall(&self) -> Recall<'_, V> {
        Recall(self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers what was found; a failure to judge is never put here.
    pub(crate) fn put(&self, digest: Digest, found: V) {
        self.recall().0.put(digest, found);
    }
}

/// The digest of some bytes, which may go on.
#[derive(Clone)]
pub(crate) struct Running(HighwayHasher);

impl Running {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.append(bytes);
    }

    /// The name of what there is, with these at its end: of one kind always as many.
    pub(crate) fn ends(mut self, kind: &[u8]) -> Digest {
        self.0.append(kind);
        let [low, high] = self.0.finalize128();
        Digest(u128::from(high) << 64 | u128::from(low))
    }
}

/// What is remembered, while nobody else looks.
pub(crate) struct Recall<'a, V>(MutexGuard<'a, Entries<V>>);

impl<V> Recall<'_, V> {
    /// What was found, if it is remembered.
    pub(crate) fn get(&mut self, digest: Digest) -> Option<&V> {
        self.0.get(&digest)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, digest: Digest) -> Option<&mut V> {
        self.0.get_mut(&digest)
    }

    /// Remembers it.
    pub(crate) fn put(&mut self, digest: Digest, found: V) {
        self.0.put(digest, found);
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
        assert_eq!(cache.recall().get(a), Some(&1));
        cache.put(c, 3);
        let found = [a, b, c].map(|digest| cache.recall().get(digest).copied());
        assert_eq!(found, [Some(1), None, Some(3)]);
    }

    #[test]
    fn kinds_texts_pairs_and_keys_have_digests_of_their_own() {
        let (one, other) = (Cache::<()>::new().expect("random"), Cache::<()>::new().expect("random"));
        let long = "x".repeat(100);
        let mut digests = vec![other.digest(Kind::User, "a"), other.digest(Kind::User, "")];
        for kind in [Kind::Anywhere, Kind::User, Kind::Tool] {
            digests.extend(["", "a", "b", "a\u{2}", &long, &long[1..]].map(|text| one.digest(kind, text)));
            let [a, b] = ["a", "b"].map(|text| one.digest(kind, text));
            digests.extend([a.follows(b), b.follows(a), a.follows(a), b.follows(b)]);
        }
        let count = digests.len();
        digests.sort_by_key(|digest| digest.0);
        digests.dedup();
        assert_eq!(digests.len(), count);
        assert_eq!(one.digest(Kind::User, &long), one.digest(Kind::User, &"x".repeat(100)));
    }
}
