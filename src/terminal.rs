//! What is printed: results on standard output, everything said to people on standard error.

use std::io::{IsTerminal, Write};

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

/// How findings are drawn here: in colour on a terminal, unless the environment asks for none (no-color.org).
pub(crate) fn look() -> Look {
    let on_terminal = std::io::stderr().is_terminal();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = if on_terminal && !plain { Colour::Ansi } else { Colour::None };
    let columns = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    Look { width: columns.unwrap_or(COLUMNS), colour }
}
