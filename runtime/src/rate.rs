//! Requests per minute and requests at the same time, for each principal. In memory: a restart forgives at most a
//! minute of requests, and no tokens.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pai_bundle::principal::RateLimits;

use crate::refusal::Refusal;
use crate::snapshot::{Holder, Snapshot};

const MINUTE: Duration = Duration::from_secs(60);

/// Who has how many requests under way, and when the last ones came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    principals: Arc<Mutex<HashMap<Holder, Traffic>>>,
}

#[derive(Debug, Default)]
struct Traffic {
    /// Requests of the last minute, oldest first; never more than the limit.
    recent: VecDeque<Instant>,
    under_way: u32,
}

/// A request under way; counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    rates: Rates,
    holder: Option<Holder>,
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Busy {
    PerMinute { limit: u32, retry_after_seconds: u64 },
    AtOnce { limit: u32 },
}

impl Rates {
    /// Counts a request in, or says why not and when to come back.
    pub(crate) fn admit(&self, snapshot: &Snapshot, holder: &Holder, now: Instant) -> Result<Slot, Refusal> {
        let Some((limits, places)) = snapshot.rate_limits(holder) else { return Ok(self.free_slot()) };
        self.enter(holder, limits, now).map_err(|busy| {
            let who = holder.as_principal().describe();
            let (limit, retry_after, field) = match busy {
                Busy::PerMinute { limit, retry_after_seconds } => (
                    format!("{who} may send {limit} requests a minute"),
                    retry_after_seconds,
                    "maxRequestsPerMinute",
                ),
                Busy::AtOnce { limit } => {
                    (format!("{who} may have {limit} requests under way at once"), 1, "maxConcurrentRequests")
                }
            };
            let pointer = match holder {
                Holder::Agent(_) => format!("/spec/rateLimits/{field}"),
                Holder::AccessKey(_) => format!("/spec/{field}"),
            };
            Refusal::Rate { limit, retry_after, origin: places.of(&pointer) }
        })
    }

    /// Forgets who is gone from the bundle, once nothing of theirs is under way.
    pub(crate) fn keep(&self, known: impl Fn(&Holder) -> bool) {
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        principals.retain(|holder, traffic| traffic.under_way > 0 || known(holder));
    }

    fn enter(&self, holder: &Holder, limits: RateLimits, now: Instant) -> Result<Slot, Busy> {
        if limits.max_requests_per_minute.is_none() && limits.max_concurrent_requests.is_none() {
            return Ok(self.free_slot());
        }
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        let traffic = principals.entry(holder.clone()).or_default();
        if let Some(limit) = limits.max_concurrent_requests
            && traffic.under_way >= limit
        {
            return Err(Busy::AtOnce { limit });
        }
        if let Some(limit) = limits.max_requests_per_minute {
            while traffic.recent.front().is_some_and(|oldest| now.duration_since(*oldest) >= MINUTE) {
                traffic.recent.pop_front();
            }
            if traffic.recent.len() >= limit as usize {
                let wait =
                    traffic.recent.front().map_or(MINUTE, |oldest| MINUTE.saturating_sub(now - *oldest));
                let retry_after_seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                return Err(Busy::PerMinute { limit, retry_after_seconds: retry_after_seconds.max(1) });
            }
            traffic.recent.push_back(now);
        }
        traffic.under_way = traffic.under_way.saturating_add(1);
        Ok(Slot { rates: self.clone(), holder: Some(holder.clone()) })
    }

    fn free_slot(&self) -> Slot {
        Slot { rates: self.clone(), holder: None }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(holder) = &self.holder else { return };
        let mut principals = self.rates.principals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(traffic) = principals.get_mut(holder) {
            traffic.under_way = traffic.under_way.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        Holder::Agent("default/a".parse().expect("a name"))
    }

    #[test]
    fn a_minute_slides() {
        let rates = Rates::default();
        let limits = RateLimits { max_requests_per_minute: Some(2), ..RateLimits::default() };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(rates.enter(&holder(), limits, at(0)).is_ok());
        assert!(rates.enter(&holder(), limits, at(40)).is_ok());
        let busy = rates.enter(&holder(), limits, at(50)).expect_err("the third in a minute");
        assert_eq!(busy, Busy::PerMinute { limit: 2, retry_after_seconds: 10 });
        assert!(rates.enter(&holder(), limits, at(60)).is_ok());
        assert!(rates.enter(&holder(), limits, at(61)).is_err());
    }

    #[test]
    fn who_is_gone_is_forgotten_and_who_stays_is_still_counted() {
        let rates = Rates::default();
        let limits = RateLimits { max_concurrent_requests: Some(1), ..RateLimits::default() };
        let slot = rates.enter(&holder(), limits, Instant::now()).expect("the first");
        rates.keep(|_| false);
        assert!(rates.enter(&holder(), limits, Instant::now()).is_err(), "one is under way");
        drop(slot);
        rates.keep(|_| true);
        assert_eq!(rates.principals.lock().expect("a lock").len(), 1);
        rates.keep(|_| false);
        assert_eq!(rates.principals.lock().expect("a lock").len(), 0);
    }

    #[test]
    fn a_slot_is_given_back_when_dropped() {
        let rates = Rates::default();
        let limits = RateLimits { max_concurrent_requests: Some(1), ..RateLimits::default() };
        let slot = rates.enter(&holder(), limits, Instant::now()).expect("the first");
        assert!(rates.enter(&holder(), limits, Instant::now()).is_err());
        drop(slot);
        assert!(rates.enter(&holder(), limits, Instant::now()).is_ok());
    }
}
