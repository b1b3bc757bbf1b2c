//! The language of patterns: regular expressions with lists of words and gaps, checked for what would make them slow or
//! let them never match.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};
use thiserror::Error;

use crate::literals::{Clause, required};
use crate::normalize::folded;

/// Bytes that a match may have, gaps counted at [`GAP_WORD`] bytes a word. It is how far around a word a pattern is tried.
pub(crate) const LONGEST_MATCH: usize = 512;
/// Bytes that a word of a gap is taken to have.
const GAP_WORD: usize = 16;
/// Bytes of a pattern's automaton, and of its states that are kept between scans: the usual limits of regular expressions.
const LARGEST: usize = 10 * 1024 * 1024;
const CACHE: usize = 2 * 1024 * 1024;
/// Lists may use lists that are defined before them; this is how much text may come of it.
const LONGEST_EXPANSION: usize = 16 * 1024;

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// A name in braces that no list has.
    #[error("no list of words is called `{name}`: define it under `words`, or write a count as `{{2,3}}`")]
    UnknownWords {
        /// As written.
        name: String,
    },
    /// A brace without its other half.
    #[error("a `{{` has no `}}`: write a list of words as `{{name}}`, and a brace itself as `\\{{`")]
    OpenBrace,
    /// It is no regular expression.
    #[error("not a regular expression: {reason}")]
    Syntax {
        /// From the parser, on one line.
        reason: String,
    },
    /// A capital letter, while texts are compared in lower case.
    #[error("`{letter}` never occurs: texts are compared in lower case, so write `{}`", letter.to_ascii_lowercase())]
    Capital {
        /// As written.
        letter: char,
    },
    /// A character that texts have no more when they are compared.
    #[error(
        "`{sign}` never occurs: apostrophes are left out of texts, and round brackets, quotes, commas, backquotes, asterisks and \
         backslashes become spaces; write the pattern without it"
    )]
    Vanished {
        /// As written.
        sign: char,
    },
    /// Any text at all would do, or the match may go on for ever.
    #[error(
        "a match may be {}; the most is {LONGEST_MATCH} bytes: write ` ~ ` for up to three words between \
         and ` ~~ ` for up to eight, instead of `.*` or `+`",
        bytes.map_or_else(|| "without end".to_owned(), |bytes| format!("{bytes} bytes long"))
    )]
    TooLong {
        /// `None`: without end.
        bytes: Option<usize>,
    },
    /// It has no words to look for first.
    #[error(
        "no word of at least three letters is in every match: add one, or every text would have to be searched"
    )]
    NoWords,
}

/// A pattern. What it takes to try it is worked out when it is first needed: all two hundred take a quarter of a second,
/// and most are never tried.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    /// With gaps of words of [`GAP_WORD`] bytes, for what a match needs.
    bounded: String,
    /// What is matched with has gaps of words of any length: a small automaton, and the reach is the bound.
    open: String,
    required: OnceLock<Result<Required, PatternError>>,
    regex: OnceLock<Option<Regex>>,
}

/// What a match needs.
#[derive(Debug, Clone)]
pub(crate) struct Required {
    /// Bytes that a match may have.
    pub(crate) reach: usize,
    pub(crate) clauses: Vec<Clause>,
}

/// Lists of words by name, each already one alternation.
pub(crate) type Words = BTreeMap<String, String>;

/// A list of words as a group.
pub(crate) fn words(list: &[String], known: &Words) -> Result<String, PatternError> {
    let mut alternatives = Vec::with_capacity(list.len());
    for word in list {
        alternatives.push(expanded(word, known, Gaps::Bounded)?);
    }
    let group = format!("(?:{})", alternatives.join("|"));
    parse(&group)?;
    Ok(group)
}

impl Pattern {
    pub(crate) fn new(source: &str, words: &Words) -> Result<Pattern, PatternError> {
        let [bounded, open] =
            [Gaps::Bounded, Gaps::Open].map(|gaps| Ok(bordered(source, &expanded(source, words, gaps)?)));
        let (required, regex) = (OnceLock::new(), OnceLock::new());
        Ok(Pattern { bounded: bounded?, open: open?, required, regex })
    }

    /// What a match needs, or why there can be none.
    pub(crate) fn required(&self) -> Result<&Required, PatternError> {
        self.required.get_or_init(|| read_off(&self.bounded)).as_ref().map_err(Clone::clone)
    }

    /// What is tried; `None` if the automaton would be too large.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| build(&self.open).ok()).as_ref()
    }

    /// Works all out. A pattern that fails never matches.
    pub(crate) fn compile(&self) -> Result<(), PatternError> {
        self.required()?;
        match self.regex() {
            Some(_) => Ok(()),
            None => build(&self.open).map(drop),
        }
    }
}

fn build(pattern: &str) -> Result<Regex, PatternError> {
    let built = Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Config::new().utf8_empty(false).nfa_size_limit(Some(LARGEST)).hybrid_cache_capacity(CACHE))
        .build(pattern);
    built.map_err(|error| PatternError::Syntax { reason: one_line(&source(&error).to_string()) })
}

/// What an error comes from.
fn source<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    error.source().map_or(error, source)
}

