//! Finds many words in a text at once. Every place is asked by four bytes of it whether a word may stand around them, and
//! nearly all say no: the answers are in a table that stays in the nearest caches, and no place waits for the one before
//! it, as it would in an automaton.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

/// Words are compared in one go.
type Bytes = u128;
pub(crate) const LONGEST_WORD: usize = size_of::<Bytes>();
/// Bytes that are looked up.
const GRAM: usize = 4;
/// Words that one gram may find before others are preferred to it.
const CROWD: usize = 16;
/// Bytes before a gram that are looked at with it; all are as many as a `u64` has.
const AHEAD: usize = 2;
/// Places that are asked before those that said yes are looked at: the bits of a `u64`.
const BLOCK: usize = 64;
/// The table of answers, 32 KiB: four thousand words say yes at one of twelve.
const ANSWERS: usize = 1 << 15;
const BUCKETS: usize = 4096;
/// Multipliers of which the one is taken that has fewest common grams say yes by mistake: the first is Knuth's, of the
/// golden ratio, and each makes the next.
const MULTIPLIERS: usize = 24;

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
    /// Bits that belong to the word.
    mask: Bytes,
    id: u32,
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
    hash: Hash,
    /// 1 for yes. Bytes and not bits: a place is asked in five instructions.
    answers: Box<[u8; ANSWERS]>,
    /// Of each bucket, where its entries begin; one more, where the last ends.
    buckets: Box<[u32; BUCKETS + 1]>,
    /// Of each entry, close together.
    looks: Vec<Look>,
    entries: Vec<Entry>,
}

impl Grams {
    /// Words of three bytes at least and [`LONGEST_WORD`] at most, each found by its place in the list.
    #[expect(
        clippy::large_stack_arrays,
        reason = "both are boxed where they are made, and a process makes few"
    )]
    pub(crate) fn new(words: &[Word<'_>]) -> Grams {
        let mut placed: Vec<(u32, Entry)> = Vec::with_capacity(words.len());
        let mut rarity = Rarity::new();
        for (id, word) in words.iter().enumerate() {
            let bytes = word.bytes;
            let mut entry = Entry {
                word: bytes_at(bytes, 0),
                mask: Bytes::MAX >> (8 * LONGEST_WORD.saturating_sub(bytes.len())),
                id: u32::try_from(id).unwrap_or(u32::MAX),
                before: 0,
                border: word.border && bytes.first().is_some_and(|first| in_word(*first)),
            };
            if let Some((at, gram)) = rarest(bytes, &rarity) {
                entry.before = u8::try_from(at).unwrap_or(0);
                *rarity.taken.entry(gram).or_default() += 1;
                placed.push((gram, entry));
            } else if let [a, b, c] = *bytes {
                // Whatever comes after it in plain form, and be it the end of the text.
                let follows = |next: &u8| match next {
                    0 | b' ' | 0xc2..=0xf4 => true,
                    0x80..=0xc1 => !c.is_ascii(),
                    next => next.is_ascii_graphic() && !next.is_ascii_uppercase(),
                };
                let all = (0..=u8::MAX).filter(follows);
                placed.extend(all.map(|next| (gram(&[a, b, c, next], 0), entry)));
            }
        }
        let hash = Hash::for_few_mistakes(&placed, &rarity);
        let mut answers = Box::new([0; ANSWERS]);
        for (gram, _) in &placed {
            answers[hash.of(*gram)] = 1;
        }
        placed.sort_by_key(|(gram, entry)| (hash.bucket(*gram), *gram, entry.before));
        let first = |bucket: usize| placed.partition_point(|(gram, _)| hash.bucket(*gram) < bucket);
        let mut buckets = Box::new([0; BUCKETS + 1]);
        for (bucket, at) in buckets.iter_mut().enumerate() {
            *at = u32::try_from(first(bucket)).unwrap_or(u32::MAX);
        }
        let (looks, entries) =
            placed.into_iter().map(|(gram, entry)| (Look::of(gram, &entry), entry)).unzip();
        Grams { hash, answers, buckets, looks, entries }
    }

    /// Gives every word that stands in `text`, by its number, and where it begins; of one word, in ascending order.
    #[inline]
    pub(crate) fn find(&self, text: &[u8], mut visit: impl FnMut(usize, usize)) {
        let mut base = 0;
        while base < text.len() {
            let rest = &text[base..];
            let mut may_stand = match rest.first_chunk() {
                Some(block) => self.ask(block),
                // The last places see zeros after the end, and those that are zeros alone are none.
                None => self.ask(&padded(rest)) & (u64::MAX >> BLOCK.saturating_sub(rest.len())),
            };
            while may_stand != 0 {
                let at = base + may_stand.trailing_zeros() as usize;
                may_stand &= may_stand - 1;
                self.compare(text, at, &mut visit);
            }
            base += BLOCK;
        }
    }

    /// One bit for each place of a block at which a word may stand.
    #[inline]
    fn ask(&self, block: &[u8; BLOCK + GRAM]) -> u64 {
        let mut may_stand = 0;
        for at in (0..BLOCK).step_by(8) {
            let mut eight = 0;
            for place in (at..at + 8).rev() {
                let mut gram = [0; GRAM];
                gram.copy_from_slice(&block[place..place + GRAM]);
                eight = eight << 1 | u64::from(self.answers[self.hash.of(u32::from_le_bytes(gram))]);
            }
            may_stand |= eight << at;
        }
        may_stand
    }

    #[inline]
    fn compare(&self, text: &[u8], at: usize, visit: &mut impl FnMut(usize, usize)) {
        let seen = bytes_around(text, at);
        let gram = u32::try_from(seen >> (8 * AHEAD) & 0xffff_ffff).unwrap_or(0);
        let bucket = self.hash.bucket(gram);
        let [first, end] = [self.buckets[bucket], self.buckets[bucket + 1]].map(|at| at as usize);
        for (number, look) in self.looks[first..end].iter().enumerate() {
            if (seen ^ look.bytes) & look.mask != 0 {
                continue;
            }
            let entry = &self.entries[first + number];
            let Some(begin) = at.checked_sub(usize::from(entry.before)) else { continue };
            if (bytes_at(text, begin) ^ entry.word) & entry.mask == 0
                && !(entry.border && begin.checked_sub(1).is_some_and(|before| in_word(text[before])))
            {
                visit(entry.id as usize, begin);
            }
        }
    }
}

