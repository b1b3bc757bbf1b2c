//! Which time of day is believed: a wall clock that has jumped ahead is looked at a second time before it opens a day.
//!
//! A day that is open stays open, so a single wrong look would move everybody to another day's budget until that day has
//! come. What tells a jump from time that passed is the steady clock, which nobody sets. A jump need not be wrong: a
//! machine that slept all night makes one, since its steady clock slept as well. So it is confirmed without anybody's
//! help, by the clock saying the same a few seconds later; until then the believed time runs on with the steady clock.
//!
//! There is nothing to compare the first look of a process with. The latest day in the store holds all the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pai_bundle::unit::UnixSeconds;

use crate::clock::{Clock, Moment};

/// A clock that is further ahead than this has jumped. Corrections by time servers, leap seconds and their smears, and the
/// drift of two clocks between two looks are far below; a day that opens ten minutes early is charged to its own budget.
const JUMP_SECONDS: i64 = 600;

/// How long after the first look the second one counts. A reading between two steps of a time server is gone by then.
/// A laptop that wakes has its new day in six seconds (the first look comes within one), about what its network takes.
const CONFIRM_AFTER: Duration = Duration::from_secs(5);

/// Two looks say the same if the wall clock went as far as the steady one between them, up to the seconds that both are
/// rounded to.
const AGREES_WITHIN_SECONDS: u64 = 2;

/// How often [`Calendar::watch`] looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A clock, and which of its times is believed. One for each ledger.
pub struct Calendar {
    clock: Arc<dyn Clock>,
    belief: Mutex<Belief>,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// What the wall clock says: when credentials expire, and what is written down.
    pub wall: UnixSeconds,
    /// What days are counted by, and what a [`crate::Ledger`] is to be told. Differs while a jump is unconfirmed.
    pub believed: UnixSeconds,
}

impl std::fmt::Debug for Calendar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calendar").field("belief", &self.belief).finish_non_exhaustive()
    }
}

impl Calendar {
    /// Believes what the clock says now.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let belief = Mutex::new(Belief::new(clock.look()));
        Self { clock, belief }
    }

    /// Looks at the clock.
    pub fn look(&self) -> Sight {
        let mut belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: a look that was taken before a jump must not be counted as one after it.
        let moment = self.clock.look();
        let change = belief.look(moment);
        let believed = belief.time(moment);
        drop(belief);
        match change {
            Some(Change::Jumped { seconds }) => {
                tracing::warn!(seconds, believed = believed.0, "clock.jumped");
            }
            Some(Change::Confirmed { seconds }) => {
                tracing::warn!(seconds, believed = believed.0, "clock.confirmed");
            }
            Some(Change::Corrected) => tracing::warn!(believed = believed.0, "clock.corrected"),
            None => {}
        }
        Sight { wall: moment.wall, believed }
    }

    /// How many seconds ahead the clock was when it was looked at last, while that is not believed yet. Does not look.
    pub fn doubted_seconds(&self) -> Option<i64> {
        let belief = self.belief.lock().unwrap_or_else(PoisonError::into_inner);
        belief.doubt.map(|doubt| doubt.offset.saturating_sub(belief.offset))
    }

    /// Looks once a second, for ever, so that a jump is confirmed before a request asks which day it is.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look();
        }
    }
}

/// What is believed, as an offset: how many seconds the wall clock is ahead of the steady one. Pure.
#[derive(Debug)]
pub(crate) struct Belief {
    /// Where the steady clock is counted from.
    origin: Instant,
    offset: i64,
    doubt: Option<Doubt>,
}

/// A jump that was seen once.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    offset: i64,
    since: Instant,
}

/// What a look changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Ahead by so much, and not believed yet.
    Jumped { seconds: i64 },
    /// The second look agreed with the first: the jump is believed.
    Confirmed { seconds: i64 },
    /// The jump was taken back before it was believed.
    Corrected,
}

impl Belief {
    pub(crate) fn new(first: Moment) -> Self {
        Self { origin: first.steady, offset: first.wall.0, doubt: None }
    }

    pub(crate) fn look(&mut self, moment: Moment) -> Option<Change> {
        let offset = moment.wall.0.saturating_sub(self.running(moment));
        let seconds = offset.saturating_sub(self.offset);
        if seconds <= JUMP_SECONDS {
            // A step back is believed too: the latest day bounds it.
            self.offset = offset;
            return self.doubt.take().map(|_| Change::Corrected);
        }
        match self.doubt.filter(|doubt| doubt.offset.abs_diff(offset) <= AGREES_WITHIN_SECONDS) {
            None => {
                self.doubt = Some(Doubt { offset, since: moment.steady });
                Some(Change::Jumped { seconds })
            }
            Some(doubt) if moment.steady.saturating_duration_since(doubt.since) < CONFIRM_AFTER => None,
            Some(_) => {
                self.offset = offset;
                self.doubt = None;
                Some(Change::Confirmed { seconds })
            }
        }
    }

    pub(crate) fn time(&self, moment: Moment) -> UnixSeconds {
        UnixSeconds(self.offset.saturating_add(self.running(moment)))
    }

