//! Which words a text must have for a pattern to match at all, read off the pattern itself.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::grams::LONGEST_WORD;

/// Alternatives of one requirement. More would make the word finder large, and say little.
const ALTERNATIVES: usize = 100;
/// Requirements that are asked for: a few are enough to be sure that hardly any text is looked at in vain.
pub(crate) const MOST_CLAUSES: usize = 6;
/// A requirement with a shorter word is met by nearly every text.
const SHORTEST: usize = 3;

/// All that a part can match.
type Words = Vec<Vec<u8>>;

/// One requirement: a match has at least one of these words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) words: Words,
    /// Bytes from where the match begins to where the word does: at least, and at most. A space before the match may count
    /// as one of the word's.
    pub(crate) from: isize,
    pub(crate) to: isize,
    /// No letter or digit stands before the word.
    pub(crate) border: bool,
}

impl Clause {
    fn shortest(&self) -> usize {
        shortest(&self.words)
    }

    /// Bytes of the least telling word.
    fn telling(&self) -> usize {
        self.words.iter().map(|word| telling(word)).min().unwrap_or(0)
    }

    fn moved(mut self, (from, to): (isize, isize)) -> Clause {
        self.from = self.from.saturating_add(from);
        self.to = self.to.saturating_add(to);
        self
    }
}

/// The commonest words of English, and of what people ask of models, by the alphabet: nearly every text has them.
#[rustfmt::skip]
const EVERYWHERE: [&[u8]; 79] = [
    b"a", b"all", b"also", b"an", b"and", b"any", b"are", b"as", b"at", b"be", b"been", b"but", b"by",
    b"can", b"do", b"each", b"for", b"from", b"get", b"give", b"has", b"have", b"he", b"here", b"how", b"i",
    b"if", b"in", b"into", b"is", b"it", b"its", b"just", b"like", b"make", b"may", b"me", b"more", b"my",
    b"no", b"not", b"now", b"of", b"on", b"only", b"or", b"other", b"out", b"said", b"she", b"should",
    b"so", b"some", b"than", b"that", b"the", b"their", b"them", b"then", b"there", b"these", b"they",
    b"this", b"to", b"up", b"use", b"was", b"we", b"were", b"what", b"when", b"which", b"who", b"will",
    b"with", b"would", b"write", b"you", b"your",
];

/// How much it says of a text that it has a word: bytes, but of a phrase's common words one each.
fn telling(word: &[u8]) -> usize {
    let parts = word.split(|byte| *byte == b' ').filter(|part| !part.is_empty());
    // No common word is longer than six.
    let common = |part: &[u8]| part.len() <= 6 && EVERYWHERE.binary_search(&part).is_ok();
    parts.map(|part| if common(part) { 1 } else { part.len().max(SHORTEST) }).sum()
}

/// All requirements of a pattern; a match meets every one. Empty where the pattern has no fixed words.
pub(crate) fn required(hir: &Hir) -> Vec<Clause> {
    let mut clauses = clauses(hir, Before::Anything);
    clauses.retain(|clause| clause.shortest() >= SHORTEST);
    clauses.sort_by_cached_key(|clause| (usize::MAX - clause.telling(), clause.words.len()));
    // What is nearly everywhere is looked for where a pattern has no better.
    if clauses.first().is_some_and(|best| best.telling() >= SHORTEST) {
        clauses.retain(|clause| clause.telling() >= SHORTEST);
    }
    clauses.truncate(MOST_CLAUSES);
    for clause in &mut clauses {
        let words = &mut clause.words;
        for word in words.iter_mut() {
            word.truncate(LONGEST_WORD);
        }
        words.sort();
        // Where a word stands, those that it begins with stand too.
        words.dedup_by(|longer, shorter| longer.starts_with(shorter));
    }
    clauses
}

/// What is known of the byte before a part, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Before {
    Space,
    /// No letter or digit, if one comes after.
    Border,
    Anything,
}

