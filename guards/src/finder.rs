//! One pass over a text that tells which rules are worth trying, and where: a rule is tried only near its own words, and
//! only where they stand as far apart as in a match.

use std::collections::HashMap;
use std::ops::Range;

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};

use crate::definition::{Begins, Rule};
use crate::evidence::RuleSet;
use crate::grams::{Grams, Word};
use crate::normalize::Plain;
use crate::pattern::Required;
use crate::verdict::Place;

/// Words of English turned by thirteen places, as they stand in a text that is. Two of them are no accident.
const TURNED: [&str; 9] =
    [" gur ", " lbh ", " naq ", " lbhe ", "lbh ner ", "vafgehpgvba", "cerivbhf", "vtaber", "flfgrz"];

/// Places at which a pattern is tried one by one. At more of them all that is between is searched once, lest a text made of
/// such places be read over and over.
const ONE_BY_ONE: usize = 32;
/// No hit.
const NONE: u32 = u32::MAX;

/// The words of all patterns that look at one place.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    words: Grams,
    /// The requirements that words meet, by their number.
    meets: Vec<u32>,
    /// By word, where its requirements begin in `meets`; one more, where they end.
    meets_of: Vec<u32>,
    requirements: Vec<Requirement>,
    patterns: Vec<Owner>,
    /// The first requirement that is one of [`TURNED`].
    turned: usize,
}

/// That a word of a list stands somewhere.
#[derive(Debug, Clone, Copy)]
struct Requirement {
    pattern: u32,
    /// One bit for this requirement, and those for all of its pattern.
    bit: u8,
    all: u8,
}

/// Which pattern of which rule, and what it requires.
#[derive(Debug, Clone)]
struct Owner {
    rule: usize,
    index: usize,
    /// Bytes that a match may have.
    reach: usize,
    /// Its first requirement; those of the other clauses follow.
    first: usize,
    clauses: Vec<Distance>,
}

/// How far into a match the words begin that meet a requirement.
#[derive(Debug, Clone, Copy)]
struct Distance {
    from: isize,
    to: isize,
}

impl Distance {
    /// Whether it is known where the match begins.
    fn is_exact(&self) -> bool {
        self.from == self.to
    }
}

/// Room that is used again from one reading of a text to the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Where a word begins, and the number of the hit before it that meets the same requirement.
    hits: Vec<(u32, u32)>,
    /// By requirement, its last hit; each hit leads to the one before.
    last: Vec<u32>,
    /// By requirement of the pattern that is tried, where its words begin.
    places: Vec<Vec<u32>>,
    /// Where the pattern that is tried may match.
    windows: Vec<Range<usize>>,
    /// By pattern, which requirements are met.
    met: Vec<u8>,
    /// Patterns of which all are.
    candidates: Vec<usize>,
}

impl Finder {
    pub(crate) fn new(rules: &[Rule], place: Place) -> Finder {
        let mut ids: HashMap<Word<'_>, usize> = HashMap::new();
        let mut texts: Vec<Word<'_>> = Vec::new();
        let mut meets: Vec<(usize, u32)> = Vec::new();
        let mut requirements = Vec::new();
        let mut patterns = Vec::new();
        for (rule, index, required) in tried(rules, place) {
            let all = required.clauses.iter().fold(0_u8, |bits, _| bits << 1 | 1);
            let pattern = number(patterns.len());
            let first = requirements.len();
            for (clause, of) in required.clauses.iter().enumerate() {
                for bytes in &of.words {
                    let word = Word { bytes, border: of.border };
                    let id = *ids.entry(word).or_insert_with(|| {
                        texts.push(word);
                        texts.len() - 1
                    });
                    meets.push((id, number(requirements.len())));
                }
                requirements.push(Requirement { pattern, bit: 1 << clause, all });
            }
            let clauses = required.clauses.iter().map(|of| Distance { from: of.from, to: of.to }).collect();
            patterns.push(Owner { rule, index, reach: required.reach, first, clauses });
        }
        let turned = requirements.len();
        for (at, word) in TURNED.iter().enumerate() {
            meets.push((texts.len(), number(turned + at)));
            texts.push(Word { bytes: word.as_bytes(), border: false });
        }
        meets.sort_by_key(|(word, _)| *word);
        let first = |word| number(meets.partition_point(|(of, _)| *of < word));
        let meets_of = (0..=texts.len()).map(first).collect();
        let meets = meets.into_iter().map(|(_, requirement)| requirement).collect();
        Finder { words: Grams::new(&texts), meets, meets_of, requirements, patterns, turned }
    }

