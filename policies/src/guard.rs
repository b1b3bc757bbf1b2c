//! What guards found in a request, as policies see it: `context.guard`.

use std::collections::BTreeSet;

use pai_bundle::guard::PerMille;

/// The worst that any guard said of one kind of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardVerdict {
    /// `injection`, `jailbreak`, or a classifier's own word, in small letters; empty where nothing was found.
    pub label: String,
    /// How sure it is.
    pub score: PerMille,
}

/// What guards said of a request, or of the answer to it. Nothing where none is attached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardFacts {
    /// Of user turns.
    pub prompts: GuardVerdict,
    /// Of the instructions before the conversation.
    pub system: GuardVerdict,
    /// Of results of tools.
    pub tool_results: GuardVerdict,
    /// Of the answer; nothing before there is one.
    pub responses: GuardVerdict,
    /// Where scores reached the binding's thresholds, as [`pai_bundle::guard::flag`] names it.
    pub hits: BTreeSet<String>,
    /// Where a classifier did not judge, named the same way.
    pub failures: BTreeSet<String>,
    /// Whether the request carries what no guard can read: pictures, files.
    pub unread: bool,
}

impl GuardFacts {
    /// No guard, or nothing found.
    pub const NONE: Self = Self {
        prompts: GuardVerdict::NONE,
        system: GuardVerdict::NONE,
        tool_results: GuardVerdict::NONE,
        responses: GuardVerdict::NONE,
        hits: BTreeSet::new(),
        failures: BTreeSet::new(),
        unread: false,
    };

    /// Whether a guard of anybody's has something to object to: a hit, or a classifier that did not judge.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        !(self.hits.is_empty() && self.failures.is_empty())
    }
}

impl GuardVerdict {
    /// Nothing found.
    pub const NONE: Self = Self { label: String::new(), score: PerMille(0) };

    /// Keeps whichever is worse.
    pub fn raise(&mut self, label: &str, score: PerMille) {
        if score > self.score {
            *self = Self { label: label.to_lowercase(), score };
        }
    }
}
