//! Finds many words in a text at once. Every place is asked by four bytes of it whether a word may stand around them, and
//! nearly all say no: the answers are bits in a table that stays in the nearest cache, and no place waits for the one
//! before it, as it would in an automaton.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Words are compared in one go.
type Bytes = u128;
pub(crate) const LONGEST_WORD: usize = size_of::<Bytes>();
/// By length of a word, the bytes that are compared.
const MASKS: [Bytes; LONGEST_WORD + 1] = {
    let mut masks = [Bytes::MAX; LONGEST_WORD + 1];
    let mut length = 0;
    while length < LONGEST_WORD {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};
/// Bytes that are looked up.
const GRAM: usize = 4;
/// Words that one gram may find before others are preferred to it.
const CROWD: usize = 4;
/// Bytes before a gram that are looked at with it; all are as many as a `u64` has.
const AHEAD: usize = 2;
/// Places that are asked before those that said yes are looked at: the bits of a `u64`.
const BLOCK: usize = 64;
/// Words of bits in the table of answers: 16 KiB, where four thousand words set two bits in a hundred.
const ANSWERS: usize = 2048;
const BUCKETS: usize = 4096;
/// Places that are asked from eight bytes at once.
const LOADED: usize = 4;

/// What harmless texts have most of, the commonest first: a thousand groups of four bytes, counted in those of
/// `benches/guards/data` with each source weighing the same; `_` is a space.
const COMMON_GRAMS: &str = include_str!("grams/common.txt");
/// Bytes of texts in plain form, the commonest first, as in English; what is not here is rarer.
const COMMON_BYTES: &[u8] = b" etaoinsrhdlucmfwgpybvk";

/// A word that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Word<'a> {
    pub(crate) bytes: &'a [u8],
    /// Only where no letter or digit stands before it, if it begins with one itself.
    pub(crate) border: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    word: Bytes,
    id: u32,
    length: u8,
    /// Bytes of the word before its gram.
    before: u8,
    border: bool,
}

/// What a word has of a gram and the bytes next to it. Most places at which a gram stands have none of its words, and are
/// told from the others by this.
#[derive(Debug, Clone, Copy)]
struct Look {
    bytes: u64,
    /// Bits that belong to the word.
    mask: u64,
}

/// Words to be found.
#[derive(Debug, Clone)]
pub(crate) struct Grams {
    answers: Box<[u64; ANSWERS]>,
    /// Of each bucket, where its entries begin; one more, where the last ends.
    buckets: Vec<u32>,
    /// Of each entry, close together.
    looks: Vec<Look>,
    entries: Vec<Entry>,
}