    /// Adds the rules that hit to `found`. Says whether the text may be one that was turned by thirteen places.
    pub(crate) fn find(
        &self,
        rules: &[Rule],
        plain: &Plain,
        scratch: &mut Scratch,
        found: &mut RuleSet,
    ) -> bool {
        scratch.clear(self.turned + TURNED.len(), self.patterns.len());
        self.words.find(&plain.text, |word, begin| self.note(word, begin, scratch));
        // The cheapest first: of a rule that hits no other pattern is tried.
        scratch.candidates.sort_unstable();
        for at in 0..scratch.candidates.len() {
            let owner = &self.patterns[scratch.candidates[at]];
            let rule = &rules[owner.rule];
            if !found.has(owner.rule) && hits(rule, owner, plain, scratch) {
                found.add(owner.rule);
            }
        }
        scratch.last[self.turned..].iter().filter(|hit| **hit != NONE).count() >= 2
    }

    /// A word was met.
    #[inline]
    fn note(&self, word: usize, begin: usize, scratch: &mut Scratch) {
        let [first, end] = [self.meets_of[word], self.meets_of[word + 1]].map(|at| at as usize);
        for requirement in &self.meets[first..end] {
            let last = &mut scratch.last[*requirement as usize];
            let before = std::mem::replace(last, number(scratch.hits.len()));
            scratch.hits.push((number(begin), before));
            if before == NONE
                && let Some(requirement) = self.requirements.get(*requirement as usize)
            {
                let met = &mut scratch.met[requirement.pattern as usize];
                *met |= requirement.bit;
                if *met == requirement.all {
                    scratch.candidates.push(requirement.pattern as usize);
                }
            }
        }
    }
}

/// The patterns that look at a place, each with its rule and its number there: those first of which it is known best where
/// a match begins, since these take least to try.
fn tried(rules: &[Rule], place: Place) -> Vec<(usize, usize, &Required)> {
    let mut tried = Vec::new();
    for (rule, of) in rules.iter().enumerate().filter(|(_, rule)| rule.looks_at(place)) {
        for (index, pattern) in of.patterns.iter().enumerate() {
            // One that cannot match is refused where files are read, and by a test of those that come along.
            if let Ok(required) = pattern.required() {
                tried.push((rule, index, required));
            }
        }
    }
    tried.sort_by_key(|(.., required)| {
        required.clauses.iter().map(|clause| clause.to.saturating_sub(clause.from)).min()
    });
    tried
}

/// Numbers fit: texts come in pieces of some kilobytes, and rules are few.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

