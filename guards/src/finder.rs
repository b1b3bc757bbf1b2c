//! One pass over a text that tells which rules are worth trying, and where: a rule is tried only near its own words, and
//! only if the text has all of them.

use std::collections::BTreeMap;

use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, BuildError, MatchKind, StartKind};

use crate::definition::{Begins, Rule};
use crate::evidence::RuleSet;
use crate::normalize::Plain;
use crate::verdict::Place;

/// Words of English turned by thirteen places, as they stand in a text that is. Two of them are no accident.
const TURNED: [&str; 9] =
    [" gur ", " lbh ", " naq ", " lbhe ", "lbh ner ", "vafgehpgvba", "cerivbhf", "vtaber", "flfgrz"];

/// No hit.
const NONE: u32 = u32::MAX;

/// The words of all patterns in one automaton.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    words: DFA,
    /// By word: the requirements it meets.
    meets: Vec<Vec<Requirement>>,
    /// By pattern: which rule it is of, and how many requirements it has.
    patterns: Vec<Owner>,
    /// The first word that is one of [`TURNED`].
    turned: usize,
}

#[derive(Debug, Clone, Copy)]
struct Requirement {
    pattern: usize,
    clause: usize,
}

#[derive(Debug, Clone)]
struct Owner {
    rule: usize,
    index: usize,
    /// One bit for each requirement.
    all: u8,
    /// By requirement, the words that meet it, ascending.
    words: Vec<Vec<u32>>,
}

/// Room that is used again from one reading of a text to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Where a word begins, and the number of the hit of the same word before it.
    hits: Vec<(u32, u32)>,
    /// By word, its last hit; each hit leads to the one before.
    last: Vec<u32>,
    /// By requirement of the pattern that is tried, where its words begin.
    places: Vec<Vec<u32>>,
    /// By pattern, which requirements are met.
    met: Vec<u8>,
    candidates: Vec<usize>,
}

impl Finder {
    /// The automaton's limit is four thousand million states, which files of rules cannot reach; a failure is an
    /// automaton's own error.
    pub(crate) fn new(rules: &[Rule]) -> Result<Finder, BuildError> {
        let mut ids: BTreeMap<&[u8], usize> = BTreeMap::new();
        let mut texts: Vec<&[u8]> = Vec::new();
        let mut meets: Vec<Vec<Requirement>> = Vec::new();
        let mut patterns = Vec::new();
        for (rule, of) in rules.iter().enumerate() {
            for (index, pattern) in of.patterns.iter().enumerate() {
                let mut words = Vec::new();
                for (clause, of) in pattern.clauses.iter().enumerate() {
                    let mut these = Vec::with_capacity(of.len());
                    for word in of {
                        let id = *ids.entry(word).or_insert_with(|| {
                            texts.push(word);
                            meets.push(Vec::new());
                            texts.len() - 1
                        });
                        meets[id].push(Requirement { pattern: patterns.len(), clause });
                        these.push(u32::try_from(id).unwrap_or(u32::MAX));
                    }
                    these.sort_unstable();
                    words.push(these);
                }
                let all = words.iter().fold(0_u8, |bits, _| bits << 1 | 1);
                patterns.push(Owner { rule, index, all, words });
            }
        }
        let turned = texts.len();
        texts.extend(TURNED.iter().map(|word| word.as_bytes()));
        meets.extend(TURNED.iter().map(|_| Vec::new()));
        let words =
            DFA::builder().match_kind(MatchKind::Standard).start_kind(StartKind::Unanchored).build(texts)?;
        Ok(Finder { words, meets, patterns, turned })
    }

    /// Adds the rules that hit to `found`. Says whether the text may be one that was turned by thirteen places.
    pub(crate) fn find(
        &self,
        rules: &[Rule],
        place: Place,
        plain: &Plain,
        scratch: &mut Scratch,
        found: &mut RuleSet,
    ) -> bool {
        scratch.clear(self.meets.len(), self.patterns.len());
        // By hand, since the crate's own iterator takes three times as long where words overlap. There is no start state
        // to be refused: the automaton is built to begin anywhere.
        let Ok(mut state) = self.words.start_state(Anchored::No) else { return false };
        for (at, byte) in plain.text.iter().enumerate() {
            state = self.words.next_state(Anchored::No, state, *byte);
            if !self.words.is_special(state) || !self.words.is_match(state) {
                continue;
            }
            for index in 0..self.words.match_len(state) {
                let word = self.words.match_pattern(state, index);
                let begin = at + 1 - self.words.pattern_len(word);
                self.note(word.as_usize(), begin, scratch);
            }
        }
        for at in 0..scratch.candidates.len() {
            let owner = &self.patterns[scratch.candidates[at]];
            let rule = &rules[owner.rule];
            if rule.looks_at(place) && !found.has(owner.rule) && hits(rule, owner, plain, scratch) {
                found.add(owner.rule);
            }
        }
        scratch.last[self.turned..].iter().filter(|hit| **hit != NONE).count() >= 2
    }

