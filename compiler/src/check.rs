//! The table of everything that the compiler can find: the documentation of each, and the checks over the graph.
//!
//! Adding a check: its file under `check/` with its documentation and its function, and one line in this table.

use crate::diagnostic::{Diagnostics, Rule};
use crate::graph::Graph;
use crate::{author, schema, source};

pub(crate) mod unknown_provider;
pub(crate) mod duplicate_resource;
pub(crate) mod unknown_guard;
pub(crate) mod model_not_offered;
pub(crate) mod literal_secret;
pub(crate) mod fallback_cycle;
pub(crate) mod external_above_total;
pub(crate) mod key_opens_nothing;
pub(crate) mod request_above_day;
pub(crate) mod single_budget;
pub(crate) mod unknown_model;

/// A check over the whole graph.
pub(crate) type Check = fn(&Graph, &mut Diagnostics);

/// PAI03: links and meaning.
static LINKS: &[&Rule] = &[
    &unknown_provider::RULE,
    &duplicate_resource::RULE,
    &unknown_guard::RULE,
    &model_not_offered::RULE,
    &literal_secret::RULE,
    &fallback_cycle::RULE,
    &external_above_total::RULE,
    &key_opens_nothing::RULE,
    &request_above_day::RULE,
    &single_budget::RULE,
    &unknown_model::RULE,
];

/// Every rule, by code.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let groups = [source::rules::RULES, schema::rules::RULES, LINKS, author::rules::RULES];
    groups.into_iter().flatten().copied()
}

/// The rule with this code or name.
pub fn rule(code_or_name: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.code.eq_ignore_ascii_case(code_or_name) || rule.name == code_or_name)
}

/// Runs every check over the graph.
pub(crate) fn run(graph: &Graph, found: &mut Diagnostics) {
    for check in LINKS.iter().filter_map(|rule| rule.check) {
        check(graph, found);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Sources, compile};

    fn codes(rule: &Rule, text: &str) -> Vec<&'static str> {
        let sources = Sources::new([(rule.example_file(), text)]);
        compile(&sources).diagnostics.iter().map(crate::Diagnostic::code).collect()
    }

    #[test]
    fn codes_and_names_are_unique_and_in_order() {
        let codes: Vec<_> = rules().map(|rule| rule.code).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        let names: BTreeSet<_> = rules().map(|rule| rule.name).collect();
        assert_eq!(names.len(), codes.len());
    }

    #[test]
    fn every_failing_example_fails_with_its_code_alone() {
        for rule in rules() {
            let found = codes(rule, rule.fails);
            assert!(
                !found.is_empty() && found.iter().all(|code| *code == rule.code),
                "{}: {found:?}",
                rule.code
            );
        }
    }

    #[test]
    fn every_passing_example_passes() {
        for rule in rules() {
            let found = codes(rule, rule.passes);
            assert!(!found.contains(&rule.code) && found.is_empty(), "{}: {found:?}", rule.code);
        }
    }
}