impl Grams {
    /// Words of three bytes at least and [`LONGEST_WORD`] at most, each found by its place in the list.
    pub(crate) fn new(words: &[Word<'_>]) -> Grams {
        let mut answers = Box::new([0; ANSWERS]);
        let mut placed: Vec<(usize, u32, Entry)> = Vec::with_capacity(words.len());
        let mut place = |gram: u32, entry: Entry| {
            let hash = hash(u64::from(gram));
            answers[hash / 64] |= 1 << (hash % 64);
            placed.push((bucket(hash), gram, entry));
        };
        let mut rarity = Rarity::new();
        for (id, word) in words.iter().enumerate() {
            let bytes = word.bytes;
            let mut entry = Entry {
                word: bytes_at(bytes, 0),
                id: u32::try_from(id).unwrap_or(u32::MAX),
                length: u8::try_from(bytes.len()).unwrap_or(u8::MAX),
                before: 0,
                border: word.border && bytes.first().is_some_and(|first| in_word(*first)),
            };
            if let Some((at, gram)) = rarest(bytes, &rarity) {
                entry.before = u8::try_from(at).unwrap_or(0);
                *rarity.taken.entry(gram).or_default() += 1;
                place(gram, entry);
            } else if let [a, b, c] = *bytes {
                // Whatever comes after it in plain form, and be it the end of the text.
                let follows = |next: &u8| match next {
                    0 | b' ' | 0xc2..=0xf4 => true,
                    0x80..=0xc1 => !c.is_ascii(),
                    next => next.is_ascii_graphic() && !next.is_ascii_uppercase(),
                };
                (0..=u8::MAX).filter(follows).for_each(|next| place(gram(&[a, b, c, next], 0), entry));
            }
        }
        placed.sort_by_key(|(bucket, gram, entry)| (*bucket, *gram, entry.before));
        let first = |bucket: usize| placed.partition_point(|(of, ..)| *of < bucket);
        let buckets = (0..=BUCKETS).map(|bucket| u32::try_from(first(bucket)).unwrap_or(u32::MAX)).collect();
        let (looks, entries) =
            placed.into_iter().map(|(_, gram, entry)| (Look::of(gram, &entry), entry)).unzip();
        Grams { answers, buckets, looks, entries }
    }

    /// Gives every word that stands in `text`, by its number, and where it begins; of one word, in ascending order.
    #[inline]
    pub(crate) fn find(&self, text: &[u8], mut visit: impl FnMut(usize, usize)) {
        let mut base = 0;
        while base < text.len() {
            let mut may_stand = 0_u64;
            // The last places see zeros after the end.
            let end;
            let block = if let Some(block) = text.get(base..).and_then(<[u8]>::first_chunk) {
                block
            } else {
                end = padded(&text[base..]);
                &end
            };
            let block: &[u8; BLOCK + LOADED] = block;
            for at in (0..BLOCK).step_by(LOADED) {
                let mut loaded = [0; 8];
                loaded.copy_from_slice(&block[at..at + 8]);
                let loaded = u64::from_le_bytes(loaded);
                for more in 0..LOADED {
                    // Only the lower half is looked at.
                    let hash = hash((loaded >> (8 * more)) & 0xffff_ffff);
                    may_stand |= (self.answers[hash / 64 % ANSWERS] >> (hash % 64) & 1) << (at + more);
                }
            }
            while may_stand != 0 {
                let at = base + may_stand.trailing_zeros() as usize;
                may_stand &= may_stand - 1;
                self.compare(text, at, &mut visit);
            }
            base += BLOCK;
        }
    }

    #[inline]
    fn compare(&self, text: &[u8], at: usize, visit: &mut impl FnMut(usize, usize)) {
        let seen = bytes_around(text, at);
        let bucket = bucket(hash(seen >> (8 * AHEAD) & 0xffff_ffff));
        let [first, end] = [self.buckets[bucket], self.buckets[bucket + 1]].map(|at| at as usize);
        for (look, entry) in self.looks[first..end].iter().zip(&self.entries[first..end]) {
            if (seen ^ look.bytes) & look.mask != 0 {
                continue;
            }
            let Some(begin) = at.checked_sub(usize::from(entry.before)) else { continue };
            if (bytes_at(text, begin) ^ entry.word) & MASKS[usize::from(entry.length) % MASKS.len()] == 0
                && !(entry.border && begin.checked_sub(1).is_some_and(|before| in_word(text[before])))
            {
                visit(entry.id as usize, begin);
            }
        }
    }
}

impl Look {
    fn of(gram: u32, entry: &Entry) -> Look {
        let [mut bytes, mut mask] = [u64::from(gram), u64::from(u32::MAX)].map(|bits| bits << (8 * AHEAD));
        let word = entry.word.to_le_bytes();
        for (at, byte) in word.iter().enumerate().take(usize::from(entry.length)) {
            let Some(place) = (at + AHEAD).checked_sub(usize::from(entry.before)) else { continue };
            if place < size_of::<u64>() {
                bytes |= u64::from(*byte) << (8 * place);
                mask |= 0xff << (8 * place);
            }
        }
        Look { bytes, mask }
    }
}

/// As regular expressions have it.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn hash(gram: u64) -> usize {
    // Knuth's multiplicative method: the golden ratio's bits, and the uppermost of the product.
    (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 47) as usize
}

fn bucket(hash: usize) -> usize {
    hash % BUCKETS
}

fn gram(text: &[u8], at: usize) -> u32 {
    let gram = text.get(at..).and_then(<[u8]>::first_chunk).copied();
    u32::from_le_bytes(gram.unwrap_or_else(|| padded(&text[at..])))
}

