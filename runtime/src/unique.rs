//! Ids of requests and holds, without a call to the operating system for each: a random start for each run of the
//! gateway, counted up.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use pai_ledger::RequestId;

use crate::token::RandomError;

/// Gives out ids.
#[derive(Debug)]
pub(crate) struct Ids {
    /// Random: two runs, or two gateways, share an id of a hold once in 2^64.
    run: u64,
    next: AtomicU64,
    scramble: RandomState,
}

impl Ids {
    /// Begins at a random place.
    pub(crate) fn new() -> Result<Self, RandomError> {
        let random = || getrandom::u64().map_err(RandomError);
        let (run, next) = (random()?, AtomicU64::new(random()?));
        Ok(Self { run, next, scramble: RandomState::new() })
    }

    /// Names a request in its answer, its record and the log: `req_pai_` and 24 hexadecimal digits. Clients see it, so
    /// it is scrambled with a key: numbers in order would tell each of them how many requests the others send.
    pub(crate) fn request(&self) -> String {
        let number = self.scramble.hash_one(self.next.fetch_add(1, Ordering::Relaxed));
        format!("req_pai_{:08x}{number:016x}", self.run >> 32)
    }

    /// Names a hold, unlike any other's of any run.
    pub(crate) fn hold(&self) -> RequestId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        RequestId((u128::from(self.run) << 64) | u128::from(number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_is_given_out_twice() {
        let [one, other] = [Ids::new().expect("random"), Ids::new().expect("random")];
        let mut seen = HashSet::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = [&one, &one, &other]
                .map(|ids| scope.spawn(|| (0..1_000).map(|_| ids.hold().0).collect::<Vec<_>>()))
                .into();
            for thread in threads {
                seen.extend(thread.join().expect("ids"));
            }
        });
        assert_eq!(seen.len(), 3_000);
        assert_eq!(one.request().len(), "req_pai_".len() + 24);
    }
}