/// Knuth's multiplicative method: the uppermost bits of a product.
#[derive(Debug, Clone, Copy)]
struct Hash {
    multiplier: u32,
}

impl Hash {
    /// What is common and says yes is asked about in vain over and over.
    fn for_few_mistakes(placed: &[(u32, Entry)], rarity: &Rarity) -> Hash {
        let words: BTreeSet<u32> = placed.iter().map(|(gram, _)| *gram).collect();
        let multipliers = std::iter::successors(Some(0x9e37_79b1_u32), |last| {
            // Odd, as the first.
            Some(last.wrapping_mul(0x2c92_77b5).wrapping_add(2))
        });
        let best = multipliers.take(MULTIPLIERS).map(|multiplier| Hash { multiplier }).min_by_key(|hash| {
            let mut yes = vec![false; ANSWERS];
            for gram in &words {
                yes[hash.of(*gram)] = true;
            }
            // By Zipf's law a gram is the rarer the further down it stands.
            let mistakes =
                rarity.common.iter().filter(|(gram, _)| yes[hash.of(**gram)] && !words.contains(gram));
            mistakes.map(|(_, place)| 1_000_000 / (place + 20)).sum::<usize>()
        });
        best.unwrap_or(Hash { multiplier: 1 })
    }

    #[inline]
    fn of(self, gram: u32) -> usize {
        (gram.wrapping_mul(self.multiplier) >> (u32::BITS - ANSWERS.ilog2())) as usize
    }

    #[inline]
    fn bucket(self, gram: u32) -> usize {
        self.of(gram) % BUCKETS
    }
}

impl Look {
    fn of(gram: u32, entry: &Entry) -> Look {
        let [mut bytes, mut mask] = [u64::from(gram), u64::from(u32::MAX)].map(|bits| bits << (8 * AHEAD));
        let word = entry.word.to_le_bytes();
        let length = (entry.mask.count_ones() / 8) as usize;
        for (at, byte) in word.iter().enumerate().take(length) {
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
    use proptest::prelude::*;

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

    /// As [`Grams::find`], place by place.
    fn plainly(words: &[Word<'_>], text: &[u8]) -> Vec<(usize, usize)> {
        let stands = |word: &Word<'_>, at: usize| {
            let inside = at > 0 && in_word(text[at - 1]) && in_word(word.bytes[0]);
            text[at..].starts_with(word.bytes) && !(word.border && inside)
        };
        let places = (0..text.len()).flat_map(|at| (0..words.len()).map(move |word| (word, at)));
        let mut found: Vec<_> = places.filter(|(word, at)| stands(&words[*word], *at)).collect();
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_stands_there(
            words in proptest::collection::btree_set("[a-d .\u{456}]{3,8}", 1..60),
            borders in any::<u64>(),
            text in proptest::collection::vec("[a-d .\u{456}]{1,9}", 0..60),
        ) {
            let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| word.len() <= LONGEST_WORD).collect();
            let words: Vec<Word<'_>> = words
                .iter()
                .enumerate()
                .map(|(at, word)| Word { bytes: word.as_bytes(), border: borders >> (at % 64) & 1 == 1 })
                .collect();
            let text = text.concat();
            let mut found = Vec::new();
            Grams::new(&words).find(text.as_bytes(), |word, begin| found.push((word, begin)));
            found.sort_unstable();
            prop_assert_eq!(found, plainly(&words, text.as_bytes()));
        }
    }

    #[test]
    fn nothing_stands_beyond_the_end() {
        // So many that whatever is asked may be one of them, also the zeros after the end.
        let number = |at: u32| {
            let mixed = at.wrapping_mul(0x85eb_ca6b);
            (mixed ^ mixed >> 13).wrapping_mul(0xc2b2_ae35) | 1 << 31
        };
        let all: Vec<[u8; 4]> = (0..100_000).map(|at| number(at).to_le_bytes()).collect();
        let words: Vec<Word<'_>> = all.iter().map(|bytes| Word { bytes, border: false }).collect();
        let grams = Grams::new(&words);
        assert_eq!(grams.answers[grams.hash.of(0)], 1);
        for length in 0..200 {
            grams.find("x".repeat(length).as_bytes(), |word, begin| panic!("{word} at {begin} of {length}"));
        }
    }
}
