//! What the YAML reader complains of, in words.

use crate::diagnostic::{Diagnostic, mask::shown};
use crate::source::Span;
use crate::source::chunk::Chunk;
use crate::source::rules;

pub(super) fn duplicate(key: &str, place: Span, first: Span) -> Diagnostic {
    Diagnostic::new(&rules::DUPLICATE_KEY, place, format!("key {} is there twice", shown(key)))
        .label("again here")
        .also(first, "first here")
        .help("remove one of them")
}

/// Where the reader stopped, at a byte of a chunk, in its words.
pub(super) fn syntax(chunk: Chunk<'_>, at: usize, info: &str) -> Diagnostic {
    let text = chunk.text;
    if info.contains("tab")
        && let Some((start, end)) = indenting_tab(text, at)
    {
        return Diagnostic::new(&rules::SYNTAX, chunk.span(start, end), "a line is indented with a tab")
            .label("a tab")
            .help("indent with spaces: YAML does not accept tabs there");
    }
    // At the end of a line, or of the text, the label stands on the last thing that is written.
    let at = if text.get(at..).is_none_or(|rest| rest.trim().is_empty()) {
        let written = text.trim_end();
        written.char_indices().next_back().map_or(0, |(last, _)| last)
    } else {
        at
    };
    let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let line_start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let indent = text.get(line_start..).unwrap_or_default();
    let has_tab = indent.chars().take_while(|c| c.is_whitespace() && *c != '\n').any(|c| c == '\t');
    let at_tab = text.get(at.saturating_sub(1)..at + length).is_some_and(|around| around.contains('\t'));
    let help = if has_tab {
        Some("indent with spaces: YAML does not accept tabs there".to_owned())
    } else {
        at_tab.then(|| "write a space instead of the tab".to_owned())
    };
    Diagnostic::new(
        &rules::SYNTAX,
        chunk.span(at, at + length),
        format!("the text is not YAML: {}", plain_words(info)),
    )
    .label("the reader stopped here")
    .maybe_help(help)
}

/// The first tab in front of a line, from the line on in which the reader stopped: it stops where the text before the tab
/// began.
fn indenting_tab(text: &str, at: usize) -> Option<(usize, usize)> {
    let mut start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    for line in text.get(start..)?.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line.get(..indent).and_then(|indent| indent.find('\t')) {
            return Some((start + tab, start + tab + 1));
        }
        start += line.len();
    }
    None
}

/// The scanner's words, for people who do not write scanners.
fn plain_words(info: &str) -> String {
    let info = info.trim_end_matches('.');
    match info {
        "did not find expected ',' or '}'" | "did not find expected ',' or ']'" => {
            format!("{info}; is a bracket not closed?")
        }
        "mapping values are not allowed in this context" => {
            "a `:` is not expected here; is the line before it complete and indented alike?".to_owned()
        }
        "simple key expected ':'" | "simple key expect ':'" => "a `:` is missing behind the key".to_owned(),
        _ => info.to_owned(),
    }
}
