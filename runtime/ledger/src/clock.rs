//! Where the time of day comes from, and the rule that no day opens twice.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use pai_bundle::unit::{UnixSeconds, UtcDay};

/// The wall clock, as a parameter. Waits and timeouts do not use it.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> UnixSeconds;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixSeconds {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixSeconds(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
    }
}

/// A clock that a test sets.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: UnixSeconds) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves it, forwards or back.
    pub fn set(&self, now: UnixSeconds) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds(self.0.load(Ordering::SeqCst))
    }
}

/// The day that a request made `now` belongs to, when `latest` is the latest day that was ever charged.
///
/// A clock that steps back does not bring a spent day's rest, or a pruned day's whole budget, to life again. What
/// a restart remembers of `latest` is the youngest account in the store. A clock that steps *forward* is
/// believed: until it is right again, everything goes to the day it named, each account within its limit.
pub(crate) fn day_of(now: UnixSeconds, latest: UtcDay) -> UtcDay {
    UtcDay::containing(now).max(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_stays_in_the_latest_day() {
        let clock = ManualClock::at(UnixSeconds(10 * 86_400));
        assert_eq!(day_of(clock.now(), UtcDay(9)), UtcDay(10));
        clock.set(UnixSeconds(8 * 86_400));
        assert_eq!(day_of(clock.now(), UtcDay(10)), UtcDay(10));
    }
}
