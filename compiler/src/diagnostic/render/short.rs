//! One line per finding, as compilers print them: `file:line:column: error[PAI0301]: message`.

use std::fmt::Write as _;

use pai_bundle::origin::Position;

use crate::diagnostic::{Diagnostics, mask};
use crate::source::Sources;

/// Every finding on a line of its own.
pub fn short(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let span = diagnostic.primary.span;
        let Position(line, column) = sources.position(span);
        let path = sources.path(span.file);
        let (severity, code) = (diagnostic.severity().as_str(), diagnostic.code());
        let message = mask::text(&diagnostic.message);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{path}:{line}:{column}: {severity}[{code}]: {message}");
    }
    text
}