impl Before {
    /// The same of the byte before what follows `part`.
    fn after(self, part: &Hir) -> Before {
        let last = match part.kind() {
            HirKind::Look(Look::WordAscii) => return self.min(Before::Border),
            HirKind::Empty | HirKind::Look(_) => return self,
            HirKind::Literal(literal) if literal.0.ends_with(b" ") => Before::Space,
            HirKind::Literal(_) | HirKind::Class(_) => Before::Anything,
            HirKind::Capture(capture) => self.after(&capture.sub),
            HirKind::Repetition(repetition) => Before::Anything.after(&repetition.sub),
            HirKind::Concat(parts) => parts.iter().fold(self, Before::after),
            HirKind::Alternation(branches) => {
                branches.iter().map(|branch| self.after(branch)).max().unwrap_or(Before::Anything)
            }
        };
        // What may be left out may leave what stood before.
        if part.properties().minimum_len() == Some(0) { last.max(self) } else { last }
    }
}

/// Words at a place.
fn begun(words: Words, (from, to): (isize, isize), before: Before) -> Clause {
    match before {
        Before::Space => Clause {
            words: product(&vec![b" ".to_vec()], &words),
            from: from.saturating_sub(1),
            to: to.saturating_sub(1),
            border: false,
        },
        _ => Clause { words, from, to, border: before == Before::Border },
    }
}

fn clauses(hir: &Hir, before: Before) -> Vec<Clause> {
    if let Some(words) = exact(hir) {
        return vec![begun(words, (0, 0), before)];
    }
    match hir.kind() {
        HirKind::Capture(capture) => clauses(&capture.sub, before),
        HirKind::Repetition(repetition) if repetition.min > 0 => clauses(&repetition.sub, before),
        HirKind::Concat(parts) => of_concat(parts, before),
        HirKind::Alternation(branches) => of_alternation(branches, before).into_iter().collect(),
        HirKind::Repetition(_)
        | HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Class(_)
        | HirKind::Look(_) => Vec::new(),
    }
}

/// Parts that are fixed words are read together as long as there are few of them, so that requirements are phrases.
fn of_concat(parts: &[Hir], before: Before) -> Vec<Clause> {
    let mut found = Vec::new();
    let nothing = || vec![Vec::new()];
    let mut before = before;
    // Bytes of all parts before, at least and at most.
    let mut at = (0_isize, 0_isize);
    let mut run = begun(nothing(), at, before);
    for part in parts {
        let length = part.properties();
        let after = (
            at.0.saturating_add(signed(length.minimum_len().unwrap_or(0))),
            at.1.saturating_add(length.maximum_len().map_or(isize::MAX, signed)),
        );
        let next = before.after(part);
        match exact(part) {
            Some(words) if run.words.len() * words.len() <= ALTERNATIVES => {
                run.words = product(&run.words, &words);
                // A border says something of the word that comes next, and a run may begin with it.
                if run.words == nothing() {
                    run = begun(nothing(), after, next);
                }
            }
            Some(words) => found.push(std::mem::replace(&mut run, begun(words, at, before))),
            None => {
                found.push(std::mem::replace(&mut run, begun(nothing(), after, next)));
                found.extend(clauses(part, before).into_iter().map(|clause| clause.moved(at)));
            }
        }
        at = after;
        before = next;
    }
    found.push(run);
    found.retain(|clause| clause.shortest() > 0);
    found
}

/// Every branch must require something, or the whole requires nothing.
fn of_alternation(branches: &[Hir], before: Before) -> Option<Clause> {
    let mut all = Clause { words: Words::new(), from: isize::MAX, to: isize::MIN, border: true };
    for branch in branches {
        let best = clauses(branch, before)
            .into_iter()
            .max_by_key(|clause| (clause.telling(), usize::MAX - clause.words.len()))?;
        all.words.extend(best.words);
        all.from = all.from.min(best.from);
        all.to = all.to.max(best.to);
        all.border &= best.border;
    }
    Some(all)
}

fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}

