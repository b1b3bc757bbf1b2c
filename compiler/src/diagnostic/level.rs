//! What the caller makes of warnings: allowed, shown, or as bad as errors.

use std::collections::BTreeMap;

use super::{Diagnostics, Rule, Severity};

/// What becomes of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is not shown.
    Allow,
    /// It is shown.
    Warn,
    /// It is an error.
    Deny,
}

/// Levels by code, and one for all other warnings.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    rules: BTreeMap<&'static str, Level>,
    others: Option<Level>,
}

/// A level that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LevelError {
    /// Errors stay errors.
    #[error("{0} is an error, and errors can be neither allowed nor made warnings")]
    Error(&'static str),
    /// Two levels for one thing.
    #[error("`{0}` is given two levels")]
    Twice(String),
}

impl Levels {
    /// Sets the level of a rule's warnings.
    ///
    /// # Errors
    /// Where the rule finds errors and the level would hide them, or the rule has another level already.
    pub fn set(&mut self, rule: &'static Rule, level: Level) -> Result<(), LevelError> {
        if rule.severity == Severity::Error && level != Level::Deny {
            return Err(LevelError::Error(rule.code));
        }
        match self.rules.insert(rule.code, level) {
            Some(before) if before != level => Err(LevelError::Twice(rule.code.to_owned())),
            _ => Ok(()),
        }
    }

    /// Sets the level of all warnings that have none of their own.
    ///
    /// # Errors
    /// Where there is another one already.
    pub fn set_others(&mut self, level: Level) -> Result<(), LevelError> {
        match self.others.replace(level) {
            Some(before) if before != level => Err(LevelError::Twice("warnings".to_owned())),
            _ => Ok(()),
        }
    }

    fn of(&self, rule: &Rule) -> Level {
        self.rules.get(rule.code).copied().or(self.others).unwrap_or(Level::Warn)
    }
}

impl Diagnostics {
    /// The findings as these levels have them.
    #[must_use]
    pub fn at(mut self, levels: &Levels) -> Self {
        self.found.retain_mut(|diagnostic| {
            if diagnostic.severity == Severity::Error {
                return true;
            }
            let level = levels.of(diagnostic.rule);
            if level == Level::Deny {
                diagnostic.severity = Severity::Error;
            }
            level != Level::Allow
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sources, check};

    const IDLE: &str = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a} # pai: allow PAI0310\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";

    fn found(levels: &Levels) -> Diagnostics {
        crate::check(&Sources::new([("a.yaml", IDLE)])).at(levels)
    }

    #[test]
    fn warnings_are_what_the_caller_makes_of_them() {
        let rule = check::rule("PAI0501").expect("a rule");
        assert_eq!(found(&Levels::default()).count(Severity::Warning), 1);
        let mut levels = Levels::default();
        levels.set_others(Level::Deny).expect("set");
        assert!(found(&levels).has_errors());
        // A code of its own counts more than all of them.
        levels.set(rule, Level::Allow).expect("set");
        assert!(found(&levels).is_empty());
        assert_eq!(levels.set(rule, Level::Deny), Err(LevelError::Twice("PAI0501".to_owned())));
    }

    #[test]
    fn errors_cannot_be_hidden() {
        let rule = check::rule("literal-secret").expect("a rule");
        let mut levels = Levels::default();
        assert_eq!(levels.set(rule, Level::Allow), Err(LevelError::Error("PAI0305")));
        assert_eq!(levels.set(rule, Level::Warn), Err(LevelError::Error("PAI0305")));
        assert_eq!(levels.set(rule, Level::Deny), Ok(()));
    }
}
