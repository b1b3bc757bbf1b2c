//! The file in which rules are written, with their own examples: `words` and `rules` in YAML. Read whole or not at all.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::evidence;
use crate::pattern::{Pattern, PatternError, Words, words};
use crate::verdict::{Label, PerMille, Place};

/// Rules in one file; no team reviews more, and each costs a little in every scan.
const MOST_RULES: usize = 500;
const EVERYWHERE: [Place; 2] = [Place::User, Place::Tool];

/// A file of rules as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    words: Vec<WordList>,
    rules: Vec<Definition>,
}

/// A named list of words for patterns.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WordList {
    name: String,
    any: Vec<String>,
}

/// A rule as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub(crate) id: String,
    pub(crate) label: Label,
    /// Rules of one family are one piece of evidence: the heaviest that hits counts.
    pub(crate) family: String,
    pub(crate) weight: u16,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) places: Vec<Place>,
    /// The match begins a line or a sentence, as orders do.
    #[serde(default)]
    pub(crate) begins: Option<Begins>,
    pub(crate) patterns: Vec<String>,
    pub(crate) catches: Vec<String>,
    pub(crate) passes: Vec<String>,
}

/// Where a match must begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Begins {
    Sentence,
}

/// Why a file of rules is refused. Nothing of it is used then.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RulesError {
    /// It is not YAML, or has fields that rules have not.
    #[error("{reason}")]
    Shape {
        /// From the reader, with line and column.
        reason: String,
    },
    /// More rules than can be reviewed.
    #[error("{count} rules; the most is {MOST_RULES}: merge patterns that have the same reason")]
    TooMany {
        /// As many as there are.
        count: usize,
    },
    /// More rules in all than a scan can tell apart.
    #[error("{count} rules with those that come along; the most is {}: leave some out", evidence::MOST_RULES)]
    TooManyTogether {
        /// As many as there are.
        count: usize,
    },
    /// A list of words that cannot be used.
    #[error("words `{name}`{}: {error}", line(*at))]
    Words {
        /// Of the list.
        name: String,
        /// Its line in the file, from 1.
        at: Option<usize>,
        /// What is wrong.
        error: PatternError,
    },
    /// Two lists of one name.
    #[error("words `{name}`{} are defined twice: rename one", line(*at))]
    SameWords {
        /// Of both.
        name: String,
        /// The second's line, from 1.
        at: Option<usize>,
    },
    /// A rule that cannot be used.
    #[error("rule `{id}`{}: {problem}", line(*at))]
    Rule {
        /// Of the rule.
        id: String,
        /// Its line in the file, from 1.
        at: Option<usize>,
        /// What is wrong.
        problem: RuleProblem,
    },
}

/// What can be wrong with one rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleProblem {
    /// An id that could not be named in a policy or a record.
    #[error(
        "an id is one to four words of lower-case letters, digits and hyphens, joined by dots, as in `team.code-name`"
    )]
    Id,
    /// Another rule, here or built in, has the id.
    #[error("another rule has this id: choose one that begins with a word of your own")]
    SameId,
    /// Ids and families of built-in rules stay theirs.
    #[error("a family is one word of lower-case letters, digits and hyphens")]
    Family,
    /// Out of range.
    #[error("a weight of {weight}; weights are 1 to 1000, in thousandths")]
    Weight {
        /// As written.
        weight: u16,
    },
    /// A reader of a record would not know what was found.
    #[error("`reason` is empty: say in a sentence what the rule sees")]
    Reason,
    /// It could never hit.
    #[error("`patterns` is empty: write at least one")]
    NoPatterns,
    /// The same family under two labels would make the label a matter of chance.
    #[error("family `{family}` has label `{label}` in another rule: choose another family")]
    FamilyLabel {
        /// As written.
        family: String,
        /// The other rule's.
        label: Label,
    },
    /// A pattern is refused.
    #[error("pattern {number}, `{pattern}`: {error}")]
    Pattern {
        /// From 1.
        number: usize,
        /// As written.
        pattern: String,
        /// What is wrong.
        error: PatternError,
    },
    /// Nothing shows that the rule works.
    #[error("`{field}` is empty: give at least one text that the rule {}", if *field == "catches" { "hits" } else { "leaves alone" })]
    NoExample {
        /// `catches` or `passes`.
        field: &'static str,
    },
    /// An example that shows the opposite.
    #[error(
        "example {number} under `catches` is not hit: `{text}`; texts are compared in the form `{plain}`"
    )]
    NotCaught {
        /// From 1.
        number: usize,
        /// As written.
        text: String,
        /// As patterns see it.
        plain: String,
    },
    /// An example that shows the opposite.
    #[error("example {number} under `passes` is hit: `{text}`")]
    NotPassed {
        /// From 1.
        number: usize,
        /// As written.
        text: String,
    },
}