/// All that a part can match, if that is a short list of words.
fn exact(hir: &Hir) -> Option<Words> {
    let words = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_vec()],
        HirKind::Class(class) => characters(class)?,
        HirKind::Capture(capture) => exact(&capture.sub)?,
        HirKind::Repetition(repetition) => {
            let max = repetition.max.filter(|max| *max <= 2)?;
            let once = exact(&repetition.sub)?;
            let mut all = Words::new();
            let mut row: Words = vec![Vec::new()];
            for times in 0..=max {
                if times >= repetition.min {
                    all.extend(row.iter().cloned());
                }
                if row.len() * once.len() > ALTERNATIVES {
                    return None;
                }
                row = product(&row, &once);
            }
            all
        }
        HirKind::Concat(parts) => {
            let mut all: Words = vec![Vec::new()];
            for part in parts {
                let words = exact(part)?;
                if all.len() * words.len() > ALTERNATIVES {
                    return None;
                }
                all = product(&all, &words);
            }
            all
        }
        HirKind::Alternation(branches) => {
            let mut all = Words::new();
            for branch in branches {
                all.extend(exact(branch)?);
            }
            all
        }
    };
    (words.len() <= ALTERNATIVES).then_some(words)
}

fn characters(class: &Class) -> Option<Words> {
    let literal = class.literal();
    if let Some(only) = literal {
        return Some(vec![only]);
    }
    match class {
        Class::Bytes(bytes) => {
            let all: Vec<u8> = bytes.iter().flat_map(|range| range.start()..=range.end()).take(5).collect();
            (all.len() <= 4).then(|| all.into_iter().map(|byte| vec![byte]).collect())
        }
        Class::Unicode(chars) => {
            let all: Vec<char> = chars.iter().flat_map(|range| range.start()..=range.end()).take(5).collect();
            (all.len() <= 4).then(|| all.into_iter().map(|c| c.to_string().into_bytes()).collect())
        }
    }
}

fn product(left: &Words, right: &Words) -> Words {
    left.iter().flat_map(|head| right.iter().map(move |tail| [head.as_slice(), tail].concat())).collect()
}

fn shortest(words: &Words) -> usize {
    words.iter().map(Vec::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required_by(pattern: &str) -> Vec<Clause> {
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(pattern)
            .expect("a pattern");
        required(&hir)
    }

    #[test]
    fn the_words_that_a_match_must_have_are_found() {
        for (pattern, words) in [
            (r"\bignore (?:all )?rules\b", &[&["ignore all rules", "ignore rules"][..]][..]),
            (r"\bforget(?: [^ ]+){0,3} every(?:thing)?\b", &[&["forget"], &[" every"]]),
            (r"\b(?:alpha|beta) [0-9]+ (?:gamma|delta)", &[&[" delta", " gamma"], &["alpha ", "beta "]]),
            (r"\bforget (?:[^ ]+ ){0,3}ai\b", &[&["forget "], &[" ai"]]),
            (r"\btell (?:[^ ]+ ){0,3}(?:you|them) [0-9]", &[&["tell "]]),
            (r"(?:one.*four|three)", &[&["four", "three"]]),
            (r"[0-9]+", &[]),
            (r"(?:word|[0-9]+)", &[]),
            (r"(?:word)?[0-9]+", &[]),
        ] {
            let found: Vec<Vec<String>> = required_by(pattern)
                .into_iter()
                .map(|clause| {
                    clause.words.into_iter().map(|word| String::from_utf8(word).expect("UTF-8")).collect()
                })
                .collect();
            assert_eq!(found, words, "{pattern}");
        }
    }

    #[test]
    fn it_is_known_how_far_into_a_match_a_word_stands() {
        for (pattern, places) in [
            (r"\b(?:the )?user [0-9]{2,5}x never\b", &[(0, 0, true), (7, 14, false)][..]),
            (r"\bforget (?:[^ ]{1,16} ){0,3}rules", &[(0, 0, true), (6, 57, false)]),
            (r"\b(?:the )?(?:[a-z]ules|policy)", &[(0, 5, false)]),
            (r"(?:x[0-9])?rules", &[(0, 2, false)]),
        ] {
            let mut found: Vec<_> =
                required_by(pattern).iter().map(|clause| (clause.from, clause.to, clause.border)).collect();
            found.sort_unstable();
            assert_eq!(found, places, "{pattern}");
        }
    }
}
