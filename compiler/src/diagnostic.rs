//! What the compiler has to say: findings with exact places, sorted, without repetitions.

use std::collections::BTreeSet;

pub(crate) mod rule;
pub(crate) mod mask;
pub mod nearest;
pub mod reference;
mod level;
pub mod render;

pub use level::{Level, LevelError, Levels};
pub use rule::Rule;

use crate::source::{Sources, Span};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// No bundle is built.
    Error,
    /// A bundle is built; it probably does not do what its author thinks.
    Warning,
}

impl Severity {
    /// In messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words; may be empty.
    pub text: String,
}

/// Whether a correction may be made without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safety {
    /// It says what was written otherwise wrongly; nothing that was right changes its meaning.
    Safe,
    /// It is a guess at what was meant.
    Unsafe,
}

/// A correction of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub replacement: String,
    /// How sure it is.
    pub safety: Safety,
}

impl Edit {
    /// The replacement as it stands in the text: in the quotes that were there.
    pub fn text(&self, sources: &Sources) -> String {
        let written = sources.text(self.span);
        let quote = written.chars().next().filter(|first| ['"', '\''].contains(first));
        match quote {
            Some(quote)
                if written.len() > 1 && written.ends_with(quote) && !self.replacement.starts_with(quote) =>
            {
                format!("{quote}{}{quote}", self.replacement)
            }
            _ => self.replacement.clone(),
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// A sentence that stands alone: lower case, no full stop, input in backticks.
    pub message: String,
    /// The smallest place that shows the mistake.
    pub primary: Label,
    /// Other places that it takes to understand it.
    pub secondary: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
    /// The same as text, where one replacement mends it.
    pub edit: Option<Edit>,
    severity: Severity,
}

impl Diagnostic {
    /// A finding at a place.
    pub(crate) fn new(rule: &'static Rule, span: Span, message: impl Into<String>) -> Self {
        let primary = Label { span, text: String::new() };
        Self {
            rule,
            message: message.into(),
            primary,
            secondary: Vec::new(),
            help: None,
            edit: None,
            severity: rule.severity,
        }
    }

    /// With these words at the place.
    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// With another place.
    pub(crate) fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// With advice.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// As [`Self::help`], where there may be none.
    pub(crate) fn maybe_help(mut self, text: Option<String>) -> Self {
        self.help = text.or(self.help);
        self
    }

    /// With a correction that a program can make.
    pub(crate) fn edit(mut self, span: Span, replacement: impl Into<String>, safety: Safety) -> Self {
        self.edit = Some(Edit { span, replacement: replacement.into(), safety });
        self
    }

    /// With quotes around a plain value, which may be what was meant.
    pub(crate) fn quote(self, text: &str, span: Span) -> Self {
        // What needs escapes in quotes is no slip.
        let is_plain = !text.contains(['"', '\\']) && !text.contains(char::is_control);
        if is_plain && mask::find(text, 0).is_none() {
            self.edit(span, format!("\"{text}\""), Safety::Unsafe)
        } else {
            self
        }
    }

    /// With the nearest known name, or else with all of them: `NOUN: a, b`.
    pub(crate) fn suggest<'a>(
        self,
        written: &str,
        known: impl IntoIterator<Item = &'a str>,
        noun: &str,
        safety: Safety,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let span = self.primary.span;
        match nearest::nearest(written, known.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")).edit(span, near, safety),
            None => self.maybe_help(nearest::suggest(written, known, noun)),
        }
    }

    /// How bad it is here: as the rule says, unless the caller has denied it.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Its stable code, `PAI0301`.
    pub fn code(&self) -> &'static str {
        self.rule.code
    }
}

/// Findings, by file and place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub(crate) fn extend(&mut self, others: impl IntoIterator<Item = Diagnostic>) {
        self.found.extend(others);
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.found.retain(keep);
    }

    /// In final order, each said once.
    pub(crate) fn sorted(mut self) -> Self {
        self.found.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut seen = BTreeSet::new();
        self.found.retain(|d| seen.insert((d.primary.span, d.rule.code, d.message.clone())));
        self
    }

    /// The findings, first place first.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found.iter()
    }

    /// The first so many.
    #[must_use]
    pub fn first(&self, most: usize) -> Self {
        Self { found: self.found.iter().take(most).cloned().collect() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether a bundle must not be built.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.iter().filter(|diagnostic| diagnostic.severity() == severity).count()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}

fn key(diagnostic: &Diagnostic) -> (Span, &'static str, &str) {
    (diagnostic.primary.span, diagnostic.rule.code, &diagnostic.message)
}
