//! Keeps a classifier that does not answer from adding its timeout to every request. Unlike the breakers of providers
//! this one refuses: while it is open, nobody is asked, and `GuardBinding::on_error` decides at once.
//!
//! Five failures in a row open it, for a second, and for twice as long each time after that. Then one call at a time is
//! let through, and what comes of it decides.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::unavailable::Unavailable;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it is open the first time.
const FIRST: Duration = Duration::from_secs(1);
/// How long it is open at most.
const LONGEST: Duration = Duration::from_secs(30);

/// One classifier's. In memory: a restart begins with it closed.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In a row.
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// How many times in a row.
    times: u32,
    /// When a probe is due.
    until: Instant,
    /// Whether a probe is under way.
    probing: bool,
}

/// A call that is let through. Dropped without a word, it says nothing of the classifier.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    breaker: &'a Breaker,
    /// Where this is the probe: until when the breaker had been open.
    probe: Option<Instant>,
}

/// A breaker as `/status` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    pub(crate) state: Position,
    /// In a row.
    pub(crate) failures: u32,
    /// Until a probe is due; null where none is waited for.
    pub(crate) probe_in_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Position {
    Closed,
    Open,
    HalfOpen,
}

impl Breaker {
    /// Lets a call through, or refuses it.
    pub(crate) fn enter(&self, now: Instant) -> Result<Turn<'_>, Unavailable> {
        let probe = match &mut self.state().open {
            None => None,
            Some(open) if now >= open.until && !open.probing => {
                open.probing = true;
                Some(open.until)
            }
            Some(_) => return Err(Unavailable::Open),
        };
        Ok(Turn { breaker: self, probe })
    }

    /// Whether a call would be refused.
    pub(crate) fn is_refusing(&self, now: Instant) -> bool {
        self.state().open.as_ref().is_some_and(|open| now < open.until || open.probing)
    }

    /// Whether calls are let through side by side.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().open.is_none()
    }

    /// For `/status`.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let state = self.state();
        let wait = state.open.as_ref().map(|open| open.until.saturating_duration_since(now));
        let (position, probe_in) = match wait {
            None => (Position::Closed, None),
            Some(Duration::ZERO) => (Position::HalfOpen, None),
            Some(wait) => (Position::Open, Some(wait)),
        };
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Standing { state: position, failures: state.failures, probe_in_ms: probe_in.map(millis) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The classifier answered. True where the breaker had been open.
    pub(crate) fn succeeded(mut self) -> bool {
        self.probe = None;
        let mut state = self.breaker.state();
        let was_open = state.open.is_some();
        *state = State::default();
        was_open
    }

    /// The classifier failed. Returns for how long it is not asked now, where this failure is why.
    pub(crate) fn failed(mut self, now: Instant) -> Option<Duration> {
        let probe = self.probe.take();
        let mut state = self.breaker.state();
        state.failures = state.failures.saturating_add(1);
        let times = match (&state.open, probe) {
            (None, _) if state.failures >= FAILURES => 1,
            (Some(open), Some(until)) if open.until == until => open.times.saturating_add(1),
            // One that was under way when it opened prolongs nothing.
            _ => return None,
        };
        let time = open_for(times);
        state.open = Some(Open { times, until: now + time, probing: false });
        Some(time)
    }
}

impl Drop for Turn<'_> {
    /// A probe of which nothing came makes room for the next.
    fn drop(&mut self) {
        let Some(until) = self.probe else { return };
        if let Some(open) = &mut self.breaker.state().open
            && open.until == until
        {
            open.probing = false;
        }
    }
}

fn open_for(times: u32) -> Duration {
    FIRST.saturating_mul(1_u32 << times.saturating_sub(1).min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays events, one letter each: a failure `a`, a success `+`, a call of which nothing comes `.`; a digit waits for so
    /// many seconds. Gives back after each: closed, open, half-open, and `x` for a call that was refused.
    fn play(events: &str) -> String {
        let breaker = Breaker::default();
        let (mut now, mut states) = (Instant::now(), String::new());
        for event in events.chars() {
            if let Some(seconds) = event.to_digit(10) {
                now += Duration::from_secs(seconds.into());
            } else {
                let Ok(turn) = breaker.enter(now) else {
                    states.push('x');
                    continue;
                };
                match event {
                    '+' => {
                        turn.succeeded();
                    }
                    'a' => {
                        turn.failed(now);
                    }
                    _ => drop(turn),
                }
            }
            states.push(match breaker.standing(now).state {
                Position::Closed => 'c',
                Position::Open => 'O',
                Position::HalfOpen => 'h',
            });
        }
        states
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_probe_decides() {
        let table = [
            ("five open it", "aaaaa", "ccccO"),
            ("a success in between begins anew", "aaaa+aaaa", "ccccccccc"),
            ("what says nothing changes nothing", "aa..a.aa", "cccccccO"),
            ("open, it refuses at once", "aaaaaa++", "ccccOxxx"),
            ("a probe that succeeds closes it", "aaaaa1+a", "ccccOhcc"),
            ("a probe that fails opens it for twice as long", "aaaaa1a11", "ccccOhOOh"),
            ("and again", "aaaaa1a2a31", "ccccOhOhOOh"),
            ("a probe that says nothing leaves it to the next", "aaaaa1.+", "ccccOhhc"),
            ("once closed, five are needed again", "aaaaa1+aaaaa1", "ccccOhcccccOh"),
        ];
        for (what, events, states) in table {
            assert_eq!(play(events), states, "{what}: {events}");
        }
    }

    #[test]
    fn times_double_up_to_the_longest() {
        let seconds = [1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|times| open_for(times).as_secs());
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn one_call_at_a_time_is_the_probe() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let late = [(); 6].map(|()| breaker.enter(now).expect("closed"));
        for turn in late {
            turn.failed(now);
        }
        assert_eq!(
            breaker.standing(now),
            Standing { state: Position::Open, failures: 6, probe_in_ms: Some(1_000) }
        );
        assert!(breaker.is_refusing(now));
        let due = now + FIRST;
        assert!(!breaker.is_refusing(due));
        let probe = breaker.enter(due).expect("the probe");
        assert!(breaker.is_refusing(due) && breaker.enter(due).is_err());
        drop(probe);
        let probe = breaker.enter(due).expect("the next");
        assert!(probe.succeeded());
        assert!(breaker.is_closed() && breaker.enter(due).is_ok() && breaker.enter(due).is_ok());
    }

    #[test]
    fn a_success_from_before_closes_it() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let early = breaker.enter(now).expect("closed");
        for _ in 0..FAILURES {
            breaker.enter(now).expect("closed").failed(now);
        }
        assert!(early.succeeded() && breaker.is_closed());
    }
}
