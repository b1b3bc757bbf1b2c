//! GitHub's workflow commands, which mark lines in a pull request:
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use std::fmt::Write as _;

use super::entry::entry;
use crate::diagnostic::Diagnostics;
use crate::source::Sources;

/// A line for each finding.
pub fn github(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let entry = entry(diagnostic, sources);
        let (start, end) = (entry.range.start, entry.range.end);
        let file = property(entry.file);
        let title = property(&format!("{} {}", entry.code, entry.name));
        let mut message = entry.message.clone();
        if let Some(help) = &entry.help {
            message.push_str("\nhelp: ");
            message.push_str(help);
        }
        let _ = write!(text, "::{} file={file},line={}", entry.severity, start.line);
        // Columns are taken for a range within one line only.
        if start.line == end.line {
            let _ = write!(text, ",col={},endColumn={}", start.column, end.column);
        } else {
            let _ = write!(text, ",endLine={}", end.line);
        }
        let _ = writeln!(text, ",title={title}::{}", data(&message));
    }
    text
}

/// What stands behind the `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, where `:` and `,` mean something too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
