//! Which providers fail, and whose keys could not be renewed.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::labels;
use crate::exchange::Shared;
use crate::metrics::page::{Family, Page};
use crate::snapshot::Snapshot;
use crate::upstream::breaker::State;

/// As `/status` says them.
const STATES: [(State, &str); 3] =
    [(State::Closed, "closed"), (State::HalfOpen, "half-open"), (State::Open, "open")];

pub(super) fn put(page: &mut Page, shared: &Shared, snapshot: &Snapshot) {
    let failing = shared.breakers.report(Instant::now());
    let failing: BTreeMap<_, _> = failing.into_iter().map(|one| (one.provider, one.state)).collect();
    let mut providers: Vec<_> = snapshot.upstreams().map(|upstream| &upstream.provider.name).collect();
    providers.sort_unstable();
    let mut breakers = Family::gauge(
        "pai_breaker_state",
        "1 for the state that the provider's breaker is in, 0 for the others.",
    );
    for provider in providers {
        let now = failing.get(provider).copied().unwrap_or(State::Closed);
        let name = provider.to_string();
        for (state, word) in STATES {
            breakers.put(labels([("provider", &name), ("state", word)]), (state == now).into());
        }
    }
    page.add(breakers);
    let mut secrets = Family::gauge(
        "pai_secret_current",
        "1 where the secret in use is what its place has; 0 where it is the last good one, or missing.",
    );
    let classifiers = snapshot.classifiers().report();
    let keys = snapshot.key_standings();
    let of_guards = classifiers.iter().filter_map(|classifier| classifier.secret.as_ref());
    for standing in keys.iter().chain(of_guards) {
        let (kind, name) = standing.owner();
        secrets.put(labels([("kind", kind), ("name", &name.to_string())]), standing.is_current().into());
    }
    page.add(secrets);
}
