//! The documentation of rules as pages: one rule for a terminal, all of them as Markdown (`docs/diagnostics.md`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Rule, Severity};
use crate::check;

/// What the first two digits of a code stand for. A group without rules has no heading.
const GROUPS: &[(&str, &str)] = &[
    ("PAI01", "Reading YAML"),
    ("PAI02", "One manifest by itself"),
    ("PAI03", "What manifests mean together"),
    ("PAI04", "Policies in Cedar"),
    ("PAI05", "Comments that allow findings"),
    ("PAI06", "Policy tests"),
];

/// How many rules a misspelt code is answered with at most.
const NEAREST_MAX: usize = 3;

/// Every rule on a line: code, severity, name, title.
pub fn list() -> String {
    let mut text = String::new();
    for rule in check::rules() {
        let _ =
            writeln!(text, "{}  {:7}  {:27}  {}", rule.code, rule.severity.as_str(), rule.name, rule.title);
    }
    text
}

/// One rule, as `pai explain CODE` prints it: cause, an example that fails, one that passes.
pub fn terminal(rule: &Rule) -> String {
    let mut text = format!(
        "{} {} ({}): {}\n\n{}\n\n",
        rule.code,
        rule.name,
        rule.severity.as_str(),
        rule.title,
        rule.explanation
    );
    let _ = write!(text, "This fails:\n\n{}\n", indented(rule.fails));
    if let Some(hidden) = hidden(rule.fails) {
        let _ = write!(text, "{hidden}\n\n");
    }
    let _ = write!(text, "This passes:\n\n{}", indented(rule.passes));
    text
}

/// The rules whose codes or names are like what was written, nearest first.
pub fn nearest(written: &str) -> Vec<&'static Rule> {
    let written = written.to_lowercase();
    let distance = |rule: &Rule| {
        let to_code = strsim::damerau_levenshtein(&written, &rule.code.to_lowercase());
        let to_name = strsim::damerau_levenshtein(&written, rule.name);
        to_code.min(to_name)
    };
    let allowed = 1 + written.chars().count() / 4;
    let mut near: Vec<(usize, &Rule)> = check::rules().map(|rule| (distance(rule), rule)).collect();
    near.retain(|(distance, _)| *distance <= allowed);
    near.sort_by_key(|(distance, rule)| (*distance, rule.code));
    near.into_iter().take(NEAREST_MAX).map(|(_, rule)| rule).collect()
}

/// All rules on one page, each under a heading that `diagnostics.md#pai0101` leads to.
pub fn markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for (prefix, title) in GROUPS {
        let rules: Vec<&Rule> = check::rules().filter(|rule| rule.code.starts_with(prefix)).collect();
        if rules.is_empty() {
            continue;
        }
        let _ =
            write!(text, "\n## {title}\n\n| code | name | | what is wrong |\n| --- | --- | --- | --- |\n");
        for rule in &rules {
            let (code, anchor) = (rule.code, rule.code.to_lowercase());
            let _ = writeln!(
                text,
                "| [{code}](#{anchor}) | `{}` | {} | {} |",
                rule.name,
                rule.severity.as_str(),
                rule.title
            );
        }
        for rule in &rules {
            section(rule, &mut text);
        }
    }
    text
}

const INTRODUCTION: &str = "\
<!-- Made from the rules in the compiler. `SNAPSHOTS=overwrite cargo test --test all reference` writes it anew. -->

# What pai finds

Every finding has a code, which never changes its meaning. `pai explain CODE` prints what stands here; `pai explain` lists
all codes. An *error* keeps a bundle from being built, because it could not work or would let through what it should not;
a *warning* does not.
";

fn section(rule: &Rule, text: &mut String) {
    let severity = match rule.severity {
        Severity::Error => "An error",
        Severity::Warning => "A warning",
    };
    let _ = write!(
        text,
        "\n### {}\n\n**{}**: {}. {severity}.\n\n{}\n\n",
        rule.code, rule.name, rule.title, rule.explanation
    );
    let _ = write!(text, "This fails:\n\n{}", fenced(rule, rule.fails));
    if let Some(hidden) = hidden(rule.fails) {
        let _ = write!(text, "\n{hidden}\n");
    }
    let _ = write!(text, "\nThis passes:\n\n{}", fenced(rule, rule.passes));
}

fn fenced(rule: &Rule, example: &str) -> String {
    let language = if rule.example_file().rsplit('.').next() == Some("cedar") { "cedar" } else { "yaml" };
    format!("```{language}\n{}\n```\n", example.trim_end())
}

fn indented(example: &str) -> String {
    example.lines().fold(String::new(), |text, line| text + "    " + line + "\n")
}

/// Characters that a reader cannot see, or takes for others.
fn hidden(example: &str) -> Option<String> {
    let characters: BTreeSet<char> = example.chars().filter(|c| !c.is_ascii()).collect();
    let named: Vec<String> = characters.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect();
    (!named.is_empty()).then(|| format!("What cannot be seen in it: it holds {}.", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_on_the_page_once() {
        let page = markdown();
        for rule in check::rules() {
            assert_eq!(page.matches(&format!("\n### {}\n", rule.code)).count(), 1, "{}", rule.code);
        }
    }

    #[test]
    fn a_slip_is_answered_with_what_is_like_it() {
        let codes = |written: &str| nearest(written).into_iter().map(|rule| rule.code).collect::<Vec<_>>();
        assert_eq!(codes("unknwon-provider"), ["PAI0301"]);
        assert_eq!(codes("pai301").first(), Some(&"PAI0301"));
        assert!(codes("PAI0199").len() <= NEAREST_MAX && !codes("PAI0199").is_empty());
        assert!(codes("something else altogether").is_empty());
    }

    #[test]
    fn what_cannot_be_seen_is_named() {
        let rule = check::rule("PAI0109").expect("a rule");
        assert!(terminal(rule).contains("U+0085"));
    }
}