/// Tries a pattern where words of all its requirements stand as far apart as in a match.
fn hits(rule: &Rule, owner: &Owner, plain: &Plain, scratch: &mut Scratch) -> bool {
    let places = &mut scratch.places;
    places.resize_with(places.len().max(owner.clauses.len()), Vec::new);
    let last = &scratch.last[owner.first..owner.first + owner.clauses.len()];
    for (hit, places) in last.iter().zip(places.iter_mut()) {
        places.clear();
        let mut hit = *hit;
        while let Some((at, before)) = scratch.hits.get(hit as usize) {
            places.push(*at);
            hit = *before;
        }
        // The last first, but for words of which some are found by their end and some by their beginning.
        places.reverse();
        places.sort_unstable();
    }
    let places = &places[..owner.clauses.len()];
    // The rarest of them; one that says exactly where a match begins may have four times as many.
    let worth =
        |clause: &usize| places[*clause].len() << (2 * usize::from(!owner.clauses[*clause].is_exact()));
    let Some(rarest) = (0..places.len()).min_by_key(worth) else { return false };
    let leading = &owner.clauses[rarest];
    let windows = &mut scratch.windows;
    windows.clear();
    for at in &places[rarest] {
        let at = signed(*at);
        // A match that has this word begins here at the earliest, and here at the latest.
        let (first, last) = (at.saturating_sub(leading.to), at.saturating_sub(leading.from));
        let near = |(clause, places): (&Distance, &Vec<u32>)| {
            let next = places.partition_point(|place| signed(*place) < first.saturating_add(clause.from));
            places.get(next).is_some_and(|place| signed(*place) <= last.saturating_add(clause.to))
        };
        if owner.clauses.iter().zip(places).all(near) {
            let [first, last] = [first, last].map(|at| usize::try_from(at).unwrap_or(0));
            windows.push(first..plain.text.len().min(last + owner.reach));
        }
    }
    let Some(regex) = (if windows.is_empty() { None } else { rule.patterns[owner.index].regex() }) else {
        return false;
    };
    if leading.is_exact() && windows.len() <= ONE_BY_ONE {
        return windows.iter().any(|window| matches_from(rule, regex, plain, window.clone()));
    }
    // Otherwise windows that touch are one, so that no byte is looked at twice.
    windows.dedup_by(|next, window| {
        let touch = next.start <= window.end;
        if touch {
            window.end = window.end.max(next.end);
        }
        touch
    });
    windows.iter().any(|window| matches_in(rule, regex, plain, window.clone()))
}

/// Whether a match begins where the window does.
fn matches_from(rule: &Rule, regex: &Regex, plain: &Plain, window: Range<usize>) -> bool {
    if rule.definition.begins.is_some() && !begins_sentence(plain, window.start) {
        return false;
    }
    let window = window.start..end_of_word(&plain.text, window.end);
    regex.is_match(Input::new(&plain.text).span(window).anchored(Anchored::Yes))
}

/// Whether the pattern matches in a window, which begins and ends between words.
fn matches_in(rule: &Rule, regex: &Regex, plain: &Plain, window: Range<usize>) -> bool {
    let text = plain.text.as_slice();
    let begin = text[..window.start].iter().rposition(|byte| *byte == b' ').map_or(0, |space| space + 1);
    let mut input = Input::new(text).span(begin..end_of_word(text, window.end));
    let Some(Begins::Sentence) = rule.definition.begins else {
        return regex.is_match(input);
    };
    while let Some(found) = regex.find(input.clone()) {
        if begins_sentence(plain, found.start()) {
            return true;
        }
        input.set_start(found.start() + 1);
    }
    false
}

fn end_of_word(text: &[u8], at: usize) -> usize {
    text[at..].iter().position(|byte| *byte == b' ').map_or(text.len(), |space| at + space)
}

