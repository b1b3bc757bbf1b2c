//! Results of cases, for people and for programs.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::coverage::{Coverage, Line};
use super::mutate::{Mutation, Survivor};
use super::trial::Trial;
use crate::inspect::replay;

/// Everything there is to say.
#[derive(Debug)]
pub struct Results<'a> {
    /// What came of each case.
    pub trials: &'a [Trial<'a>],
    /// Which lines decided one.
    pub coverage: &'a Coverage,
    /// Whether the lines that decided none are listed.
    pub lists_idle_lines: bool,
    /// What was tested, for commands that ask again.
    pub of: &'a str,
    /// What came of weakened copies, if they were made.
    pub mutation: Option<&'a Mutation>,
}

impl Results<'_> {
    fn failed(&self) -> usize {
        self.trials.iter().filter(|trial| !trial.passed()).count()
    }
}

/// A line for each case, differences side by side, and a summary.
pub fn human(results: &Results<'_>) -> String {
    let mut text = String::new();
    for trial in results.trials {
        let (file, line) = (&trial.case.file, trial.case.line);
        let mark = if trial.passed() { "ok  " } else { "FAIL" };
        let _ = writeln!(text, "{mark} {file}:{line}  {}", trial.case.name);
        for difference in &trial.differences {
            let _ = writeln!(text, "       {}", difference.what);
            let _ = writeln!(text, "       - expected  {}", difference.expected);
            let _ = writeln!(text, "       + found     {}", difference.found);
        }
        if !trial.passed() {
            let asked = replay::arguments(&trial.case.question);
            let _ = writeln!(text, "       {}", replay::command(&asked, results.of));
        }
    }
    if results.lists_idle_lines && !results.coverage.idle.is_empty() {
        text.push_str("\nno case was ever refused by:\n");
        for line in &results.coverage.idle {
            let _ = writeln!(text, "  {}  {}", line.origin, line.policy);
        }
    }
    if let Some(mutation) = results.mutation {
        write_survivors(&mut text, mutation);
    }
    let passed = results.trials.len() - results.failed();
    let _ = writeln!(text, "\n{passed} passed, {} failed", results.failed());
    let (decided, idle) = (results.coverage.decided.len(), results.coverage.idle.len());
    let all = decided + idle;
    let _ = writeln!(
        text,
        "coverage: {decided} of {all} lines that can refuse ({} %)",
        results.coverage.percent()
    );
    if let Some(mutation) = results.mutation {
        let noticed = mutation.mutants - mutation.survivors.len();
        let _ = writeln!(text, "mutants: {noticed} of {} noticed", mutation.mutants);
    }
    text
}

fn write_survivors(text: &mut String, mutation: &Mutation) {
    for Survivor { change, origin, missing } in &mutation.survivors {
        let at = origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
        let _ = writeln!(text, "\nno case would notice: {change}{at}");
        match missing {
            Some(case) => {
                text.push_str("  this one would:\n");
                for line in case.lines() {
                    let _ = writeln!(text, "    {line}");
                }
            }
            None => {
                text.push_str("  nor could one: no request is answered otherwise, as far as was tried\n");
            }
        }
    }
}

/// One JSON document.
pub fn json(results: &Results<'_>) -> String {
    let case = |trial: &Trial<'_>| {
        let differences: Vec<Value> = trial
            .differences
            .iter()
            .map(|difference| {
                json!({ "what": difference.what, "expected": difference.expected, "found": difference.found })
            })
            .collect();
        json!({
            "name": trial.case.name, "file": trial.case.file, "line": trial.case.line,
            "passed": trial.passed(), "differences": differences,
        })
    };
    let line = |line: &Line| json!({ "source": line.origin.to_string(), "policy": line.policy });
    let mut document = json!({
        "cases": results.trials.iter().map(case).collect::<Vec<_>>(),
        "passed": results.trials.len() - results.failed(),
        "failed": results.failed(),
        "coverage": {
            "percent": results.coverage.percent(),
            "decided": results.coverage.decided.iter().map(line).collect::<Vec<_>>(),
            "idle": results.coverage.idle.iter().map(line).collect::<Vec<_>>(),
        },
    });
    if let Some(mutation) = results.mutation {
        let survivor = |survivor: &Survivor| {
            json!({
                "change": survivor.change.to_string(),
                "source": survivor.origin.as_ref().map(ToString::to_string),
                "missingCase": survivor.missing,
            })
        };
        document["mutation"] = json!({
            "mutants": mutation.mutants,
            "survivors": mutation.survivors.iter().map(survivor).collect::<Vec<_>>(),
        });
    }
    format!("{document:#}\n")
}

/// A suite per file of cases.
pub fn junit(results: &Results<'_>) -> String {
    let mut report = Report::new("pai test");
    let mut suites: std::collections::BTreeMap<&str, Vec<TestCase>> = std::collections::BTreeMap::new();
    for trial in results.trials {
        let (file, line) = (&trial.case.file, trial.case.line);
        let status = if trial.passed() {
            TestCaseStatus::success()
        } else {
            let mut text = format!("{file}:{line}");
            for difference in &trial.differences {
                let (what, expected, found) = (difference.what, &difference.expected, &difference.found);
                let _ = write!(text, "\n{what}: expected {expected}, found {found}");
            }
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message("not as expected").set_description(text);
            status
        };
        suites.entry(file).or_default().push(TestCase::new(trial.case.name.as_str(), status));
    }
    for (file, cases) in suites {
        let mut suite = TestSuite::new(file);
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    // Strings into memory: nothing that could fail.
    report.to_string().unwrap_or_default()
}
