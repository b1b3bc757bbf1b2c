//! Instants and durations as Cedar writes them, and the times at which comparisons with them change.

use std::collections::BTreeSet;

use pai_bundle::unit::UnixSeconds;

/// Since 1970-01-01T00:00:00Z, or since midnight, or a span of time.
pub(super) type Milliseconds = i64;

const DAY: Milliseconds = 86_400_000;

/// `2027-01-31`, `2027-01-31T18:00:00Z`, with milliseconds or an offset such as `+0100`.
pub(super) fn instant(text: &str) -> Option<Milliseconds> {
    if let Ok(date) = text.parse::<jiff::civil::Date>()
        && text.len() == 10
    {
        return Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond());
    }
    let zulu = text.strip_suffix('Z').map(|rest| format!("{rest}+0000"));
    let text = zulu.as_deref().unwrap_or(text);
    jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok().map(jiff::Timestamp::as_millisecond)
}

/// `1d2h3m4s5ms`, any part of it, with a sign.
pub(super) fn duration(text: &str) -> Option<Milliseconds> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut sum: Milliseconds = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: Milliseconds = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let units = [("ms", 1), ("d", DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        let (unit, length) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = rest.get(unit.len()..)?;
        sum = sum.checked_add(count.checked_mul(length)?)?;
    }
    Some(sign * sum)
}

pub(super) fn midnight(at: Milliseconds) -> Milliseconds {
    at.saturating_sub(at.rem_euclid(DAY))
}

pub(super) fn next_midnight(at: Milliseconds) -> Milliseconds {
    midnight(at).saturating_add(DAY)
}

/// From `from` on, a second on each side of every change: `from` itself, the instants, and the times of day within a
/// day of `from` and of each instant.
pub(super) fn times(
    from: UnixSeconds,
    instants: &BTreeSet<Milliseconds>,
    times_of_day: &BTreeSet<Milliseconds>,
) -> Vec<UnixSeconds> {
    let start = from.0.saturating_mul(1000);
    let mut changes: BTreeSet<Milliseconds> = instants.clone();
    if !times_of_day.is_empty() {
        for at in instants.iter().copied().chain([start]) {
            let days = [midnight(at), next_midnight(at)];
            let times = times_of_day.iter().copied().chain([0]);
            let times = times.flat_map(|time| days.map(|day| day.saturating_add(time)));
            changes.extend(times.filter(|change| *change > at && *change <= at.saturating_add(DAY)));
        }
    }
    let mut seconds = BTreeSet::new();
    for change in changes {
        let second = change.div_euclid(1000);
        seconds.extend([second.saturating_sub(1), second, second.saturating_add(1)]);
    }
    let later = seconds.into_iter().filter(|second| *second > from.0).map(UnixSeconds);
    std::iter::once(from).chain(later).collect()
}

/// As people and `--at` write it.
pub(in crate::inspect) fn written(at: UnixSeconds) -> String {
    jiff::Timestamp::from_second(at.0).map_or_else(|_| at.0.to_string(), |instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_durations_are_read_as_cedar_reads_them() {
        for (text, expected) in [
            ("2027-01-31", Some(1_801_353_600_000)),
            ("2027-01-31T00:00:01Z", Some(1_801_353_601_000)),
            ("2027-01-31T00:00:00.250Z", Some(1_801_353_600_250)),
            ("2027-01-31T01:00:00+0100", Some(1_801_353_600_000)),
            ("2027-01-31T01:00:00.5+0100", Some(1_801_353_600_500)),
            ("soon", None),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
        for (text, expected) in [
            ("8h", Some(28_800_000)),
            ("1d2h3m4s5ms", Some(93_784_005)),
            ("-90m", Some(-5_400_000)),
            ("8", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