fn signed(place: u32) -> isize {
    isize::try_from(place).unwrap_or(isize::MAX)
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
    fn clear(&mut self, requirements: usize, patterns: usize) {
        self.hits.clear();
        self.last.clear();
        self.last.resize(requirements, NONE);
        self.met.clear();
        self.met.resize(patterns, 0);
        self.candidates.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::OnceLock;

    use proptest::prelude::*;

    use super::*;
    use crate::data::read_rows;
    use crate::normalize::{Invisible, normalize};
    use crate::rules::Rules;

    /// Every pattern over the whole text, as if nothing were known of its words.
    fn matches_somewhere(rule: &Rule, plain: &Plain) -> bool {
        rule.patterns.iter().filter_map(|pattern| pattern.regex()).any(|regex| {
            let all = Input::new(&plain.text);
            match rule.definition.begins {
                None => regex.is_match(all),
                Some(Begins::Sentence) => {
                    regex.find_iter(all).any(|found| begins_sentence(plain, found.start()))
                }
            }
        })
    }

    #[test]
    fn whatever_a_pattern_matches_in_a_whole_text_is_found() {
        let rules = Rules::builtin().unwrap_or_else(|error| panic!("{error}"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/guards/data/dev.jsonl");
        let rows = read_rows(&std::fs::read_to_string(path).expect("data")).expect("rows");
        let finder = Finder::new(rules.all(), Place::Tool);
        let mut hits = 0;
        // Every eighth attack: all of them take minutes where nothing is optimised.
        for row in rows.iter().filter(|row| row.attack).step_by(8) {
            let plain = normalize(&row.text, Invisible::Dropped);
            let mut found = RuleSet::default();
            finder.find(rules.all(), &plain, &mut Scratch::default(), &mut found);
            for (number, rule) in rules.all().iter().enumerate() {
                let matches = rule.looks_at(Place::Tool) && matches_somewhere(rule, &plain);
                assert_eq!(found.has(number), matches, "{} in {}", rule.definition.id, row.id);
                hits += usize::from(matches);
            }
        }
        assert!(hits > 50, "{hits}");
    }

    /// Words of attacks and of harmless texts, and what hides them; none is longer than a gap takes.
    fn words() -> &'static [String] {
        static WORDS: OnceLock<Vec<String>> = OnceLock::new();
        WORDS.get_or_init(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/guards/data/dev.jsonl");
            let rows = read_rows(&std::fs::read_to_string(path).expect("data")).expect("rows");
            let words = rows.iter().step_by(3).flat_map(|row| row.text.split_whitespace());
            let odd = [
                "\"",
                "'",
                "*",
                "\u{201c}",
                "\u{456}gn\u{43e}re",
                "a\u{200b}i",
                "\u{5ffd}\u{7565}",
                "%69%67",
                "aWdub3JlIGFsbA==",
                "1gn0r3",
                "i",
                "g",
                ".",
                "\n",
                "|",
                "[",
                "\u{1d422}",
                "\u{e0041}",
                "vtaber",
            ];
            words.filter(|word| word.len() <= 12).chain(odd).map(ToOwned::to_owned).collect()
        })
    }

    fn builtin() -> &'static Rules {
        static RULES: OnceLock<Rules> = OnceLock::new();
        RULES.get_or_init(|| Rules::builtin().unwrap_or_else(|error| panic!("{error}")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn mixtures_of_words_hit_what_patterns_match_in_all_of_them(
            // Runs of words as they stand in the data, so that patterns match at times.
            runs in proptest::collection::vec((any::<prop::sample::Index>(), 1_usize..9), 1..25),
            place in prop_oneof![Just(Place::User), Just(Place::Tool)],
        ) {
            static FINDERS: OnceLock<[Finder; 2]> = OnceLock::new();
            let rules = builtin();
            let [user, tool] = FINDERS
                .get_or_init(|| [Place::User, Place::Tool].map(|place| Finder::new(rules.all(), place)));
            let run = |(at, length): &(prop::sample::Index, usize)| {
                let at = at.index(words().len());
                words()[at..words().len().min(at + length)].join(" ")
            };
            let plain = normalize(&runs.iter().map(run).collect::<Vec<_>>().join(" "), Invisible::Dropped);
            let finder = if place == Place::User { user } else { tool };
            let mut found = RuleSet::default();
            finder.find(rules.all(), &plain, &mut Scratch::default(), &mut found);
            for (number, rule) in rules.all().iter().enumerate() {
                let matches = rule.looks_at(place) && matches_somewhere(rule, &plain);
                prop_assert_eq!(found.has(number), matches, "{}", rule.definition.id);
            }
        }
    }
}
