//! One pass over a text that tells which rules are worth trying, and where: a rule is tried only near its own words, and
//! only if the text has all of them.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeMap;

use crate::definition::{Begins, Rule};
use crate::evidence::RuleSet;
use crate::normalize::Plain;
use crate::verdict::Place;

/// Words of English turned by thirteen places, as they stand in a text that is. Two of them are no accident.
const TURNED: [&str; 9] =
    [" gur ", " lbh ", " naq ", " lbhe ", "lbh ner ", "vafgehpgvba", "cerivbhf", "vtaber", "flfgrz"];

/// The words of all patterns in one automaton.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    words: AhoCorasick,
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
    /// Word and where it begins, in the order in which they end.
    hits: Vec<(u32, u32)>,
    /// By word, how often.
    counts: Vec<u32>,
    /// By pattern, which requirements are met.
    met: Vec<u8>,
    candidates: Vec<usize>,
}

impl Finder {
    /// The automaton's limit is four thousand million states, which files of rules cannot reach; a failure is an
    /// automaton's own error.
    pub(crate) fn new(rules: &[Rule]) -> Result<Finder, aho_corasick::BuildError> {
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
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts)?;
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
        for hit in self.words.find_overlapping_iter(&plain.text) {
            let word = hit.pattern().as_usize();
            scratch.counts[word] += 1;
            if scratch.counts[word] == 1 {
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
            // Positions fit: texts come in pieces of some kilobytes.
            scratch.hits.push((u32::try_from(word).unwrap_or(0), u32::try_from(hit.start()).unwrap_or(0)));
        }
        for at in 0..scratch.candidates.len() {
            let owner = &self.patterns[scratch.candidates[at]];
            let rule = &rules[owner.rule];
            if rule.looks_at(place) && !found.has(owner.rule) && hits(rule, owner, plain, scratch) {
                found.add(owner.rule);
            }
        }
        scratch.counts[self.turned..].iter().filter(|count| **count > 0).count() >= 2
    }
}

/// Tries a pattern near the words of its rarest requirement.
fn hits(rule: &Rule, owner: &Owner, plain: &Plain, scratch: &Scratch) -> bool {
    let count = |words: &&Vec<u32>| words.iter().map(|word| scratch.counts[*word as usize]).sum::<u32>();
    let Some(wanted) = owner.words.iter().min_by_key(count) else { return false };
    let reach = rule.patterns[owner.index].reach;
    let mut window: Option<(usize, usize)> = None;
    for (word, at) in &scratch.hits {
        if wanted.binary_search(word).is_err() {
            continue;
        }
        let at = *at as usize;
        let (from, to) = (at.saturating_sub(reach), plain.text.len().min(at + reach));
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
        self.counts.clear();
        self.counts.resize(words, 0);
        self.met.clear();
        self.met.resize(patterns, 0);
        self.candidates.clear();
    }
}
