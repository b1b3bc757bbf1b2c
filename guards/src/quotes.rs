//! A test alone: rules are of a general kind, and quote none of the texts they are measured on.

use std::collections::BTreeSet;
use std::path::Path;

use crate::data::read_rows;
use crate::rules::Rules;

/// Words in a row that a pattern may fix, outside any list, gap, choice or optional part. "do anything now" is three; a
/// sentence of somebody's would be more.
const FIXED: usize = 5;
/// Words in a row that an example may share with a text of the data. The phrases that all such texts have are shorter.
const SHARED: usize = 5;

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn no_pattern_is_a_sentence() {
    let rules = Rules::builtin().unwrap_or_else(|error| panic!("{error}"));
    for rule in rules.all() {
        for pattern in &rule.definition.patterns {
            // Whatever is no letter, digit or space is a choice, a list, a gap or an end of one.
            for run in pattern.split(|c: char| !c.is_alphanumeric() && c != ' ') {
                let fixed = run.split_whitespace().count();
                assert!(fixed <= FIXED, "{}: `{run}` fixes {fixed} words", rule.definition.id);
            }
        }
    }
}

#[test]
fn no_example_is_from_the_data() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/guards/data/dev.jsonl");
    let rows = read_rows(&std::fs::read_to_string(path).expect("data")).expect("rows");
    let mut seen = BTreeSet::new();
    for row in &rows {
        seen.extend(words(&row.text).windows(SHARED + 1).map(<[String]>::to_vec));
    }
    let rules = Rules::builtin().unwrap_or_else(|error| panic!("{error}"));
    for rule in rules.all() {
        for example in rule.definition.catches.iter().chain(&rule.definition.passes) {
            for run in words(example).windows(SHARED + 1) {
                assert!(!seen.contains(run), "{}: {run:?} of `{example}`", rule.definition.id);
            }
        }
    }
}
