//! A set of rules, and the scan of texts with it. No text leaves it.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::{Rule, RuleProblem, RulesError, read};
use crate::evidence::{Evidence, RuleSet};
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
/// Turns that are judged together by [`Rules::scan_turns`].
pub const TURNS_TOGETHER: usize = 8;
/// Bytes on each side of the border of two turns that are read as one text.
const SEAM_BYTES: usize = 512;

/// Rules that come with pai, by file.
pub(crate) const BUILTIN: [(&str, &str); 5] = [
    ("words.yaml", include_str!("../rules/words.yaml")),
    ("injection.yaml", include_str!("../rules/injection.yaml")),
    ("jailbreak.yaml", include_str!("../rules/jailbreak.yaml")),
    ("persona.yaml", include_str!("../rules/persona.yaml")),
    ("tool.yaml", include_str!("../rules/tool.yaml")),
];

/// What a text is read as if it hides text in the tag block. No text has the control characters in its plain form.
const HIDDEN: &[u8] = b"\x01tag characters\x01";

/// Rules that are ready to scan.
#[derive(Debug, Clone)]
pub struct Rules {
    all: Vec<Rule>,
    words: Words,
    finder: Finder,
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
        let before = self.all.len();
        let all = Rules::of(self.all.iter().cloned().chain(added).collect(), words)?;
        for index in before..all.all.len() {
            all.try_examples(index)?;
        }
        Ok(all)
    }

    fn of(rules: Vec<Rule>, words: Words) -> Result<Rules, RulesError> {
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
        let finder = Finder::new(&rules)
            .map_err(|error| RulesError::Shape { reason: format!("too many words: {error}") })?;
        Ok(Rules { all: rules, words, finder, families, labels })
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

    /// Scans turns of a conversation that are new together, the oldest first: an attack may be spread over them. At most
    /// [`TURNS_TOGETHER`] in a row are judged together, and the worst of it counts.
    pub fn scan_turns(&self, place: Place, turns: &[&str]) -> Verdict {
        let found: Vec<Evidence> = turns
            .iter()
            .enumerate()
            .map(|(at, turn)| {
                let mut evidence = self.evidence(place, turn);
                if let Some(before) = at.checked_sub(1).and_then(|before| turns.get(before)) {
                    evidence.join(&self.seam(place, before, turn));
                }
                evidence
            })
            .collect();
        let mut worst = Evidence::default();
        for row in found.windows(TURNS_TOGETHER.min(found.len()).max(1)) {
            let mut joined = Evidence::default();
            for evidence in row {
                joined.join(evidence);
            }
            self.keep_worst(&mut worst, &joined.together);
            worst.all.add_all(&joined.all);
        }
        self.verdict(&worst)
    }

    /// What stands across the border of two turns: the end of one and the beginning of the next, read as one text.
    pub fn seam(&self, place: Place, before: &str, after: &str) -> Evidence {
        let tail = char_boundary(before, before.len().saturating_sub(SEAM_BYTES));
        let head = char_boundary(after, SEAM_BYTES);
        self.evidence(place, &format!("{} {}", &before[tail..], &after[..head]))
    }

    /// What was found in a text, to be kept and joined with what other texts have.
    pub fn evidence(&self, place: Place, text: &str) -> Evidence {
        let mut evidence = Evidence::default();
        let mut scratch = Scratch::default();
        for piece in pieces(text) {
            let found = self.find(place, piece, &mut scratch);
            self.keep_worst(&mut evidence, &found);
            evidence.all.add_all(&found);
        }
        evidence
    }

    fn find(&self, place: Place, piece: &str, scratch: &mut Scratch) -> RuleSet {
        let mut found = RuleSet::default();
        let plain = normalize(piece, Invisible::Dropped);
        if self.finder.find(&self.all, place, &plain, scratch, &mut found) {
            self.finder.find(&self.all, place, &rot13(&plain), scratch, &mut found);
        }
        if hides_text(&plain) {
            let hidden = Plain { text: HIDDEN.to_vec(), ..Plain::default() };
            self.finder.find(&self.all, place, &hidden, scratch, &mut found);
        }
        readings(piece, &plain, |reading| {
            self.finder.find(&self.all, place, reading, scratch, &mut found);
        });
        found
    }

    fn keep_worst(&self, evidence: &mut Evidence, found: &RuleSet) {
        if self.score(found, None) > self.score(&evidence.together, None) {
            evidence.together = found.clone();
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
    fn score(&self, found: &RuleSet, label: Option<Label>) -> PerMille {
        let mut heaviest = vec![PerMille::ZERO; self.labels.len()];
        for rule in found.iter() {
            let (Some(family), Some(of)) = (self.families.get(rule), self.all.get(rule)) else { continue };
            if label.is_none_or(|label| self.labels[*family] == label) {
                heaviest[*family] = heaviest[*family].max(of.weight);
            }
        }
        combine(heaviest)
    }

    #[cfg(test)]
    pub(crate) fn all(&self) -> &[Rule] {
        &self.all
    }
}

/// The last place at or before `at` where a character begins or the text ends.
fn char_boundary(text: &str, at: usize) -> usize {
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
            if let Err(error) = rules.try_examples(index) {
                panic!("{error}");
            }
        }
    }
}
