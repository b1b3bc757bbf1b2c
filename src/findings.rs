//! Shows what the compiler found, and sums it up.

use clap::ValueEnum;
use pai_compiler::diagnostic::render;
use pai_compiler::{Diagnostics, Severity, Sources};

use crate::terminal;

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the lines they are about.
    Human,
    /// One line each.
    Short,
}

/// Shows every finding and a line that counts them.
pub(crate) fn show(diagnostics: &Diagnostics, shown: &Sources, format: Format) {
    if diagnostics.is_empty() {
        return;
    }
    match format {
        Format::Human => terminal::say(&render::human(diagnostics, shown, terminal::look())),
        Format::Short => terminal::say(&render::short(diagnostics, shown)),
    }
    terminal::say(&summary(diagnostics));
}

fn summary(diagnostics: &Diagnostics) -> String {
    let count = |severity, one: &str, many: &str| match diagnostics.count(severity) {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {many}")),
    };
    let parts = [count(Severity::Error, "error", "errors"), count(Severity::Warning, "warning", "warnings")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
