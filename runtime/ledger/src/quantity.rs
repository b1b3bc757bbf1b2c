//! What an account counts: tokens and what they cost, side by side. Either may be capped; both are held and settled.

use pai_bundle::money::NanoUsd;
use pai_bundle::unit::Tokens;

/// Tokens, and their price in nano-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantity {
    /// How many.
    pub tokens: Tokens,
    /// What they cost.
    pub cost: NanoUsd,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { tokens: Tokens::ZERO, cost: NanoUsd::ZERO };
    /// More than any cap.
    pub const MAX: Self = Self { tokens: Tokens::MAX, cost: NanoUsd::MAX };

    /// Both sums, each saturated.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// Both differences, each at least zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// Both differences, unless one is below zero.
    pub(crate) fn checked_sub(self, other: Self) -> Option<Self> {
        let tokens = self.tokens.0.checked_sub(other.tokens.0).map(Tokens)?;
        let cost = self.cost.0.checked_sub(other.cost.0).map(NanoUsd)?;
        Some(Self { tokens, cost })
    }

    /// Whether neither is above that of the other.
    pub fn is_within(self, other: Self) -> bool {
        self.tokens <= other.tokens && self.cost <= other.cost
    }

    /// One of the two, as a number.
    pub fn of(self, unit: Unit) -> u64 {
        match unit {
            Unit::Tokens => self.tokens.0,
            Unit::NanoUsd => self.cost.0,
        }
    }

    /// A rule for numbers, applied to tokens and to costs.
    pub(crate) fn each(rule: impl Fn(Unit) -> u64) -> Self {
        Self { tokens: Tokens(rule(Unit::Tokens)), cost: NanoUsd(rule(Unit::NanoUsd)) }
    }

    pub(crate) fn zip(self, other: Self, rule: impl Fn(u64, u64) -> u64) -> Self {
        Self::each(|unit| rule(self.of(unit), other.of(unit)))
    }
}

/// Tokens that nobody has to pay for.
impl From<Tokens> for Quantity {
    fn from(tokens: Tokens) -> Self {
        Self { tokens, cost: NanoUsd::ZERO }
    }
}

/// Which of the two numbers of a [`Quantity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Tokens.
    Tokens,
    /// Their price.
    NanoUsd,
}

impl Unit {
    /// Both, in the order in which a refusal names them.
    pub const ALL: [Self; 2] = [Self::Tokens, Self::NanoUsd];

    /// An amount for people: `500 tokens`, `12.50 USD`.
    pub fn show(self, amount: u64) -> String {
        match self {
            Self::Tokens => format!("{amount} tokens"),
            Self::NanoUsd => format!("{} USD", NanoUsd(amount)),
        }
    }
}

/// The most that an account may come to in its day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caps {
    /// In tokens; `None` counts without a limit.
    pub tokens: Option<Tokens>,
    /// In money.
    pub cost: Option<NanoUsd>,
}

impl Caps {
    /// No limit at all.
    pub const NONE: Self = Self { tokens: None, cost: None };

    /// A cap on tokens alone.
    pub fn of_tokens(tokens: Tokens) -> Self {
        Self { tokens: Some(tokens), cost: None }
    }

    /// One of the two, as a number.
    pub fn of(self, unit: Unit) -> Option<u64> {
        match unit {
            Unit::Tokens => self.tokens.map(|cap| cap.0),
            Unit::NanoUsd => self.cost.map(|cap| cap.0),
        }
    }

    /// Whether anything is capped.
    pub fn is_some(self) -> bool {
        self != Self::NONE
    }

    /// The stricter of both, one by one.
    pub(crate) fn stricter(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.into_iter().chain(other.tokens).min(),
            cost: self.cost.into_iter().chain(other.cost).min(),
        }
    }
}

impl From<Option<Tokens>> for Caps {
    fn from(tokens: Option<Tokens>) -> Self {
        Self { tokens, cost: None }
    }
}
