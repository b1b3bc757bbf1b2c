//! What the compiler has to say: findings with exact places, sorted, without repetitions.

use std::collections::BTreeSet;

pub(crate) mod rule;
pub(crate) mod mask;
pub(crate) mod nearest;
pub mod reference;
pub mod render;

pub use rule::Rule;

use crate::source::Span;

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
}

impl Diagnostic {
    /// A finding at a place.
    pub(crate) fn new(rule: &'static Rule, span: Span, message: impl Into<String>) -> Self {
        let primary = Label { span, text: String::new() };
        Self { rule, message: message.into(), primary, secondary: Vec::new(), help: None }
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

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.rule.severity
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