    /// Whole seconds on the steady clock.
    fn running(&self, moment: Moment) -> i64 {
        let running = moment.steady.saturating_duration_since(self.origin).as_secs();
        i64::try_from(running).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const EVENING: i64 = 100 * 86_400 + 80_000;
    const MORNING: i64 = 101 * 86_400 + 30_000;
    const CONFIRM_SECONDS: i64 = 5;

    fn calendar() -> (Arc<ManualClock>, Calendar) {
        let clock = Arc::new(ManualClock::at(UnixSeconds(EVENING)));
        (Arc::clone(&clock), Calendar::new(clock))
    }

    /// The time that is believed when the wall clock says `wall`, as time passes.
    fn passing(clock: &ManualClock, calendar: &Calendar, wall: i64) -> i64 {
        clock.set(UnixSeconds(wall));
        let sight = calendar.look();
        assert_eq!(sight.wall, UnixSeconds(wall));
        sight.believed.0
    }

    /// The same when somebody turns it.
    fn turned(clock: &ManualClock, calendar: &Calendar, wall: i64) -> i64 {
        clock.turn(UnixSeconds(wall));
        calendar.look().believed.0
    }

    #[test]
    fn time_that_passes_is_believed_however_long_nobody_looked() {
        let (clock, calendar) = calendar();
        for wall in [EVENING, EVENING + 1, MORNING, MORNING + 40 * 86_400] {
            assert_eq!(passing(&clock, &calendar, wall), wall);
        }
    }

    #[test]
    fn a_jump_is_believed_at_the_second_look_and_not_before_its_time() {
        let (clock, calendar) = calendar();
        assert_eq!(turned(&clock, &calendar, MORNING), EVENING);
        assert_eq!(calendar.doubted_seconds(), Some(MORNING - EVENING));
        assert_eq!(calendar.look().believed.0, EVENING, "looking twice at once is one look");
        for second in 1..CONFIRM_SECONDS {
            assert_eq!(passing(&clock, &calendar, MORNING + second), EVENING + second);
        }
        assert_eq!(passing(&clock, &calendar, MORNING + CONFIRM_SECONDS), MORNING + CONFIRM_SECONDS);
        assert_eq!(calendar.doubted_seconds(), None);
    }

    #[test]
    fn the_second_look_may_come_late() {
        let (clock, calendar) = calendar();
        turned(&clock, &calendar, MORNING);
        assert_eq!(passing(&clock, &calendar, MORNING + 7_000), MORNING + 7_000);
    }

    #[test]
    fn a_jump_that_is_taken_back_is_never_believed() {
        let (clock, calendar) = calendar();
        turned(&clock, &calendar, MORNING);
        passing(&clock, &calendar, MORNING + 4);
        assert_eq!(turned(&clock, &calendar, EVENING + 4), EVENING + 4);
        assert_eq!(calendar.doubted_seconds(), None);
        assert_eq!(passing(&clock, &calendar, EVENING + 100), EVENING + 100);
        assert_eq!(turned(&clock, &calendar, MORNING), EVENING + 100, "the first look was forgotten");
    }

    #[test]
    fn looks_that_disagree_confirm_nothing() {
        let (clock, calendar) = calendar();
        turned(&clock, &calendar, MORNING);
        passing(&clock, &calendar, MORNING + 4);
        assert_eq!(turned(&clock, &calendar, MORNING + 86_400), EVENING + 4);
        assert_eq!(passing(&clock, &calendar, MORNING + 86_404), EVENING + 8);
        assert_eq!(passing(&clock, &calendar, MORNING + 86_405), MORNING + 86_405);
        // One that stands still while the steady clock goes on does not agree with itself either.
        let (clock, calendar) = super::tests::calendar();
        turned(&clock, &calendar, MORNING);
        for second in 1..100 {
            clock.set(UnixSeconds(MORNING + 1));
            assert_eq!(turned(&clock, &calendar, MORNING), EVENING + second);
        }
    }

    #[test]
    fn ten_minutes_are_a_correction_and_no_jump() {
        let (clock, calendar) = calendar();
        assert_eq!(turned(&clock, &calendar, EVENING + 600), EVENING + 600);
        assert_eq!(turned(&clock, &calendar, EVENING + 1_201), EVENING + 600);
        assert_eq!(calendar.doubted_seconds(), Some(601));
    }

    #[test]
    fn a_step_back_is_believed_and_so_is_the_way_home() {
        let (clock, calendar) = calendar();
        assert_eq!(turned(&clock, &calendar, EVENING - 7_200), EVENING - 7_200);
        assert_eq!(turned(&clock, &calendar, EVENING), EVENING - 7_200);
        assert_eq!(passing(&clock, &calendar, EVENING + 5), EVENING + 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_jump_is_confirmed_without_anybody_asking() {
        let (clock, calendar) = calendar();
        let watch = calendar.watch();
        tokio::pin!(watch);
        clock.turn(UnixSeconds(MORNING));
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, &mut watch).await.is_err());
        assert_eq!(calendar.doubted_seconds(), Some(MORNING - EVENING));
        clock.set(UnixSeconds(MORNING + CONFIRM_SECONDS));
        assert!(tokio::time::timeout(second, &mut watch).await.is_err());
        assert_eq!(calendar.doubted_seconds(), None);
        assert_eq!(calendar.look().believed.0, MORNING + CONFIRM_SECONDS);
    }
}
