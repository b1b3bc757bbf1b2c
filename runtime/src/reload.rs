//! New bundles while requests run: looked for some times a second, on SIGHUP, and when an operator sends one; loaded beside
//! the one in force, and swapped whole. What cannot be loaded changes nothing but the status.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pai_bundle::digest::Digest;
use pai_bundle::signature::Serial;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::exchange::Shared;
use crate::release::{Following, Origin, PushError, Release, ReleaseError, Releases};
use crate::source::Stamp;
use crate::standing::Standing;

/// A look takes at most one part in so many of the time, however many files there are.
const LOOKS_SHARE: u32 = 20;
/// How long a source may go on changing before it is read all the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a reload works on.
pub(crate) struct Reload {
    pub(crate) shared: Arc<Shared>,
    pub(crate) standing: Arc<Standing>,
    /// How often the source is looked at.
    pub(crate) every: Duration,
    pub(crate) stop: CancellationToken,
    /// What operators send.
    pub(crate) pushes: mpsc::Receiver<Push>,
}

/// A bundle that an operator sends, and who waits for what becomes of it.
pub(crate) struct Push {
    pub(crate) bytes: Bytes,
    /// For the log.
    pub(crate) operator: String,
    pub(crate) answer: oneshot::Sender<Result<Pushed, PushError>>,
}

/// It is in force.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    pub(crate) digest: Digest,
    pub(crate) serial: Option<Serial>,
}

/// The source, and what it looked like when it was read last.
struct Watched {
    releases: Releases,
    stamp: Stamp,
}

/// What a look has led to.
enum Looked {
    Same,
    /// It changed while it was being read: what was read may be half of a change.
    Moving,
    Read(Result<Release, ReleaseError>),
}

impl Reload {
    /// Serves what `following` gives, until told to stop.
    pub(crate) async fn follow(mut self, following: Following) {
        let Following { releases, stamp, refused } = following;
        if let Some(refused) = refused {
            let instead = match self.standing.origin() {
                Origin::None => "nobody is let in until there is a bundle",
                _ => "the last good bundle from the state folder is served instead",
            };
            self.refuse(&releases, &refused, instead);
        }
        let mut watched = Watched { releases, stamp };
        let mut hangups = hangups();
        let mut pause = self.every;
        // Since when the source has been changing.
        let mut moving: Option<Instant> = None;
        loop {
            let (asked, push) = tokio::select! {
                () = self.stop.cancelled() => return,
                Some(push) = self.pushes.recv() => (false, Some(push)),
                () = next(&mut hangups) => (true, None),
                () = tokio::time::sleep(pause) => (false, None),
            };
            if let Some(Push { bytes, operator, answer }) = push {
                let Some((back, sent)) = aside(watched, move |watched| {
                    let sent = watched.releases.replace(&bytes);
                    // The file is ours: no reason to read it again.
                    watched.stamp = if sent.is_ok() { watched.releases.stamp() } else { watched.stamp };
                    sent
                })
                .await
                else {
                    return self.give_up();
                };
                watched = back;
                let _ = answer.send(self.sent(sent, &operator));
                continue;
            }
            let (impatient, began) = (moving.is_some_and(|since| since.elapsed() > PATIENCE), Instant::now());
            let Some((back, (looked, took))) =
                aside(watched, move |watched| watched.look(asked, impatient)).await
            else {
                return self.give_up();
            };
            watched = back;
            pause = self.every.max(took.saturating_mul(LOOKS_SHARE));
            match looked {
                Looked::Same => moving = None,
                Looked::Moving => {
                    moving = moving.or(Some(began));
                    pause = Duration::ZERO;
                }
                Looked::Read(release) => {
                    moving = None;
                    self.swap(&watched.releases, release);
                }
            }
        }
    }

    /// A request keeps the bundle with which it began; the next one gets this.
    fn swap(&self, releases: &Releases, release: Result<Release, ReleaseError>) {
        match release {
            Ok(release) => self.put_in_force(&release),
            Err(refused) => self.refuse(releases, &refused, "the bundle in force stays"),
        }
    }

    fn put_in_force(&self, release: &Release) {
        self.shared.client.follow(&release.snapshot);
        self.shared.metrics.follow(release.snapshot.upstreams().map(|upstream| &upstream.provider.name));
        self.shared.snapshot.store(release.snapshot.clone());
        self.shared.rates.keep(|holder| release.snapshot.knows(holder));
        self.shared.breakers.keep(|provider| release.snapshot.provider(provider).is_some());
        self.standing.loaded(release, self.shared.calendar.look().wall);
        let serial = release.verified.as_ref().map(|verified| verified.serial.0);
        tracing::info!(event = "bundle.loaded", digest = %release.snapshot.digest, serial);
    }

    fn refuse(&self, releases: &Releases, refused: &ReleaseError, instead: &str) {
        let findings = refused.findings().join("\n");
        let (source, reason) = (releases.describe(), refused.to_string());
        tracing::error!(event = "bundle.refused", source, reason, findings, "{instead}");
        self.standing.refused(refused, self.shared.calendar.look().wall);
    }

    /// What becomes of a bundle that an operator sent.
    fn sent(&self, sent: Result<Release, PushError>, operator: &str) -> Result<Pushed, PushError> {
        match sent {
            Ok(release) => {
                let digest = release.snapshot.digest.clone();
                tracing::info!(event = "bundle.pushed", operator, digest = %digest);
                self.put_in_force(&release);
                Ok(Pushed { digest, serial: release.verified.map(|verified| verified.serial) })
            }
            Err(cause) => {
                tracing::warn!(event = "bundle.push_refused", operator, %cause, "the bundle in force stays");
                if let PushError::Refused(refused) = &cause {
                    self.standing.turned_away(refused, self.shared.calendar.look().wall);
                }
                Err(cause)
            }
        }
    }

    fn give_up(&self) {
        tracing::error!(event = "bundle.reload_panicked", "no further bundles will be loaded");
        self.standing.gave_up(self.shared.calendar.look().wall);
    }
}

impl Watched {
    /// Looks, and reads what has changed; and how long the look alone took. It waits while files are being saved, and
    /// compiles, checks signatures and writes to the disk: not for a thread that has requests to answer.
    fn look(&mut self, asked: bool, impatient: bool) -> (Looked, Duration) {
        let began = std::time::Instant::now();
        // Before reading: a file that changes in between is read once more.
        let current = self.releases.stamp();
        let took = began.elapsed();
        if !asked && current == self.stamp {
            return (Looked::Same, took);
        }
        let waits = !(asked || impatient || self.releases.quiet().is_zero());
        if waits {
            std::thread::sleep(self.releases.quiet());
            if self.releases.stamp() != current {
                return (Looked::Moving, took);
            }
        }
        let release = self.releases.next();
        if waits && self.releases.stamp() != current {
            return (Looked::Moving, took);
        }
        self.stamp = current;
        let accepted = release.and_then(|release| {
            self.releases.accept(&release)?;
            Ok(release)
        });
        (Looked::Read(accepted), took)
    }
}

/// Runs something on a thread where it keeps nobody waiting; `None` when it panicked.
async fn aside<T: Send + 'static>(
    mut watched: Watched,
    work: impl FnOnce(&mut Watched) -> T + Send + 'static,
) -> Option<(Watched, T)> {
    tokio::task::spawn_blocking(move || {
        let done = work(&mut watched);
        (watched, done)
    })
    .await
    .ok()
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
