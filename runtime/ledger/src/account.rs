//! Whose tokens are counted: an account is a scope, a name and a day.

use std::fmt;

use pai_bundle::limit::Scope;
use pai_bundle::unit::{Tokens, UtcDay};

/// One budget on one day. The day is part of the key, so nothing is reset at midnight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// Whose tokens.
    pub scope: Scope,
    /// `namespace/name` of the provider, agent or key.
    pub name: String,
    /// In UTC.
    pub day: UtcDay,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` on {}", self.scope, self.name, self.day)
    }
}

/// An account that a request is counted in, with its cap as the bundle of that moment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The account.
    pub account: Account,
    /// At most this many tokens in its day; without one it is counted all the same.
    pub limit: Option<Tokens>,
}

/// What an account has used and what requests under way may still use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Used: known, estimated, or counted from a mark after a crash.
    pub settled: Tokens,
    /// Set aside for requests under way.
    pub held: Tokens,
}

impl Balance {
    /// Both together: what no longer is free.
    pub fn used(self) -> Tokens {
        self.settled.saturating_add(self.held)
    }
}
