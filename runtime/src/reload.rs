//! New bundles while requests run: looked for once in a while and on SIGHUP, loaded beside the one in force, and swapped
//! whole. What cannot be loaded changes nothing but the status.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::exchange::Shared;
use crate::release::{Following, Release, ReleaseError, Releases};
use crate::standing::Standing;

/// What a reload works on.
pub(crate) struct Reload {
    pub(crate) shared: Arc<Shared>,
    pub(crate) standing: Arc<Standing>,
    /// How often the source is looked at.
    pub(crate) every: Duration,
    pub(crate) stop: CancellationToken,
}

impl Reload {
    /// Serves what `following` gives, until told to stop.
    pub(crate) async fn follow(self, following: Following) {
        let Following { mut releases, mut stamp, refused } = following;
        if let Some(reason) = refused {
            tracing::error!(
                event = "bundle.refused", source = %releases.describe(), reason,
                "the last good bundle from the state folder is served instead"
            );
            self.standing.refused(reason, self.shared.calendar.look().wall);
        }
        let mut hangups = hangups();
        let mut looks = tokio::time::interval(self.every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                () = self.stop.cancelled() => return,
                () = next(&mut hangups) => true,
                _ = looks.tick() => false,
            };
            // Before reading: a file that changes in between is read once more.
            let (seen, current) = (stamp, releases.stamp());
            if !asked && seen == current {
                continue;
            }
            stamp = current;
            // Compiling, checking signatures and the disk would keep requests waiting on this thread.
            let attempt = tokio::task::spawn_blocking(move || {
                let release = releases.next().and_then(|release| {
                    releases.accept(&release)?;
                    Ok(release)
                });
                (releases, release)
            });
            let Ok((back, release)) = attempt.await else {
                tracing::error!(event = "bundle.reload_panicked", "no further bundles will be loaded");
                self.standing.refused("loading a bundle failed".to_owned(), self.shared.calendar.look().wall);
                return;
            };
            releases = back;
            self.swap(&releases, release);
        }
    }

    /// A request keeps the bundle with which it began; the next one gets this.
    fn swap(&self, releases: &Releases, release: Result<Release, ReleaseError>) {
        let now = self.shared.calendar.look().wall;
        match release {
            Ok(release) => {
                self.shared.client.follow(&release.snapshot);
                self.shared.snapshot.store(release.snapshot.clone());
                self.shared.rates.keep(|holder| release.snapshot.knows(holder));
                self.shared.breakers.keep(|provider| release.snapshot.provider(provider).is_some());
                self.standing.loaded(&release, now);
                let serial = release.verified.as_ref().map(|verified| verified.serial.0);
                tracing::info!(event = "bundle.loaded", digest = %release.snapshot.digest, serial);
            }
            Err(refused) => {
                let reason = refused.to_string();
                self.standing.refused(reason.clone(), now);
                tracing::error!(
                    event = "bundle.refused", source = %releases.describe(), reason,
                    "the bundle in force stays"
                );
            }
        }
    }
}

/// SIGHUP, as far as the system lets us hear it.
fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup())
        .inspect_err(|cause| tracing::error!(event = "signal.failed", %cause, "SIGHUP will not reload"))
        .ok()
}

async fn next(hangups: &mut Option<Signal>) {
    let heard = match hangups {
        Some(hangups) => hangups.recv().await.is_some(),
        None => false,
    };
    if !heard {
        std::future::pending::<()>().await;
    }
}
