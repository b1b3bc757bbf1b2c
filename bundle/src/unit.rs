//! Tokens and days: the integers that budgets are made of. No floats, no wrap-around.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of tokens, all classes counted in full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tokens(pub u64);

impl Tokens {
    /// No tokens.
    pub const ZERO: Self = Self(0);
    /// More than any budget can hold: what a sum becomes that does not fit.
    pub const MAX: Self = Self(u64::MAX);

    /// The sum, or [`Tokens::MAX`]: a bound that saturates refuses, it never wraps to something small.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product, or [`Tokens::MAX`].
    #[must_use]
    pub fn saturating_mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// The sum, if it fits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// As Cedar's signed integer; anything above its range becomes the largest one, which every cap refuses.
    pub fn as_cedar_long(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

/// Seconds in a UTC day; UTC as computers keep it has no leap seconds.
const SECONDS_PER_DAY: i64 = 86_400;

/// A day in UTC, counted from 1970-01-01. Part of an account's key, so nothing is reset at midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtcDay(pub u32);

impl UtcDay {
    /// The day an instant lies in; instants before 1970 lie in day 0.
    pub fn containing(instant: UnixSeconds) -> Self {
        Self(u32::try_from(instant.0.div_euclid(SECONDS_PER_DAY)).unwrap_or(0))
    }

    /// The first instant of the following day, when this day's budgets are fresh again.
    pub fn end(self) -> UnixSeconds {
        UnixSeconds((i64::from(self.0) + 1) * SECONDS_PER_DAY)
    }

    /// Seconds left of this day at `instant`, at least one.
    pub fn seconds_left(self, instant: UnixSeconds) -> u64 {
        u64::try_from(self.end().0 - instant.0).unwrap_or(1).max(1)
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(i64::from(self.0) * SECONDS_PER_DAY) {
            Ok(start) => write!(f, "{}", start.strftime("%Y-%m-%d")),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

/// A text that is not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a day: write it as 2026-11-23")]
pub struct DayError(String);

impl FromStr for UtcDay {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let wrong = || DayError(text.to_owned());
        let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
        Ok(Self::containing(UnixSeconds(start.timestamp().as_second())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_date() {
        let day = UtcDay::containing(UnixSeconds(1_795_392_000));
        assert_eq!(day.to_string(), "2026-11-23");
        assert_eq!("2026-11-23".parse(), Ok(day));
        assert_eq!(UtcDay::containing(UnixSeconds(1_795_392_000 - 1)).to_string(), "2026-11-22");
    }

    #[test]
    fn the_rest_of_a_day_is_never_zero() {
        let day = UtcDay(0);
        assert_eq!(day.seconds_left(UnixSeconds(0)), 86_400);
        assert_eq!(day.seconds_left(UnixSeconds(86_399)), 1);
        assert_eq!(day.seconds_left(UnixSeconds(100_000)), 1);
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(Tokens::MAX.saturating_add(Tokens(1)), Tokens::MAX);
        assert_eq!(Tokens::MAX.as_cedar_long(), i64::MAX);
    }
}
