//! How long something is ago, in one unit: `5s`, `12m`, `5h`, `2d`, `3y`.

use std::time::UNIX_EPOCH;

use pai_bundle::unit::UnixSeconds;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// From one instant to another. What lies in the future, as clocks have it, is just now.
pub(in crate::command) fn between(from: UnixSeconds, to: UnixSeconds) -> String {
    let seconds = u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
    // One unit says enough once there are two of it, as kubectl has it.
    let units =
        [(2 * YEAR, YEAR, 'y'), (2 * DAY, DAY, 'd'), (2 * HOUR, HOUR, 'h'), (2 * MINUTE, MINUTE, 'm')];
    let unit = units.into_iter().find(|(least, ..)| seconds >= *least);
    unit.map_or_else(|| format!("{seconds}s"), |(_, unit, letter)| format!("{}{letter}", seconds / unit))
}

/// When a file was changed.
pub(in crate::command) fn of_file(path: &str) -> Option<UnixSeconds> {
    let changed = std::fs::metadata(path).and_then(|file| file.modified()).ok()?;
    let seconds = changed.duration_since(UNIX_EPOCH).ok()?.as_secs();
    i64::try_from(seconds).ok().map(UnixSeconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, expected) in [
            (-5, "0s"),
            (0, "0s"),
            (5, "5s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (5 * 3_600, "5h"),
            (172_799, "47h"),
            (172_800, "2d"),
            (729 * 86_400, "729d"),
            (730 * 86_400, "2y"),
        ] {
            assert_eq!(between(UnixSeconds(1_000), UnixSeconds(1_000 + seconds)), expected);
        }
    }
}
