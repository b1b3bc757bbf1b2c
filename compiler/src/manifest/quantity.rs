//! Numbers and points in time in manifests, in units that cannot be mistaken.

use std::borrow::Cow;

use pai_bundle::money::{NanoUsd, TokenPrice};
use pai_bundle::unit::{Tokens, UnixSeconds};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// The largest integer that every JSON reader keeps exactly.
const EXACT_MAX: u64 = 9_007_199_254_740_991;

/// A number of tokens, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenCount(u64);

impl TokenCount {
    pub(crate) fn tokens(self) -> Tokens {
        Tokens(self.0)
    }
}

impl JsonSchema for TokenCount {
    fn schema_name() -> Cow<'static, str> {
        "TokenCount".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": EXACT_MAX })
    }
}

/// A number of tokens, perhaps none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Balance(u64);

impl Balance {
    pub(crate) fn tokens(self) -> Tokens {
        Tokens(self.0)
    }
}

impl JsonSchema for Balance {
    fn schema_name() -> Cow<'static, str> {
        "Balance".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": EXACT_MAX })
    }
}

/// A number of things, at least one, at most what fits 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Count(pub(crate) u32);

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}

/// An amount of US dollars, exact to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "serde_json::Number")]
pub(crate) struct Usd {
    pub(crate) micros: u64,
}

impl Usd {
    pub(crate) fn nanos(self) -> NanoUsd {
        NanoUsd::from_micros(self.micros)
    }
}

/// Digits behind the point that are kept.
const USD_DECIMALS: usize = 6;

impl TryFrom<serde_json::Number> for Usd {
    type Error = &'static str;

    fn try_from(number: serde_json::Number) -> Result<Self, Self::Error> {
        const SHAPE: &str = "an amount in US dollars has at most six digits behind the point";
        let text = number.to_string();
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        if decimals.len() > USD_DECIMALS && decimals.trim_end_matches('0').len() > USD_DECIMALS {
            return Err(SHAPE);
        }
        let padded = format!("{decimals:0<USD_DECIMALS$}");
        let whole: u64 = whole.parse().map_err(|_| SHAPE)?;
        let decimals: u64 = padded.get(..USD_DECIMALS).and_then(|d| d.parse().ok()).ok_or(SHAPE)?;
        let micros = whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(decimals));
        micros.map(|micros| Self { micros }).ok_or("the amount is too large")
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000 })
    }
}

/// US dollars that are spent already, perhaps none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Spending(Usd);

impl Spending {
    pub(crate) fn nanos(self) -> NanoUsd {
        self.0.nanos()
    }
}

impl JsonSchema for Spending {
    fn schema_name() -> Cow<'static, str> {
        "Spending".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000_000 })
    }
}

/// What a million tokens cost in US dollars, perhaps nothing; exact to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct UsdPerMillion(Usd);

impl UsdPerMillion {
    /// Micro-dollars per million tokens are pico-dollars per token.
    pub(crate) fn price(self) -> TokenPrice {
        TokenPrice(self.0.micros)
    }
}

impl JsonSchema for UsdPerMillion {
    fn schema_name() -> Cow<'static, str> {
        "UsdPerMillion".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000 })
    }
}

/// A day, which is its first instant in UTC, or a time with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Moment(pub(crate) UnixSeconds);

impl TryFrom<String> for Moment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const SHAPE: &str = "neither a day nor a time with its offset";
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(UnixSeconds(instant.as_second())));
        }
        // jiff takes `2027-01-31T18:00` for a date as well; without an offset it is nobody's time.
        let date: jiff::civil::Date = text.parse().map_err(|_| SHAPE)?;
        if date.to_string() != text {
            return Err(SHAPE);
        }
        let start = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| SHAPE)?;
        Ok(Self(UnixSeconds(start.timestamp().as_second())))
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        super::text::MomentText::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        let micros = |text: &str| serde_json::from_str::<Usd>(text).map(|usd| usd.micros).ok();
        assert_eq!(micros("12"), Some(12_000_000));
        assert_eq!(micros("12.5"), Some(12_500_000));
        assert_eq!(micros("0.000001"), None, "written as 1e-6 once parsed");
        assert_eq!(micros("0.0001"), Some(100));
        assert_eq!(micros("0.12345678"), None);
        assert_eq!(micros("-1"), None);
    }

    #[test]
    fn a_day_is_its_start_in_utc() {
        let seconds = |text: &str| Moment::try_from(text.to_owned()).map(|moment| moment.0.0).ok();
        assert_eq!(seconds("2026-11-23"), Some(1_795_392_000));
        assert_eq!(seconds("2026-11-23T01:00:00+01:00"), Some(1_795_392_000));
        assert_eq!(seconds("2026-11-23T01:00:00"), None);
        assert_eq!(seconds("tomorrow"), None);
        assert_eq!(seconds("2026-02-30"), None);
    }
}
