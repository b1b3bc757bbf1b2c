//! Whose tokens are counted: an account is a scope, a name and a day.

use std::fmt;

use pai_bundle::limit::Scope;
use pai_bundle::unit::UtcDay;
use smol_str::SmolStr;

use crate::quantity::{Caps, Quantity, Unit};

/// One budget on one day. The day is part of the key, so nothing is reset at midnight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// Whose tokens.
    pub scope: Scope,
    /// `namespace/name` of the provider, agent or key.
    pub name: SmolStr,
    /// In UTC.
    pub day: UtcDay,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` on {}", self.scope, self.name, self.day)
    }
}

/// An account that a request is counted in, with its caps as the bundle of that moment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The account.
    pub account: Account,
    /// At most this much in its day; without a cap it is counted all the same.
    pub limit: Caps,
}

/// What an account has used and what requests under way may still use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Used: known, estimated, or counted from a mark after a crash.
    pub settled: Quantity,
    /// Set aside for requests under way.
    pub held: Quantity,
}

impl Balance {
    /// Both together: what no longer is free.
    pub fn used(self) -> Quantity {
        self.settled.saturating_add(self.held)
    }
}

/// What a request asked of an account, and what was left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The account.
    pub account: Account,
    /// What there was too little of.
    pub unit: Unit,
    /// The cap.
    pub limit: u64,
    /// What was used.
    pub settled: u64,
    /// What other requests under way hold.
    pub held: u64,
    /// What this one asked for.
    pub asked: u64,
}

impl Shortage {
    /// Whether it would fit, were nothing held: the end of another request may make room.
    pub fn is_held_by_others(&self) -> bool {
        self.settled.checked_add(self.asked).is_some_and(|used| used <= self.limit)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, unit, limit, settled, held, asked } = self;
        let show = |amount: &u64| unit.show(*amount);
        write!(
            f,
            "{} do not fit: {account} has used {} and holds {} of {}",
            show(asked),
            show(settled),
            show(held),
            show(limit)
        )
    }
}
