//! A set of rules, and the scan of texts with it. No text leaves it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::definition::{Rule, RuleProblem, RulesError, read};
use crate::evidence::{Evidence, MOST_RULES, RuleSet};
use crate::finder::{Finder, Scratch};
use crate::normalize::{Invisible, Plain, normalize};
use crate::pattern::Words;
use crate::verdict::{Label, PerMille, Place, Verdict, combine};
use crate::views::{hides_text, readings, rot13};

/// Bytes of a text whose findings are evidence for each other. Longer texts are scanned in pieces of this size, none left
/// out; without an end to it, a long enough log would have a bit of everything.
pub const PIECE_BYTES: usize = 16 * 1024;
/// Bytes that two pieces share, so that what stands across their border is found: more than the longest match.
pub const OVERLAP_BYTES: usize = 1024;

/// Rules that come with pai, by file.
pub(crate) const BUILTIN: [(&str, &str); 5] = [
    ("words.yaml", include_str!("../rules/words.yaml")),
    ("injection.yaml", include_str!("../rules/injection.yaml")),
    ("jailbreak.yaml", include_str!("../rules/jailbreak.yaml")),
    ("persona.yaml", include_str!("../rules/persona.yaml")),
    ("tool.yaml", include_str!("../rules/tool.yaml")),
];

thread_local! {
    /// Kept from one scan of a thread to the next; it has places of words, and no text.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What a text is read as if it hides text in the tag block. No text has the control characters in its plain form.
const HIDDEN: &[u8] = b"\x01tag characters\x01";

/// Rules that are ready to scan.
#[derive(Debug, Clone)]
pub struct Rules {
    all: Vec<Rule>,
    words: Words,
    /// For user texts and for tool results, each made when the first comes.
    finders: [OnceLock<Finder>; 2],
    /// By rule, the number of its family.
    families: Vec<usize>,
    labels: Vec<Label>,
}

/// What a rule is, for those who explain a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// As in [`Verdict::hits`].
    pub id: &'a str,
    /// What the rule sees, in a sentence.
    pub reason: &'a str,
    /// Only the heaviest hit of a family counts.
    pub family: &'a str,
    /// What a hit says of a text.
    pub label: Label,
    /// How much a hit weighs.
    pub weight: PerMille,
}

impl Rules {
    /// The rules that come with pai. A test reads them; the error is there for whoever edits them.
    pub fn builtin() -> Result<Rules, RulesError> {
        let mut words = Words::new();
        let mut rules = Vec::new();
        for (_, text) in BUILTIN {
            rules.extend(read(text, &mut words)?);
        }
        Rules::of(rules, words)
    }

    /// These rules and those of a file in the form of `docs/guards-rules.md`, which may use the built-in lists of words.
    /// Every rule of the file has to hit its own examples.
    pub fn with(&self, file: &str) -> Result<Rules, RulesError> {
        let mut words = self.words.clone();
        let added = read(file, &mut words)?;
        added.iter().try_for_each(Rule::compile)?;
        let before = self.all.len();
        let all = Rules::of(self.all.iter().cloned().chain(added).collect(), words)?;
        for index in before..all.all.len() {
            all.try_examples(index)?;
        }
        Ok(all)
    }

    fn of(rules: Vec<Rule>, words: Words) -> Result<Rules, RulesError> {
        if rules.len() > MOST_RULES {
            return Err(RulesError::TooManyTogether { count: rules.len() });
        }
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut families = Vec::with_capacity(rules.len());
        let mut labels: Vec<Label> = Vec::new();
        for rule in &rules {
            let definition = &rule.definition;
            if !seen.insert(definition.id.as_str()) {
                return Err(rule.error(RuleProblem::SameId));
            }
            let number = *numbers.entry(&definition.family).or_insert(labels.len());
            match labels.get(number) {
                Some(label) if *label != definition.label => {
                    let family = definition.family.clone();
                    return Err(rule.error(RuleProblem::FamilyLabel { family, label: *label }));
                }
                Some(_) => {}
                None => labels.push(definition.label),
            }
            families.push(number);
        }
        Ok(Rules { all: rules, words, finders: [const { OnceLock::new() }; 2], families, labels })
    }

    pub(crate) fn try_examples(&self, index: usize) -> Result<(), RulesError> {
        let rule = &self.all[index];
        let place = if rule.looks_at(Place::Tool) { Place::Tool } else { Place::User };
        let hit = |text: &str| self.evidence(place, text).all.has(index);
        for (at, text) in rule.definition.catches.iter().enumerate() {
            if !hit(text) {
                let plain = String::from_utf8_lossy(&normalize(text, Invisible::Dropped).text).into_owned();
                return Err(rule.error(RuleProblem::NotCaught { number: at + 1, text: text.clone(), plain }));
            }
        }
        for (at, text) in rule.definition.passes.iter().enumerate() {
            if hit(text) {
                return Err(rule.error(RuleProblem::NotPassed { number: at + 1, text: text.clone() }));
            }
        }
        Ok(())
    }

    /// Makes all ready that otherwise is made when it is first needed: the finders, some milliseconds of the first scan, and
    /// each pattern, up to half of one in the scan that first tries it. A server does it beside its start.
    pub fn warm(&self) {
        for place in [Place::User, Place::Tool] {
            self.finder(place);
        }
        for rule in &self.all {
            // Those of a file compiled when it was read, and a test compiles those that come along.
            let _ = rule.compile();
        }
    }

