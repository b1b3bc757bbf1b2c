//! Findings with the lines they are about, drawn by miette.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode, ThemeStyles};

use super::excerpt::Excerpt;
use crate::diagnostic::{Diagnostic, Diagnostics, Label, Severity, mask};
use crate::source::{Sources, Span};

/// Whether to use ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// For terminals.
    Ansi,
    /// For files and tests.
    None,
}

/// How findings are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Columns of the terminal.
    pub width: usize,
    /// Colours.
    pub colour: Colour,
    /// Where `docs/diagnostics.md` can be read, for terminals that make links of codes.
    pub docs: Option<&'a str>,
}

/// What miette puts before each line of a text, in columns.
const INDENT: usize = 10;

/// Texts are not wrapped narrower than this, in columns.
const NARROWEST: usize = 30;

/// Every finding with an excerpt of its file, an empty line between two.
pub fn human(diagnostics: &Diagnostics, sources: &Sources, look: Look<'_>) -> String {
    let styles = match look.colour {
        Colour::Ansi => ThemeStyles::ansi(),
        Colour::None => ThemeStyles::none(),
    };
    let theme = GraphicalTheme { styles, ..GraphicalTheme::unicode() };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width)
        // Its wrapping breaks names at hyphens; texts come wrapped.
        .with_wrap_lines(false)
        .with_links(look.docs.is_some())
        .with_link_display_text("")
        .with_primary_span_start()
        .without_syntax_highlighting();
    let columns = look.width.saturating_sub(INDENT).max(NARROWEST);
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = handler.render_report(&mut text, &drawn(diagnostic, sources, columns, look.docs));
    }
    text
}

fn drawn(diagnostic: &Diagnostic, sources: &Sources, columns: usize, docs: Option<&str>) -> Drawn {
    let file = diagnostic.primary.span.file;
    let (here, elsewhere): (Vec<&Label>, Vec<&Label>) =
        diagnostic.secondary.iter().partition(|label| label.span.file == file);
    let here: Vec<&Label> = std::iter::once(&diagnostic.primary).chain(here).collect();
    let (source, labels) = excerpt(&here, sources);
    let related = elsewhere.into_iter().map(|label| {
        let unsaid = Label { text: String::new(), ..label.clone() };
        let (source, labels) = excerpt(&[&unsaid], sources);
        Drawn {
            message: mask::text(&label.text).into_owned(),
            code: None,
            url: None,
            severity: miette::Severity::Advice,
            labels,
            help: None,
            source,
            related: Vec::new(),
        }
    });
    let related = related.collect();
    Drawn {
        message: wrapped(&mask::text(&diagnostic.message), columns),
        code: Some(format!("{}[{}]", diagnostic.severity().as_str(), diagnostic.code())),
        url: docs.map(|docs| format!("{docs}#{}", diagnostic.code().to_lowercase())),
        severity: match diagnostic.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        },
        labels,
        help: diagnostic.help.as_ref().map(|help| wrapped(&mask::text(help), columns)),
        source,
        related,
    }
}

/// The lines of some labels of one file, the first of which is the primary one.
fn excerpt(labels: &[&Label], sources: &Sources) -> (Excerpt, Vec<LabeledSpan>) {
    let spans: Vec<Span> = labels.iter().map(|label| sources.first_line(label.span)).collect();
    let excerpt = Excerpt::new(sources, &spans);
    let drawn = labels.iter().zip(&spans).enumerate().map(|(at, (label, span))| {
        let text = Some(mask::text(&label.text).into_owned()).filter(|text| !text.is_empty());
        let place = excerpt.place(*span);
        if at == 0 {
            LabeledSpan::new_primary_with_span(text, place)
        } else {
            LabeledSpan::new_with_span(text, place)
        }
    });
    let drawn = drawn.collect();
    (excerpt, drawn)
}

/// Broken at spaces only, so that names can be copied; lines that the text has already are kept.
fn wrapped(text: &str, columns: usize) -> String {
    let mut wrapped = String::new();
    let mut used = 0;
    for (at, piece) in text.split_inclusive([' ', '\n']).enumerate() {
        let length = piece.trim_end().chars().count();
        if at > 0 && used > 0 && used + length > columns {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            wrapped.push('\n');
            used = 0;
        }
        wrapped.push_str(piece);
        used = if piece.ends_with('\n') { 0 } else { used + piece.chars().count() };
    }
    wrapped
}

/// A finding in the shape that miette draws.
#[derive(Debug)]
struct Drawn {
    message: String,
    code: Option<String>,
    url: Option<String>,
    severity: miette::Severity,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
    source: Excerpt,
    related: Vec<Drawn>,
}

impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl miette::Diagnostic for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.as_ref().map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn url<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.url.as_ref().map(|url| Box::new(url) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let related = self.related.iter().map(|drawn| drawn as &dyn miette::Diagnostic);
        Some(Box::new(related))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_link_where_there_is_a_page_and_the_terminal_can() {
        let sources = Sources::new([("a.yaml", "apiVersion: pai.io/v1\nkind: Agnt\n")]);
        let found = crate::check(&sources);
        let look = Look { width: 80, colour: Colour::None, docs: None };
        assert!(!human(&found, &sources, look).contains('\u{1b}'));
        let linked = human(&found, &sources, Look { docs: Some("https://docs.test/diagnostics"), ..look });
        let link = "\u{1b}]8;;https://docs.test/diagnostics#pai0201\u{1b}\\error[PAI0201]";
        assert!(linked.contains(link), "{linked:?}");
    }

    #[test]
    fn texts_break_at_spaces_and_keep_their_lines() {
        assert_eq!(wrapped("write `a-b-c-d` or\n  x: y", 15), "write `a-b-c-d`\nor\n  x: y");
        assert_eq!(wrapped("one-very-long-word", 5), "one-very-long-word");
        assert_eq!(wrapped("", 5), "");
    }
}
