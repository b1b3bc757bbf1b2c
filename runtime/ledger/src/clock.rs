//! Where the time of day comes from, and the rule that no day opens twice.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pai_bundle::unit::{UnixSeconds, UtcDay};

/// Both clocks of a machine, looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What the wall clock says, in UTC. Somebody may set it, forwards or back.
    pub wall: UnixSeconds,
    /// What nobody sets. It may stand still while the machine sleeps.
    pub steady: Instant,
}

/// The clocks, as a parameter. Waits and timeouts do not use it.
pub trait Clock: Send + Sync {
    /// Both clocks.
    fn look(&self) -> Moment;

    /// What the wall clock says.
    fn now(&self) -> UnixSeconds {
        self.look().wall
    }
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn look(&self) -> Moment {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = UnixSeconds(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX));
        Moment { wall, steady: Instant::now() }
    }
}

/// Clocks that a test sets.
#[derive(Debug)]
pub struct ManualClock(Mutex<Moment>);

impl ManualClock {
    /// Clocks that stand at `now`.
    pub fn at(now: UnixSeconds) -> Self {
        Self(Mutex::new(Moment { wall: now, steady: Instant::now() }))
    }

    /// Moves to `now`: forwards by letting that much time pass, back by [`ManualClock::turn`].
    pub fn set(&self, now: UnixSeconds) {
        let mut moment = self.moment();
        let passed = u64::try_from(now.0.saturating_sub(moment.wall.0)).unwrap_or(0);
        moment.steady += Duration::from_secs(passed);
        moment.wall = now;
    }

    /// Sets the wall clock alone, as an operator or a wrong time server does: no time passes.
    pub fn turn(&self, now: UnixSeconds) {
        self.moment().wall = now;
    }

    fn moment(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn look(&self) -> Moment {
        *self.moment()
    }
}

/// The day that a request made `now` belongs to, when `latest` is the latest day that was ever charged.
///
/// A clock that steps back does not bring a spent day's rest, or a pruned day's whole budget, to life again. What
/// a restart remembers of `latest` is the youngest account in the store. Once a clock that stepped *forward* is
/// believed ([`crate::Calendar`]), everything goes to the day it named until it is right again, each account within its
/// limit.
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
