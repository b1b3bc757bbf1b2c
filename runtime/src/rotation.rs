//! New keys of providers while requests run: the files of secrets are looked at once in a while, whatever the bundle does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::exchange::Shared;

/// Looks twice in each period, until told to stop, so that a new key is in use before one is over.
pub(crate) async fn follow(shared: Arc<Shared>, every: Duration, stop: CancellationToken) {
    let mut looks = tokio::time::interval((every / 2).max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
        }
        let snapshot = shared.snapshot.load_full();
        // Looking is a few system calls for each provider, and the disk may be a slow one.
        if tokio::task::spawn_blocking(move || snapshot.look_at_keys()).await.is_err() {
            tracing::error!(event = "secret.look_panicked", "new keys are taken with the next bundle only");
            return;
        }
    }
}