    /// Every rule, in the order in which they are defined.
    pub fn about(&self) -> impl Iterator<Item = About<'_>> {
        self.all.iter().map(|rule| About {
            id: &rule.definition.id,
            reason: rule.definition.reason.trim(),
            family: &rule.definition.family,
            label: rule.definition.label,
            weight: rule.weight,
        })
    }

    /// Scans a text that stood at `place`. The time it takes grows with the length of the text and no faster.
    pub fn scan(&self, place: Place, text: &str) -> Verdict {
        self.verdict(&self.evidence(place, text))
    }

    /// What was found in a text, to be kept and joined with what other texts have.
    pub fn evidence(&self, place: Place, text: &str) -> Evidence {
        let mut evidence = Evidence::default();
        SCRATCH.with_borrow_mut(|scratch| {
            for piece in pieces(text) {
                let found = self.find(place, piece, scratch);
                self.keep_worst(&mut evidence, &found);
                evidence.all.add_all(&found);
            }
        });
        evidence
    }

    fn finder(&self, place: Place) -> &Finder {
        let [user, tool] = &self.finders;
        let finder = match place {
            Place::User => user,
            Place::Tool => tool,
        };
        finder.get_or_init(|| Finder::new(&self.all, place))
    }

    fn find(&self, place: Place, piece: &str, scratch: &mut Scratch) -> RuleSet {
        let finder = self.finder(place);
        let mut found = RuleSet::default();
        let plain = normalize(piece, Invisible::Dropped);
        if finder.find(&self.all, &plain, scratch, &mut found) {
            finder.find(&self.all, &rot13(&plain), scratch, &mut found);
        }
        if hides_text(&plain) {
            let hidden = Plain { text: HIDDEN.to_vec(), ..Plain::default() };
            finder.find(&self.all, &hidden, scratch, &mut found);
        }
        readings(piece, &plain, |reading| {
            finder.find(&self.all, reading, scratch, &mut found);
        });
        found
    }

    fn keep_worst(&self, evidence: &mut Evidence, found: &RuleSet) {
        if self.score(found, None) > self.score(&evidence.together, None) {
            evidence.together = *found;
        }
    }

    /// The verdict on what was found.
    pub fn verdict(&self, evidence: &Evidence) -> Verdict {
        let injection = self.score(&evidence.together, Some(Label::Injection));
        let jailbreak = self.score(&evidence.together, Some(Label::Jailbreak));
        let label = match injection.cmp(&jailbreak) {
            _ if evidence.is_empty() => None,
            std::cmp::Ordering::Less => Some(Label::Jailbreak),
            _ => Some(Label::Injection),
        };
        let hits = evidence.all.iter().filter_map(|rule| self.all.get(rule));
        Verdict {
            label,
            score: self.score(&evidence.together, None),
            injection,
            jailbreak,
            hits: hits.map(|rule| rule.definition.id.clone()).collect(),
        }
    }

    /// The heaviest hit of each family, combined; of one label or of both.
    pub(crate) fn score(&self, found: &RuleSet, label: Option<Label>) -> PerMille {
        if found.is_empty() {
            return PerMille::ZERO;
        }
        // There are no more families than rules.
        let mut heaviest = [PerMille::ZERO; MOST_RULES];
        let heaviest = &mut heaviest[..self.labels.len()];
        for rule in found.iter() {
            let (Some(family), Some(of)) = (self.families.get(rule), self.all.get(rule)) else { continue };
            if label.is_none_or(|label| self.labels[*family] == label) {
                heaviest[*family] = heaviest[*family].max(of.weight);
            }
        }
        combine(heaviest.iter().copied().filter(|weight| *weight > PerMille::ZERO))
    }

    #[cfg(test)]
    pub(crate) fn all(&self) -> &[Rule] {
        &self.all
    }
}

/// The last place at or before `at` where a character begins or the text ends.
pub(crate) fn char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The text in pieces that overlap; one piece for nearly every text.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let begin = next?;
        let end = char_boundary(text, begin + PIECE_BYTES);
        next = (end < text.len()).then(|| char_boundary(text, end - OVERLAP_BYTES));
        text.get(begin..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_text_and_overlap() {
        let text = "\u{e4}b".repeat(20_000);
        let parts: Vec<&str> = pieces(&text).collect();
        assert!(parts.len() > 3);
        assert!(parts.iter().all(|part| part.len() <= PIECE_BYTES));
        let mut covered = 0;
        for part in parts {
            let begin = part.as_ptr() as usize - text.as_ptr() as usize;
            assert!(begin == 0 || begin + OVERLAP_BYTES <= covered, "{begin} {covered}");
            covered = begin + part.len();
        }
        assert_eq!(covered, text.len());
        assert_eq!(pieces("").count(), 1);
    }

    #[test]
    fn every_rule_that_comes_along_hits_its_examples_and_no_others() {
        let rules = Rules::builtin().unwrap_or_else(|error| panic!("{error}"));
        for index in 0..rules.all().len() {
            rules.all()[index].compile().unwrap_or_else(|error| panic!("{error}"));
            if let Err(error) = rules.try_examples(index) {
                panic!("{error}");
            }
        }
    }
}
