//! Money as integers: what tokens cost, and what an account may cost in a day. No floats, no wrap-around.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::unit::Tokens;

/// Nano-dollars in a micro-dollar.
const NANO_PER_MICRO: u64 = 1_000;

/// Thousand-millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// More than any budget can hold: what a sum becomes that does not fit.
    pub const MAX: Self = Self(u64::MAX);

    /// Millionths of a dollar, as manifests are read; what does not fit becomes [`NanoUsd::MAX`].
    #[must_use]
    pub fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(NANO_PER_MICRO))
    }

    /// The least number of millionths of a dollar that is not less.
    pub fn micros_above(self) -> u64 {
        self.0.div_ceil(NANO_PER_MICRO)
    }

    /// The sum, or [`NanoUsd::MAX`].
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// In dollars, to be shown: exact as far as people write amounts, and never computed with.
    #[expect(clippy::cast_precision_loss, reason = "for eyes only")]
    pub fn in_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// As Cedar's signed integer; anything above its range becomes the largest one, which every cap refuses.
    pub fn as_cedar_long(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

/// In dollars, with as many digits as it has and at least two: `0.00`, `12.50`, `0.000003`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let digits = format!("{nanos:09}");
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "{whole}.{}", digits.get(..kept).unwrap_or(&digits))
    }
}

/// A text that is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount in US dollars: write it as 12.50, with at most nine digits behind the point")]
pub struct MoneyError(String);

impl FromStr for NanoUsd {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let wrong = || MoneyError(text.to_owned());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(decimals) || decimals.len() > 9 {
            return Err(wrong());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let nanos: u64 = format!("{decimals:0<9}").parse().map_err(|_| wrong())?;
        whole
            .checked_mul(1_000_000_000)
            .and_then(|whole| whole.checked_add(nanos))
            .map(Self)
            .ok_or_else(wrong)
    }
}

/// What one token costs, in million-millionths of a US dollar: the same number as micro-dollars per million tokens,
/// so that every list price is a whole number (0.0375 dollars per million tokens are 37,500).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenPrice(pub u64);

impl TokenPrice {
    /// In million-millionths of a dollar, exact.
    pub fn times(self, tokens: Tokens) -> u128 {
        u128::from(self.0) * u128::from(tokens.0)
    }
}

/// A sum of [`TokenPrice::times`] as money, rounded up: what is charged is never less than what it costs.
pub fn round_up(pico_usd: u128) -> NanoUsd {
    NanoUsd(u64::try_from(pico_usd.div_ceil(1_000)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_written_with_the_digits_they_have() {
        for (nano, text) in [
            (0, "0.00"),
            (12_500_000_000, "12.50"),
            (3_000, "0.000003"),
            (1, "0.000000001"),
            (u64::MAX, "18446744073.709551615"),
        ] {
            assert_eq!(NanoUsd(nano).to_string(), text);
            assert_eq!(text.parse(), Ok(NanoUsd(nano)));
        }
        assert_eq!(NanoUsd::from_micros(1_500_000).to_string(), "1.50");
    }

    #[test]
    fn what_is_no_amount_is_said() {
        for wrong in
            ["", ".", "1.", ".5", "-1", "1e3", "1_000", "0.0000000001", "18446744073.709551616", "12 "]
        {
            assert!(wrong.parse::<NanoUsd>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn fractions_are_rounded_up_and_nothing_wraps() {
        assert_eq!(round_up(TokenPrice(37_500).times(Tokens(1))), NanoUsd(38));
        assert_eq!(round_up(TokenPrice(3_000_000).times(Tokens(1_000_000))).to_string(), "3.00");
        assert_eq!(round_up(TokenPrice(u64::MAX).times(Tokens::MAX)), NanoUsd::MAX);
        assert_eq!(NanoUsd::MAX.saturating_add(NanoUsd(1)), NanoUsd::MAX);
    }
}