/// The bytes that a [`Look`] has, with zeros beyond the ends of the text.
fn bytes_around(text: &[u8], at: usize) -> u64 {
    let around = at.checked_sub(AHEAD).and_then(|begin| text.get(begin..)?.first_chunk().copied());
    u64::from_le_bytes(around.unwrap_or_else(|| {
        let ahead = AHEAD.saturating_sub(at);
        let mut bytes = [0; 8];
        for (to, from) in bytes[ahead..].iter_mut().zip(&text[at + ahead - AHEAD..]) {
            *to = *from;
        }
        bytes
    }))
}

/// As many bytes from `at` on as a word may have, with zeros after the end.
fn bytes_at(text: &[u8], at: usize) -> Bytes {
    let bytes = text.get(at..).and_then(<[u8]>::first_chunk).copied();
    Bytes::from_le_bytes(bytes.unwrap_or_else(|| padded(&text[at..])))
}

#[cold]
fn padded<const N: usize>(rest: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    for (to, from) in padded.iter_mut().zip(rest) {
        *to = *from;
    }
    padded
}

/// How rare grams are.
struct Rarity {
    common: HashMap<u32, usize>,
    letters: [usize; 256],
    /// Words that are found by a gram.
    taken: HashMap<u32, usize>,
}

impl Rarity {
    fn new() -> Rarity {
        let grams = COMMON_GRAMS.split_ascii_whitespace().map(|text| text.replace('_', " "));
        let common = grams.enumerate().map(|(place, text)| (gram(text.as_bytes(), 0), place)).collect();
        let mut letters = [COMMON_BYTES.len(); 256];
        for (place, byte) in COMMON_BYTES.iter().enumerate() {
            letters[usize::from(*byte)] = place;
        }
        Rarity { common, letters, taken: HashMap::new() }
    }

    /// The greater the rarer, and of those that are not common, the better the fewer words are found by them already.
    fn of(&self, gram: u32) -> (usize, Reverse<usize>, usize) {
        let letters = gram.to_le_bytes().iter().map(|byte| self.letters[usize::from(*byte)]).sum();
        let place = self.common.get(&gram).copied().unwrap_or(usize::MAX);
        (place, Reverse(self.taken.get(&gram).copied().unwrap_or_default() / CROWD), letters)
    }
}

/// The four bytes of a word that fewest texts have, and where they stand in it.
fn rarest(word: &[u8], rarity: &Rarity) -> Option<(usize, u32)> {
    let places = 0..=word.len().checked_sub(GRAM)?;
    places.map(|at| (at, gram(word, at))).max_by_key(|(_, gram)| rarity.of(*gram))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_wherever_it_stands() {
        let words: [&[u8]; 5] =
            [b"you", b"your", b" your n", b"instructions and", "\u{5ffd}\u{7565}".as_bytes()];
        let grams = Grams::new(&words.map(|bytes| Word { bytes, border: false }));
        for before in 0..150 {
            for (id, word) in words.iter().enumerate() {
                let text = ["x".repeat(before).as_bytes(), *word].concat();
                let mut found = Vec::new();
                grams.find(&text, |word, begin| found.push((word, begin)));
                assert!(found.contains(&(id, before)), "{id} after {before}: {found:?}");
                found.retain(|(word, begin)| !text[*begin..].starts_with(words[*word]));
                assert!(found.is_empty(), "{found:?}");
            }
        }
    }

    #[test]
    fn a_border_is_one_where_a_word_begins() {
        let words = [&b"rule"[..], b"you", b"<sys"].map(|bytes| Word { bytes, border: true });
        let grams = Grams::new(&words);
        let mut found = Vec::new();
        grams.find(b"rule ferrule .rules you thank_you x<sys", |word, begin| found.push((word, begin)));
        assert_eq!(found, [(0, 0), (0, 14), (1, 20), (2, 35)]);
    }

    #[test]
    fn words_are_looked_for_by_what_is_rare_in_them() {
        let common = Rarity::new();
        assert_eq!(common.common.len(), 1000);
        assert_eq!(rarest(b"instructions", &common), Some((5, gram(b"ucti", 0))));
        assert_eq!(rarest(b"mention you", &common), Some((5, gram(b"on y", 0))));
        assert_eq!(rarest(b"you", &common), None);
    }
}
