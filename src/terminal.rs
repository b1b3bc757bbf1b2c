//! What is printed: results on standard output, everything said to people on standard error.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use pai_compiler::diagnostic::render::{Colour, Look};

/// Columns where standard error is no terminal: what fits a review page.
const COLUMNS: usize = 100;

/// Prints a result. A reader that has gone away (`pai … | head`) is no error.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Passes a text on, byte by byte.
pub(crate) fn pass(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Says something to people.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless the environment asks otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How findings are drawn here. `NO_COLOR` (no-color.org) and `CLICOLOR_FORCE` (bixense.com/clicolors) are heeded.
pub(crate) fn look(when: When) -> Look {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let colour = match when {
        When::Always => Colour::Ansi,
        When::Auto
            if !is_set("NO_COLOR") && (is_set("CLICOLOR_FORCE") || std::io::stderr().is_terminal()) =>
        {
            Colour::Ansi
        }
        When::Auto | When::Never => Colour::None,
    };
    let columns = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    Look { width: columns.unwrap_or(COLUMNS), colour }
}
