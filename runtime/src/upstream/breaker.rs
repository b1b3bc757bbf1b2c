//! Which providers keep failing, one breaker for each. A breaker refuses nothing, so that no user's error becomes
//! everybody's: while it is open, its provider is asked after the others, and once instead of several times.
//!
//! | what came of an attempt | what it means |
//! | --- | --- |
//! | no connection | a failure |
//! | a status from 500 on, no answer in time, an end before any content | a failure |
//! | the beginning of an answer | a success: nothing before it counts any more |
//! | any other status, such as 400 or 429; the client left | nothing |
//!
//! Five failures in a row open it, if they came from two callers or more, or if no connection could be made in any of
//! them, which no request can bring about. After a while, longer each time, one request at a time is let in at its usual
//! place, and what comes of it decides.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pai_bundle::name::QualifiedName;
use pai_bundle::provider::Retry;
use serde::Serialize;
use tokio::time::Instant;

use crate::settings::SetBack;
use crate::snapshot::Holder;

/// Failures in a row that open a breaker.
const FAILURES: u32 = 5;

/// A number from 0 to the one given.
type Random = fn(u64) -> u64;

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection could be made.
    Connection,
    /// There was one, and no answer.
    Answer,
}

/// Every provider's breaker. In memory: a restart begins with all of them closed.
#[derive(Debug)]
pub(crate) struct Breakers {
    /// Only of providers that have failed since they last answered.
    failing: Mutex<BTreeMap<QualifiedName, Breaker>>,
    times: SetBack,
    random: Random,
}

#[derive(Debug, Default)]
struct Breaker {
    /// In a row.
    failures: u32,
    /// In a row, and without a connection in any of them.
    without_connection: u32,
    /// Whose the first failure of the row was.
    first: Option<Holder>,
    /// Whether any was somebody else's.
    several: bool,
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

/// A request's turn with a provider.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    breakers: &'a Breakers,
    provider: &'a QualifiedName,
    caller: &'a Holder,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Closed.
    Usual,
    /// What comes of this request decides; the breaker had been open until then.
    Probe(Instant),
    /// Open.
    SetBack,
}

/// A breaker as `/status` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) provider: QualifiedName,
    pub(crate) state: State,
    /// In a row.
    failures: u32,
    /// Until a probe is due; null where none is waited for.
    probe_in_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Closed,
    Open,
    HalfOpen,
}

impl Breakers {
    /// All closed.
    pub(crate) fn new(times: SetBack, random: Random) -> Self {
        Self { failing: Mutex::default(), times, random }
    }

    /// How a request of `caller` is to treat the provider.
    pub(crate) fn turn<'a>(
        &'a self,
        provider: &'a QualifiedName,
        caller: &'a Holder,
        now: Instant,
    ) -> Turn<'a> {
        let place = match self.failing().get_mut(provider).and_then(|breaker| breaker.open.as_mut()) {
            None => Place::Usual,
            Some(open) if now >= open.until && !open.probing => {
                open.probing = true;
                Place::Probe(open.until)
            }
            Some(_) => Place::SetBack,
        };
        Turn { breakers: self, provider, caller, place }
    }

    /// Forgets providers that are gone from the bundle.
    pub(crate) fn keep(&self, known: impl Fn(&QualifiedName) -> bool) {
        self.failing().retain(|provider, _| known(provider));
    }

    /// Every provider that has failed since it last answered.
    pub(crate) fn report(&self, now: Instant) -> Vec<Report> {
        let report = |(provider, breaker): (&QualifiedName, &Breaker)| {
            let waits = breaker.open.as_ref().map(|open| open.until.saturating_duration_since(now));
            let (state, probe_in) = match waits {
                None => (State::Closed, None),
                Some(Duration::ZERO) => (State::HalfOpen, None),
                Some(wait) => (State::Open, Some(wait)),
            };
            Report {
                provider: provider.clone(),
                state,
                failures: breaker.failures,
                probe_in_ms: probe_in.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            }
        };
        self.failing().iter().map(report).collect()
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<QualifiedName, Breaker>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From half of a time that doubles to all of it. Gateways that failed together do not probe together, and a time
    /// is never so short that it is none.
    fn open_for(&self, times: u32) -> Duration {
        let doubled = self.times.first.saturating_mul(1_u32 << times.saturating_sub(1).min(16));
        let millis = u64::try_from(doubled.min(self.times.longest).as_millis()).unwrap_or(u64::MAX);
        let half = millis / 2;
        Duration::from_millis(half.saturating_add((self.random)(millis - half)))
    }
}

