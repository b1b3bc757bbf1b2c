//! Since when: accounts are per UTC day, so periods are too.

use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::Args;
use miette::miette;
use pai_bundle::unit::UtcDay;
use pai_ledger::{Clock, SystemClock};

/// Which days.
#[derive(Debug, Args)]
pub(crate) struct Period {
    /// From when on: so many days up to now (7d), a day (2026-11-23), or `today`.
    #[arg(long, value_name = "TIME", default_value = "today")]
    since: Since,
    /// Up to which day, as 2026-11-23 [default: today].
    #[arg(long, value_name = "DAY")]
    until: Option<UtcDay>,
}

impl Period {
    /// The days that are meant; none is a slip.
    pub(crate) fn days(&self) -> miette::Result<RangeInclusive<UtcDay>> {
        let days = self.since.days(self.until.unwrap_or_else(today));
        if days.is_empty() {
            return Err(miette!("there is no day from {} to {}", days.start(), days.end()));
        }
        Ok(days)
    }
}

/// The current day.
pub(crate) fn today() -> UtcDay {
    UtcDay::containing(SystemClock.now())
}

/// `7d`, `2026-11-23`, `today`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// So many days, the current one among them.
    Days(u32),
    /// From this day on.
    Day(UtcDay),
}

impl Since {
    /// The days that are meant, up to this one.
    fn days(self, last: UtcDay) -> RangeInclusive<UtcDay> {
        match self {
            Self::Days(count) => UtcDay(last.0.saturating_sub(count.saturating_sub(1)))..=last,
            Self::Day(day) => day..=last,
        }
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write a number of days such as 7d, a day such as 2026-11-23, or `today`";
        if text == "today" {
            return Ok(Self::Days(1));
        }
        if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse().ok()) {
            return if days == 0 {
                Err("the shortest period is 1d, which is today")
            } else {
                Ok(Self::Days(days))
            };
        }
        text.parse().map(Self::Day).map_err(|_| FORM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_with_the_last_day() {
        for (text, from) in [
            ("today", "2026-11-23"),
            ("1d", "2026-11-23"),
            ("7d", "2026-11-17"),
            ("2026-10-31", "2026-10-31"),
        ] {
            let days = text.parse::<Since>().expect("a period").days("2026-11-23".parse().expect("a day"));
            assert_eq!(
                (days.start().to_string().as_str(), days.end().to_string().as_str()),
                (from, "2026-11-23")
            );
        }
        for wrong in ["", "d", "0d", "-1d", "7", "7h", "yesterday"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
