//! What is printed: results on standard output, everything said to people on standard error.

use std::io::{IsTerminal, Write};

use clap::{Args, ValueEnum};
use pai_compiler::diagnostic::render::{Colour, Look};
use supports_hyperlinks::Stream;

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

/// A question, with the answer on the same line.
pub(crate) fn ask(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
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

/// How findings are drawn.
#[derive(Debug, Args)]
pub(crate) struct LookArguments {
    /// When to use colours.
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    color: When,
    /// How wide findings may be [default: `COLUMNS`, or the terminal's width, or 100].
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
    /// Where docs/diagnostics.md can be read: on terminals that can, codes become links to it.
    #[arg(long, env = "PAI_DOCS_URL", value_name = "URL")]
    docs_url: Option<String>,
}

impl LookArguments {
    /// How findings are drawn here.
    pub(crate) fn look(&self) -> Look<'_> {
        let can_link = std::io::stderr().is_terminal() && supports_hyperlinks::on(Stream::Stderr);
        let plain = look(self.color);
        Look {
            width: self.width.unwrap_or(plain.width),
            docs: self.docs_url.as_deref().filter(|_| can_link),
            ..plain
        }
    }
}

/// How findings are drawn without options. `NO_COLOR` (no-color.org), `CLICOLOR_FORCE` (bixense.com/clicolors) and
/// `COLUMNS` are heeded.
pub(crate) fn look(when: When) -> Look<'static> {
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
    Look { width: columns().unwrap_or(COLUMNS), colour, docs: None }
}

fn columns() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal =
        || terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    said.filter(|columns| *columns > 0).or_else(terminal)
}