impl Turn<'_> {
    /// Whether other candidates come first.
    pub(crate) fn is_set_back(&self) -> bool {
        self.place == Place::SetBack
    }

    /// Attempts in all: those of the manifest, or one where the provider is not trusted to answer.
    pub(crate) fn attempts(&self, retry: Retry) -> u32 {
        match self.place {
            Place::Usual => retry.max_attempts,
            Place::Probe(_) | Place::SetBack => 1,
        }
    }

    /// An answer has begun.
    pub(crate) fn succeeded(&mut self) {
        self.place = Place::Usual;
        let recovered = self.breakers.failing().remove(self.provider);
        if recovered.is_some_and(|breaker| breaker.open.is_some()) {
            tracing::info!(event = "breaker.closed", provider = %self.provider);
        }
    }

    /// An attempt failed.
    pub(crate) fn failed(&mut self, fault: Fault, now: Instant) {
        let mut failing = self.breakers.failing();
        let breaker = failing.entry(self.provider.clone()).or_default();
        breaker.count(fault, self.caller);
        let times = match (&breaker.open, self.place) {
            (None, _) if breaker.is_enough() => 1,
            (Some(open), Place::Probe(until)) if open.until == until => open.times.saturating_add(1),
            (Some(_), _) => {
                self.place = Place::SetBack;
                return;
            }
            (None, _) => {
                self.place = Place::Usual;
                return;
            }
        };
        let time = self.breakers.open_for(times);
        breaker.open = Some(Open { times, until: now + time, probing: false });
        self.place = Place::SetBack;
        tracing::warn!(
            event = "breaker.opened", provider = %self.provider, failures = breaker.failures,
            milliseconds = time.as_millis(), "it is asked after other providers, and once"
        );
    }
}

impl Drop for Turn<'_> {
    /// A probe of which nothing came makes room for the next.
    fn drop(&mut self) {
        let Place::Probe(until) = self.place else { return };
        let mut failing = self.breakers.failing();
        if let Some(open) = failing.get_mut(self.provider).and_then(|breaker| breaker.open.as_mut())
            && open.until == until
        {
            open.probing = false;
        }
    }
}

impl Breaker {
    fn count(&mut self, fault: Fault, caller: &Holder) {
        self.failures = self.failures.saturating_add(1);
        self.without_connection = match fault {
            Fault::Connection => self.without_connection.saturating_add(1),
            Fault::Answer => 0,
        };
        match &self.first {
            None => self.first = Some(caller.clone()),
            Some(first) => self.several |= first != caller,
        }
    }