    /// A word was met.
    fn note(&self, word: usize, begin: usize, scratch: &mut Scratch) {
        let before = scratch.last[word];
        if before == NONE {
            for requirement in &self.meets[word] {
                let met = &mut scratch.met[requirement.pattern];
                *met |= 1 << requirement.clause;
                if *met == self.patterns[requirement.pattern].all {
                    scratch.candidates.push(requirement.pattern);
                    // Beyond every mask, so that it is a candidate once.
                    *met = u8::MAX;
                }
            }
        }
        // Numbers fit: texts come in pieces of some kilobytes.
        scratch.last[word] = u32::try_from(scratch.hits.len()).unwrap_or(NONE);
        scratch.hits.push((u32::try_from(begin).unwrap_or(NONE), before));
    }
}

/// Tries a pattern where words of all its requirements stand close enough together for a match.
fn hits(rule: &Rule, owner: &Owner, plain: &Plain, scratch: &mut Scratch) -> bool {
    let reach = rule.patterns[owner.index].reach;
    let places = &mut scratch.places;
    places.resize_with(places.len().max(owner.words.len()), Vec::new);
    for (words, places) in owner.words.iter().zip(places.iter_mut()) {
        places.clear();
        for word in words {
            let mut hit = scratch.last[*word as usize];
            while hit != NONE {
                let (at, before) = scratch.hits[hit as usize];
                places.push(at);
                hit = before;
            }
        }
        places.sort_unstable();
    }
    let places = &places[..owner.words.len()];
    let Some(rarest) = (0..places.len()).min_by_key(|clause| places[*clause].len()) else { return false };
    let mut window: Option<(usize, usize)> = None;
    for at in &places[rarest] {
        let at = *at as usize;
        let (from, to) = (at.saturating_sub(reach), plain.text.len().min(at + reach));
        let near = |places: &Vec<u32>| {
            let next = places.partition_point(|place| (*place as usize) < from);
            places.get(next).is_some_and(|place| (*place as usize) < to)
        };
        if !places.iter().all(near) {
            continue;
        }
        window = match window {
            Some((begin, end)) if from <= end => Some((begin, to.max(end))),
            Some((begin, end)) => {
                if matches_in(rule, owner.index, plain, begin, end) {
                    return true;
                }
                Some((from, to))
            }
            None => Some((from, to)),
        };
    }
    window.is_some_and(|(begin, end)| matches_in(rule, owner.index, plain, begin, end))
}

/// Whether the pattern matches between two places, moved outwards to the next space: a word is never cut.
fn matches_in(rule: &Rule, index: usize, plain: &Plain, begin: usize, end: usize) -> bool {
    let text = plain.text.as_slice();
    let begin = text[..begin].iter().rposition(|byte| *byte == b' ').map_or(0, |space| space + 1);
    let end = text[end..].iter().position(|byte| *byte == b' ').map_or(text.len(), |space| end + space);
    let regex = &rule.patterns[index].regex;
    let text = &text[..end];
    let Some(Begins::Sentence) = rule.definition.begins else {
        return regex.is_match_at(text, begin);
    };
    let mut from = begin;
    while let Some(found) = regex.find_at(text, from) {
        if begins_sentence(plain, found.start()) {
            return true;
        }
        from = found.start() + 1;
    }
    false
}

fn begins_sentence(plain: &Plain, at: usize) -> bool {
    if at < 2 || plain.lines.binary_search(&at).is_ok() {
        return true;
    }
    matches!(
        plain.text.get(at - 2..at),
        Some([
            b'.' | b'!' | b'?' | b':' | b';' | b'>' | b'|' | b'#' | b'-' | b']' | b'}' | b'{' | b'[' | b'/',
            b' '
        ])
    ) || matches!(plain.text.get(at - 1), Some(b'[' | b'{' | b'>' | b'#' | b'-' | b'|' | b'/'))
}

impl Scratch {
    fn clear(&mut self, words: usize, patterns: usize) {
        self.hits.clear();
        self.last.clear();
        self.last.resize(words, NONE);
        self.met.clear();
        self.met.resize(patterns, 0);
        self.candidates.clear();
    }
}
