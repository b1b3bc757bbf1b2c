//! `JUnit`'s XML, which CI systems show as test results: a suite per file, a failed case per error.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::entry::{Entry, entry};
use crate::diagnostic::{Diagnostics, Severity};
use crate::source::Sources;

/// Every finding. A file without errors is a passed case, so that a clean run is not an empty one.
pub fn junit(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let mut by_file: BTreeMap<&str, Vec<Entry<'_>>> =
        sources.files().map(|(_, file)| (file.path(), Vec::new())).collect();
    for diagnostic in diagnostics.iter() {
        let entry = entry(diagnostic, sources);
        by_file.entry(entry.file).or_default().push(entry);
    }
    let mut report = Report::new("pai validate");
    for (file, entries) in by_file {
        let mut suite = TestSuite::new(file);
        suite.add_test_cases(entries.iter().map(case));
        if entries.iter().all(|entry| entry.severity != Severity::Error.as_str()) {
            suite.add_test_case(TestCase::new("no errors", TestCaseStatus::success()));
        }
        report.add_test_suite(suite);
    }
    // Writing XML of plain strings to memory cannot fail; characters that XML cannot hold are dropped by the crate.
    report.to_string().unwrap_or_default()
}

/// A warning is a passed case that says something.
fn case(entry: &Entry<'_>) -> TestCase {
    let place = format!("{}:{}:{}", entry.file, entry.range.start.line, entry.range.start.column);
    let mut text = format!("{place}: {}", entry.message);
    if let Some(help) = &entry.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    let name = format!("{} {} {place}", entry.code, entry.name);
    if entry.severity == Severity::Error.as_str() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(entry.message.clone()).set_type(entry.code).set_description(text);
        return TestCase::new(name, status);
    }
    let mut case = TestCase::new(name, TestCaseStatus::success());
    case.set_system_out(text);
    case
}