fn read_off(bounded: &str) -> Result<Required, PatternError> {
    let hir = parse(bounded)?;
    if let Some(byte) = never(&hir) {
        let letter = char::from(byte);
        return Err(match byte {
            b'A'..=b'Z' => PatternError::Capital { letter },
            _ => PatternError::Vanished { sign: letter },
        });
    }
    let longest = hir.properties().maximum_len();
    let reach =
        longest.filter(|bytes| *bytes <= LONGEST_MATCH).ok_or(PatternError::TooLong { bytes: longest })?;
    let clauses = required(&hir);
    if clauses.is_empty() { Err(PatternError::NoWords) } else { Ok(Required { reach, clauses }) }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    Bounded,
    Open,
}

fn gap(gaps: Gaps, words: usize) -> String {
    match gaps {
        Gaps::Bounded => format!(" (?:[^ ]{{1,{GAP_WORD}}} ){{0,{words}}}"),
        Gaps::Open => format!(" (?:[^ ]+ ){{0,{words}}}"),
    }
}

/// Lists and gaps written out, and characters beyond ASCII as texts have them.
fn expanded(source: &str, words: &Words, gaps: Gaps) -> Result<String, PatternError> {
    let mut out = String::with_capacity(source.len() * 2);
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(" ~~ ") {
            out.push_str(&gap(gaps, 8));
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix(" ~ ") {
            out.push_str(&gap(gaps, 3));
            rest = after;
            continue;
        }
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let next = after.chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..=next]);
                rest = &after[next..];
            }
            '{' => {
                let (name, after) = after.split_once('}').ok_or(PatternError::OpenBrace)?;
                if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b',') {
                    out.push('{');
                    out.push_str(name);
                    out.push('}');
                } else {
                    out.push_str(
                        words
                            .get(name)
                            .ok_or_else(|| PatternError::UnknownWords { name: name.to_owned() })?,
                    );
                }
                rest = after;
            }
            c if c.is_ascii() => {
                out.push(c);
                rest = after;
            }
            c => {
                out.push_str(&folded(c));
                rest = after;
            }
        }
        if out.len() > LONGEST_EXPANSION {
            return Err(PatternError::TooLong { bytes: Some(out.len()) });
        }
    }
    Ok(out)
}

/// Word borders at the ends, where the pattern begins or ends with a word. A border is one of ASCII words, so patterns in
/// other scripts have none.
fn bordered(source: &str, expanded: &str) -> String {
    if !source.is_ascii() {
        return expanded.to_owned();
    }
    let before = source.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '(' | '{'));
    let after = source.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, ')' | '}' | '?'));
    let border = |wanted| if wanted { r"\b" } else { "" };
    format!("{}(?:{expanded}){}", border(before), border(after))
}

fn parse(pattern: &str) -> Result<Hir, PatternError> {
    ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(|error| PatternError::Syntax { reason: one_line(&error.to_string()) })
}

fn one_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// A byte of the pattern's words that no text has once it is in plain form.
fn never(hir: &Hir) -> Option<u8> {
    match hir.kind() {
        HirKind::Literal(literal) => literal
            .0
            .iter()
            .find(|byte| {
                byte.is_ascii_uppercase()
                    || matches!(byte, b'\'' | b'"' | b',' | b'`' | b'*' | b'(' | b')' | b'\\')
            })
            .copied(),
        HirKind::Capture(capture) => never(&capture.sub),
        HirKind::Repetition(repetition) => never(&repetition.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().find_map(never),
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Words {
        Words::from([("verbs".to_owned(), "(?:ignore|forget)".to_owned())])
    }

    fn matches(pattern: &str, text: &str) -> bool {
        {
            let pattern = Pattern::new(pattern, &known()).expect(pattern);
            pattern.regex().expect("small").is_match(text.as_bytes())
        }
    }

    #[test]
    fn lists_and_gaps_are_written_out() {
        assert!(matches("{verbs} ~ rules", "please forget all of the rules now"));
        assert!(matches("{verbs} ~ rules", "ignore rules"));
        assert!(!matches("{verbs} ~ rules", "ignore one two three four rules"));
        assert!(matches("{verbs} ~~ rules", "ignore one two three four rules"));
        assert!(!matches("{verbs} rules", "reignore rules"), "a word border before");
        assert!(!matches("{verbs} rule", "ignore rules"), "and after");
        assert!(matches("caf\u{e9} {verbs}", "cafe forget"), "written as texts are");
        assert!(matches(
            "\u{5ffd}\u{7565}.{0,9}\u{6307}\u{4ee4}",
            "\u{8bf7}\u{5ffd}\u{7565}\u{6307}\u{4ee4}"
        ));
    }

    #[test]
    fn patterns_that_could_not_work_are_refused_with_what_to_write() {
        for (pattern, part) in [
            ("{nouns} x", "no list of words is called `nouns`"),
            ("{verbs", "has no `}`"),
            ("(abc", "unclosed group"),
            ("Ignore this", "write `i`"),
            ("don't say", "`'` never occurs"),
            ("ignore.*rules", "without end"),
            ("ignore( word){0,200}", "1006 bytes"),
            ("[0-9]{4}", "no word of at least three letters"),
            ("(word|[0-9])", "no word of at least three letters"),
        ] {
            let compiled = Pattern::new(pattern, &known()).and_then(|pattern| pattern.compile());
            let error = compiled.expect_err(pattern).to_string();
            assert!(error.contains(part), "{pattern}: {error}");
        }
    }
}