    fn is_enough(&self) -> bool {
        self.without_connection >= FAILURES || (self.several && self.failures >= FAILURES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: SetBack = SetBack { first: Duration::from_secs(5), longest: Duration::from_secs(60) };

    fn provider() -> QualifiedName {
        "default/p".parse().expect("a name")
    }

    fn caller(name: char) -> Holder {
        Holder::Agent(format!("default/{name}").parse().expect("a name"))
    }

    fn state(breakers: &Breakers, now: Instant) -> State {
        breakers.report(now).first().map_or(State::Closed, |report| report.state)
    }

    /// Plays events, one letter each: a failed answer of caller `a`, `b`; a connection that caller `A` could not make; a
    /// success `+`; an answer that says nothing `.`; and a digit waits for so many seconds. Gives back the states after
    /// each: closed, open, half-open.
    fn play(events: &str) -> String {
        let breakers = Breakers::new(TIMES, |most| most);
        let (mut now, mut states) = (Instant::now(), String::new());
        for event in events.chars() {
            if let Some(seconds) = event.to_digit(10) {
                now += Duration::from_secs(seconds.into());
            } else {
                let provider = provider();
                let caller = caller(if event.is_alphabetic() { event.to_ascii_lowercase() } else { 'a' });
                let mut turn = breakers.turn(&provider, &caller, now);
                match event {
                    '+' => turn.succeeded(),
                    '.' => {}
                    event if event.is_uppercase() => turn.failed(Fault::Connection, now),
                    _ => turn.failed(Fault::Answer, now),
                }
            }
            states.push(match state(&breakers, now) {
                State::Closed => 'c',
                State::Open => 'O',
                State::HalfOpen => 'h',
            });
        }
        states
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_closes_it() {
        let table = [
            ("one caller's failures never do", "aaaaaaaaaaaa", "cccccccccccc"),
            ("five of two callers do", "aaaab", "ccccO"),
            ("four of two do not", "aabb", "cccc"),
            ("two callers, then many of one", "abaaa", "ccccO"),
            ("a success in between begins anew", "aabb+aabb", "ccccccccc"),
            ("callers are forgotten with it", "b+aaaaaaaa", "cccccccccc"),
            ("what says nothing changes nothing", "aa..b.b.a", "ccccccccO"),
            ("five connections that nobody gets", "AAAAA", "ccccO"),
            ("an answer shows that there is a way", "AAAAaAAAA", "ccccccccc"),
            ("until there is none again", "AAAAaAAAAA", "cccccccccO"),
            ("open until the time is over", "AAAAA41", "ccccOOh"),
            ("a success closes it at any time", "AAAAA+", "ccccOc"),
            ("also in flight since before", "AAAAA2+a", "ccccOOcc"),
            ("a failure in flight does not prolong it", "AAAAA4a1", "ccccOOOh"),
            ("a probe that succeeds closes it", "AAAAA5+", "ccccOhc"),
            ("a probe that fails opens it for twice as long", "AAAAA5a91", "ccccOhOOh"),
            ("and again for twice as long", "AAAAA5a91a9911", "ccccOhOOhOOOOh"),
            ("a probe that says nothing leaves it to the next", "AAAAA5.+", "ccccOhhc"),
            ("once closed, five are needed again", "AAAAA5+AAAAA41", "ccccOhcccccOOh"),
        ];
        for (what, events, states) in table {
            assert_eq!(play(events), states, "{what}: {events}");
        }
    }

    #[test]
    fn times_double_up_to_the_longest_and_are_never_shorter_than_half() {
        let most = Breakers::new(TIMES, |most| most);
        let least = Breakers::new(TIMES, |_| 0);
        let times = |breakers: &Breakers| -> Vec<u128> {
            [1, 2, 3, 4, 5, 6, u32::MAX].map(|times| breakers.open_for(times).as_millis()).to_vec()
        };
        assert_eq!(times(&most), [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
        assert_eq!(times(&least), [2_500, 5_000, 10_000, 20_000, 30_000, 30_000, 30_000]);
    }

    /// Open, and its time is over.
    fn due() -> (Breakers, Instant) {
        let breakers = Breakers::new(TIMES, |most| most);
        let now = Instant::now();
        for _ in 0..FAILURES {
            breakers.turn(&provider(), &caller('a'), now).failed(Fault::Connection, now);
        }
        (breakers, now + TIMES.first)
    }

    #[test]
    fn one_request_at_a_time_is_the_probe() {
        let (breakers, now) = due();
        let (provider, caller) = (provider(), caller('a'));
        let turn = || breakers.turn(&provider, &caller, now);
        let probe = turn();
        assert!(!probe.is_set_back());
        assert!(turn().is_set_back() && turn().is_set_back());
        drop(probe);
        let mut probe = turn();
        assert!(!probe.is_set_back(), "the place is free again");
        probe.succeeded();
        assert!(!turn().is_set_back() && !turn().is_set_back(), "closed");
    }

    #[test]
    fn retries_are_for_providers_that_answer() {
        let retry = Retry { max_attempts: 3, ..Retry::default() };
        let (breakers, now) = due();
        let (provider, caller) = (provider(), caller('a'));
        let attempts = |turn: &Turn<'_>| turn.attempts(retry);
        let probe = breakers.turn(&provider, &caller, now);
        let set_back = breakers.turn(&provider, &caller, now);
        assert_eq!((attempts(&probe), attempts(&set_back)), (1, 1));
        drop(set_back);
        drop(probe);
        let mut turn = breakers.turn(&provider, &caller, now);
        turn.succeeded();
        drop(turn);
        let mut turn = breakers.turn(&provider, &caller, now);
        assert_eq!(attempts(&turn), 3);
        for _ in 0..FAILURES {
            turn.failed(Fault::Connection, now);
        }
        assert_eq!(attempts(&turn), 1, "it opened under way");
    }

    #[test]
    fn providers_that_are_gone_are_forgotten_and_those_that_stay_are_not() {
        let (breakers, now) = due();
        breakers.keep(|_| true);
        assert_eq!(state(&breakers, now), State::HalfOpen);
        breakers.keep(|name| *name != provider());
        assert!(breakers.report(now).is_empty());
        assert!(!breakers.turn(&provider(), &caller('a'), now).is_set_back());
    }

    #[test]
    fn the_report_says_when_the_next_probe_is_due() {
        let (breakers, due) = due();
        let report = |at| serde_json::to_value(breakers.report(at)).expect("json");
        let expected = |state: &str, probe: Option<u64>| serde_json::json!([{ "provider": "default/p", "state": state, "failures": 5, "probeInMs": probe }]);
        assert_eq!(report(due - Duration::from_millis(1_500)), expected("open", Some(1_500)));
        assert_eq!(report(due), expected("half-open", None));
    }
}
