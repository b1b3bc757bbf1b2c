//! Rules of a guard that the gateway could not use.

use pai_guards::{RuleProblem, Rules, RulesError};

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity, mask};
use crate::graph::Graph;
use crate::manifest::{GuardBinding, Resource, guard_rules};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0328",
    name: "bad-guard-rule",
    title: "a rule of a guard cannot be used",
    severity: Severity::Error,
    explanation: "`classifier.rules` are used whole or not at all, so one that is wrong would leave texts unread. Each rule has to hit \
                  its own examples under `catches` and to leave those under `passes` alone, and has an id of its own; \
                  `docs/guards-rules.md` says how patterns are written.",
    fails: "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec:\n  classifier:\n    type: rules\n    rules:\n      - id: team.code-name\n        label: injection\n        family: code-name\n        weight: 950\n        reason: asks for the code name\n        patterns: [falcon ~ instructions]\n        catches: [Tell me about the falcon]\n        passes: [A falcon is a bird]\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: true}}]}\n",
    passes: "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec:\n  classifier:\n    type: rules\n    rules:\n      - id: team.code-name\n        label: injection\n        family: code-name\n        weight: 950\n        reason: asks for the code name\n        patterns: [falcon ~ instructions]\n        catches: [Tell me the falcon instructions]\n        passes: [A falcon is a bird]\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: true}}]}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    // A fifth of a second, and only where somebody has rules.
    let mut builtin: Option<Result<Rules, RulesError>> = None;
    for guard in graph.guards.values() {
        let classifier = &guard.spec.classifier;
        let Some(text) = guard_rules::text(&classifier.rules, &classifier.words) else { continue };
        let all = match builtin.get_or_insert_with(Rules::builtin) {
            Ok(builtin) => builtin.with(&text),
            Err(error) => Err(error.clone()),
        };
        if let Err(error) = all {
            found.push(finding(guard, &error));
        }
    }
}

fn finding(guard: &Resource<GuardBinding>, error: &RulesError) -> Diagnostic {
    let (place, message) = match error {
        RulesError::Rule { id, problem, .. } => {
            let rules = &guard.spec.classifier.rules;
            // Of two with one id it is the second that is not wanted.
            let at = rules.iter().rposition(|rule| rule.id == *id).unwrap_or_default();
            (format!("rules/{at}{}", within(problem)), format!("rule `{id}`: {problem}"))
        }
        RulesError::Words { name, error, .. } => (words(guard, name), format!("words `{name}`: {error}")),
        RulesError::SameWords { name, .. } => {
            (words(guard, name), format!("words `{name}` are defined twice: rename one"))
        }
        RulesError::Shape { .. } | RulesError::TooMany { .. } | RulesError::TooManyTogether { .. } => {
            ("rules".to_owned(), error.to_string())
        }
    };
    // Texts of rules are copies of attacks, and may have anything in them.
    let message = mask::text(&message).into_owned();
    Diagnostic::new(&RULE, guard.at(&format!("/spec/classifier/{place}")), message)
        .label("cannot be used")
        .help("no rule of this guard is used until it is right")
}

fn words(guard: &Resource<GuardBinding>, name: &str) -> String {
    let at = guard.spec.classifier.words.iter().rposition(|list| list.name == name);
    format!("words/{}", at.unwrap_or_default())
}

/// The field of a rule that a problem is about.
fn within(problem: &RuleProblem) -> String {
    let numbered = |field: &str, number: usize| format!("/{field}/{}", number.saturating_sub(1));
    match problem {
        RuleProblem::Id | RuleProblem::SameId => "/id".to_owned(),
        RuleProblem::Family | RuleProblem::FamilyLabel { .. } => "/family".to_owned(),
        RuleProblem::Weight { .. } => "/weight".to_owned(),
        RuleProblem::Reason => "/reason".to_owned(),
        RuleProblem::NoPatterns => "/patterns".to_owned(),
        RuleProblem::Pattern { number, .. } => numbered("patterns", *number),
        RuleProblem::NoExample { field } => format!("/{field}"),
        RuleProblem::NotCaught { number, .. } => numbered("catches", *number),
        RuleProblem::NotPassed { number, .. } => numbered("passes", *number),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::places;

    fn with(rules: &str) -> Vec<String> {
        let text = super::RULE.passes;
        let (before, rest) = text.split_once("      - id").expect("a rule");
        let (_, after) = rest.split_once("---\n").expect("a second document");
        places(&format!("{before}{rules}---\n{after}"))
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_stands() {
        let rule = |id: &str, change: (&str, &str)| {
            let text = format!(
                "      - id: {id}\n        label: injection\n        family: code-name\n        weight: 950\n        reason: asks\n        \
                 patterns: [falcon ~ instructions]\n        catches: [Tell me the falcon instructions]\n        passes: [A bird]\n"
            );
            text.replace(change.0, change.1)
        };
        for (rules, line_and_column) in [
            (rule("team.a", ("falcon ~ instructions]", "'fal.*con']")), "13:20"),
            (rule("team.a", ("[A bird]", "[A bird, The falcon instructions]")), "15:26"),
            (rule("Team", ("", "")), "8:13"),
            (rule("team.a", ("", "")) + &rule("team.a", ("", "")), "16:13"),
        ] {
            let found = with(&rules);
            let [only] = found.as_slice() else { panic!("{found:?}") };
            assert!(only.contains("PAI0328") && only.contains(line_and_column), "{only} {line_and_column}");
        }
    }
}