fn line(at: Option<usize>) -> String {
    at.map_or_else(String::new, |line| format!(" (line {line})"))
}

/// A rule that can be tried.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) definition: Definition,
    pub(crate) weight: PerMille,
    pub(crate) patterns: Vec<Pattern>,
    /// Its line in its file.
    pub(crate) at: Option<usize>,
}

impl Rule {
    pub(crate) fn looks_at(&self, place: Place) -> bool {
        self.definition.places.contains(&place)
    }

    /// Makes its patterns ready.
    pub(crate) fn compile(&self) -> Result<(), RulesError> {
        for (index, pattern) in self.patterns.iter().enumerate() {
            if let Err(error) = pattern.compile() {
                let pattern = self.definition.patterns[index].clone();
                return Err(self.error(RuleProblem::Pattern { number: index + 1, pattern, error }));
            }
        }
        Ok(())
    }

    pub(crate) fn error(&self, problem: RuleProblem) -> RulesError {
        RulesError::Rule { id: self.definition.id.clone(), at: self.at, problem }
    }
}

/// Reads a file of rules; `known` are lists of words that it may use beside its own.
pub(crate) fn read(text: &str, known: &mut Words) -> Result<Vec<Rule>, RulesError> {
    let file: File =
        serde_yaml::from_str(text).map_err(|error| RulesError::Shape { reason: error.to_string() })?;
    if file.rules.len() > MOST_RULES {
        return Err(RulesError::TooMany { count: file.rules.len() });
    }
    let lines = Lines::of(text);
    for list in &file.words {
        let at = lines.of_value("name", &list.name);
        let group = words(&list.any, known).map_err(|error| RulesError::Words {
            name: list.name.clone(),
            at,
            error,
        })?;
        if known.insert(list.name.clone(), group).is_some() {
            return Err(RulesError::SameWords { name: list.name.clone(), at });
        }
    }
    file.rules.into_iter().map(|definition| rule(definition, known, &lines)).collect()
}

fn rule(mut definition: Definition, words: &Words, lines: &Lines<'_>) -> Result<Rule, RulesError> {
    let at = lines.of_value("id", &definition.id);
    let refuse = |problem| Err(RulesError::Rule { id: definition.id.clone(), at, problem });
    let parts: Vec<&str> = definition.id.split('.').collect();
    if parts.len() > 4 || !parts.iter().all(|part| is_word(part)) {
        return refuse(RuleProblem::Id);
    }
    if !is_word(&definition.family) {
        return refuse(RuleProblem::Family);
    }
    let Some(weight) = PerMille::new(definition.weight).filter(|weight| *weight > PerMille::ZERO) else {
        return refuse(RuleProblem::Weight { weight: definition.weight });
    };
    if definition.reason.trim().is_empty() {
        return refuse(RuleProblem::Reason);
    }
    if definition.patterns.is_empty() {
        return refuse(RuleProblem::NoPatterns);
    }
    for (field, examples) in [("catches", &definition.catches), ("passes", &definition.passes)] {
        if examples.is_empty() {
            return refuse(RuleProblem::NoExample { field });
        }
    }
    let mut patterns = Vec::with_capacity(definition.patterns.len());
    for (index, pattern) in definition.patterns.iter().enumerate() {
        match Pattern::new(pattern, words) {
            Ok(ready) => patterns.push(ready),
            Err(error) => {
                return refuse(RuleProblem::Pattern { number: index + 1, pattern: pattern.clone(), error });
            }
        }
    }
    if definition.places.is_empty() {
        definition.places = EVERYWHERE.to_vec();
    }
    Ok(Rule { definition, weight, patterns, at })
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 40
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Where values stand in a file, for errors about what they mean: the reader of YAML keeps no places.
struct Lines<'a>(BTreeMap<(&'a str, &'a str), usize>);

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Lines<'a> {
        let mut found = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            if let Some((key, value)) = line.trim_start_matches([' ', '-']).split_once(':') {
                found.insert((key.trim(), value.trim().trim_matches(['"', '\''])), number + 1);
            }
        }
        Lines(found)
    }

    fn of_value(&self, key: &str, value: &str) -> Option<usize> {
        self.0.get(&(key, value)).copied()
    }
}
