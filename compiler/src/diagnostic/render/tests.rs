//! Every machine form, on made-up findings.

use proptest::prelude::*;
use serde_json::Value;

use super::{github, json, junit, sarif, short};
use crate::Sources;
use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics, Safety};
use crate::source::Span;

fn one(text: &str, path: &str, message: &str, start: usize, end: usize) -> (Diagnostics, Sources) {
    let sources = Sources::new([(path, text)]);
    let (file, _) = sources.files().next().expect("a file");
    let span = Span::new(file, start, end);
    let rule = check::rule("unknown-field").expect("a rule");
    let mut found = Diagnostics::default();
    found.push(
        Diagnostic::new(rule, span, message)
            .label("here")
            .also(Span::new(file, 0, 1), "and here")
            .help("write it otherwise")
            .edit(span, "other", Safety::Safe),
    );
    (found.sorted(), sources)
}

#[test]
fn places_are_lines_and_characters() {
    let (found, sources) = one("ä: 1\nöx: 2\n", "a b.yaml", "wrong", 6, 9);
    let document: Value = serde_json::from_str(&json(&found, &sources)).expect("json");
    let finding = &document["findings"][0];
    assert_eq!(finding["range"]["start"], serde_json::json!({ "line": 2, "column": 1, "byte": 6 }));
    assert_eq!(finding["range"]["end"], serde_json::json!({ "line": 2, "column": 3, "byte": 9 }));
    assert_eq!(finding["fix"]["applicability"], "safe");
    let log: Value = serde_json::from_str(&sarif(&found, &sources)).expect("json");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "a%20b.yaml");
    let index = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
}

#[test]
fn workflow_commands_are_one_line_each_and_escaped() {
    let (found, sources) = one("a: 1\n", "a,b:c.yaml", "100%\nwrong: yes, really", 0, 1);
    assert_eq!(
        github(&found, &sources),
        "::error file=a%2Cb%3Ac.yaml,line=1,col=1,endColumn=2,title=PAI0205 unknown-field::\
         100%25%0Awrong: yes, really%0Ahelp: write it otherwise\n"
    );
}

#[test]
fn a_clean_file_is_a_passed_case() {
    let sources = Sources::new([("a.yaml", "")]);
    let report = junit(&Diagnostics::default(), &sources);
    assert!(report.contains("tests=\"1\"") && report.contains("failures=\"0\""), "{report}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_form_takes_any_text_and_place(text in any::<String>(), message in any::<String>(), start in 0_usize..64, length in 0_usize..64) {
        let (found, sources) = one(&text, "x.yaml", &message, start, start + length);
        for form in [short, json, sarif, github, junit] {
            let once = form(&found, &sources);
            prop_assert_eq!(&once, &form(&found, &sources));
            prop_assert!(!once.is_empty());
        }
        let document: Value = serde_json::from_str(&json(&found, &sources)).expect("json");
        prop_assert_eq!(document["summary"]["errors"].as_u64(), Some(1));
        prop_assert_eq!(github(&found, &sources).lines().count(), 1);
    }
}
