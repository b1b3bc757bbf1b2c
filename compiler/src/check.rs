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
pub(crate) mod unusable_agent;
pub(crate) mod uncallable_fallback;
pub(crate) mod emptied_allow_list;
pub(crate) mod idle_pattern;
pub(crate) mod agent_budget_above_providers;
pub(crate) mod key_models_denied;
pub(crate) mod expired_key;
pub(crate) mod impossible_cidr;
pub(crate) mod cidr_host_bits;
pub(crate) mod redundant_cidr;
pub(crate) mod missing_secret;
pub(crate) mod idle_limit;
pub(crate) mod duplicate_credential;
pub(crate) mod repeated_entry;
pub(crate) mod blind_guard;
pub(crate) mod unpriced_model;
pub(crate) mod bad_guard_rule;
pub(crate) mod unheld_guard;
pub(crate) mod unattached_guard;
pub(crate) mod weaker_guard;
pub(crate) mod repeated_guard;

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
    &unusable_agent::RULE,
    &uncallable_fallback::RULE,
    &emptied_allow_list::RULE,
    &idle_pattern::RULE,
    &agent_budget_above_providers::RULE,
    &key_models_denied::RULE,
    &expired_key::RULE,
    &impossible_cidr::RULE,
    &cidr_host_bits::RULE,
    &redundant_cidr::RULE,
    &missing_secret::RULE,
    &idle_limit::RULE,
    &duplicate_credential::RULE,
    &repeated_entry::RULE,
    &blind_guard::RULE,
    &unpriced_model::RULE,
    &bad_guard_rule::RULE,
    &unheld_guard::RULE,
    &unattached_guard::RULE,
    &weaker_guard::RULE,
    &repeated_guard::RULE,
];

/// Every rule, by code.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let groups = [
        source::rules::RULES,
        schema::rules::RULES,
        LINKS,
        author::rules::RULES,
        crate::allow::RULES,
        crate::inspect::suite::cases::rules::RULES,
    ];
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

    use pai_bundle::provider::SecretRef;
    use pai_bundle::secret::SecretNames;
    use pai_bundle::unit::UnixSeconds;

    use super::*;
    use crate::{Sources, Surroundings, check_within, compile_within};

    /// 2026-11-23, in a place with every secret that examples name, but `absent-key`.
    fn surroundings() -> Surroundings {
        let names = ["a", "a-key", "anthropic-key", "k", "present-key"];
        let reference = |name: &str| SecretRef { name: name.to_owned(), key: "api-key".to_owned() };
        let files = names.into_iter().map(reference).collect();
        Surroundings {
            now: Some(UnixSeconds(1_795_392_000)),
            secrets: Some(SecretNames { files, ..SecretNames::default() }),
        }
    }

    fn codes(rule: &Rule, text: &str) -> Vec<&'static str> {
        let sources = Sources::new(rule.companions().into_iter().chain([(rule.example_file(), text)]));
        let compiled = compile_within(&sources, &surroundings()).diagnostics;
        let checked = check_within(&sources, &surroundings());
        let found: BTreeSet<_> = compiled.iter().chain(checked.iter()).map(crate::Diagnostic::code).collect();
        found.into_iter().collect()
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
