//! A running gateway: everything opened in order, one clear error for what cannot be, and all of it closed in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{HeaderMap, Request};
use pai_ledger::clock::Clock;
use pai_ledger::store::StoreError;
use pai_ledger::store::sled::SledStore;
use pai_ledger::{Calendar, Ledger, LedgerError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Health};
use crate::body::Limits;
use crate::count::Counts;
use crate::exchange::{self, Shared};
use crate::guard::Conversations;
use crate::listener::{self, ListenError, Serving, Tls, TlsError};
use crate::metrics::Metrics;
use crate::operators::Operators;
use crate::presence::Speech;
use crate::rate::Rates;
use crate::record::writing::{RecordError, Recorder};
use crate::release::{Opening, ReleaseError};
use crate::reload::Reload;
use crate::rotation;
use crate::settings::{AdminTls, Settings};
use crate::standing::Standing;
use crate::surface::ROUTES;
use crate::token::RandomError;
use crate::unique::Ids;
use crate::upstream::breaker::Breakers;
use crate::upstream::{Client, retry};

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be made.
    #[error("the state folder `{path}` cannot be made: {cause}")]
    State {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The ledger's files cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The records' file cannot be used.
    #[error(transparent)]
    Records(#[from] RecordError),
    /// The bundle cannot be kept as the last good one.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// No TLS or no trusted roots on this machine.
    #[error("the HTTP client for providers cannot be set up: {0}")]
    Client(#[from] crate::upstream::ClientError),
    /// No randomness for ids.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address is taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// A gateway that serves until it is shut down.
pub struct Gateway {
    shared: Arc<Shared>,
    recorder: Recorder,
    address: SocketAddr,
    admin_address: SocketAddr,
    has_tls: bool,
    has_admin_tls: bool,
    draining: Arc<AtomicBool>,
    stop: CancellationToken,
    stop_admin: CancellationToken,
    data: JoinHandle<()>,
    admin: JoinHandle<()>,
    reload: Option<JoinHandle<()>>,
    state: PathBuf,
}

impl Gateway {
    /// Opens ledger, records and sockets, and serves; and goes on to the next bundles where `opening` says where they
    /// come from.
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime to be called in, and its callers wait for it"
    )]
    pub async fn start(
        opening: impl Into<Opening>,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        // The only TLS provider of the workspace; a second install is the same one again.
        let _ = rustls::crypto::ring::default_provider().install_default();
        raise_file_limit();
        let client = Client::new(settings.upstream, settings.lookup.clone())?;
        let calendar = Arc::new(Calendar::new(clock));
        // Sockets first: a taken address should not touch the ledger.
        let Doors { data, admin, address, admin_address, tls, admin_tls } = Doors::open(settings, &calendar)?;
        std::fs::create_dir_all(&settings.state)
            .map_err(|cause| StartError::State { path: settings.state.clone(), cause })?;
        let store = SledStore::open(settings.state.join("ledger"))?;
        // The ledger's lock is what makes this the only gateway on the folder.
        let Opening { release, mut following } = opening.into();
        if let Some(following) = &mut following {
            following.releases.accept(&release)?;
        }
        let ledger = Ledger::open(Box::new(store), pai_ledger::Settings::default())?;
        let metrics = Arc::<Metrics>::default();
        metrics.follow(release.snapshot.upstreams().map(|upstream| &upstream.provider.name));
        let recorder =
            Recorder::open(&settings.state.join("records.jsonl"), settings.echo_records, metrics.clone())?;
        client.follow(&release.snapshot);
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::new(release.snapshot.clone()),
            ledger,
            client,
            breakers: Breakers::new(settings.upstream.set_back, retry::jitter),
            counts: Counts::new(settings.ask_for_counts),
            conversations: Conversations::new()?,
            hold_wait: settings.hold_wait,
            limits: Limits { total: settings.upstream.total },
            body_time: settings.client.body,
            budget_headers: settings.budget_headers,
            calendar,
            rates: Rates::default(),
            ids: Ids::new()?,
            records: recorder.records(),
            metrics,
            trusted_proxies: settings.trusted_proxies.clone(),
        });
        let draining = Arc::new(AtomicBool::new(false));
        let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let source = following.as_ref().map(|following| following.releases.describe());
        let started = shared.calendar.look().wall;
        let standing = Arc::new(Standing::new(&release, source, started));
        let operators = Arc::new(Operators::new(&settings.state)?);
        let (pushes, incoming) = mpsc::channel(1);
        let health = Health {
            shared: shared.clone(),
            standing: standing.clone(),
            draining: draining.clone(),
            operators: operators.clone(),
            pushes: following.is_some().then_some(pushes),
            tls: tls.clone(),
            started,
        };
        let reload = following.map(|following| {
            let reload = Reload {
                shared: shared.clone(),
                standing,
                every: settings.reload_every,
                stop: stop.clone(),
                pushes: incoming,
            };
            tokio::spawn(reload.follow(following))
        });
        tokio::spawn(rotation::follow(shared.clone(), settings.reload_every, stop.clone()));
        if let Some(tls) = tls.clone() {
            let (calendar, stop, every) = (shared.calendar.clone(), stop.clone(), settings.reload_every);
            tokio::spawn(async move { stop.run_until_cancelled(tls.watch(every, &calendar)).await });
        }
        let (calendar, stop_watching) = (shared.calendar.clone(), stop.clone());
        tokio::spawn(async move { stop_watching.run_until_cancelled(calendar.watch()).await });
        let (has_tls, has_admin_tls) = (tls.is_some(), admin_tls.is_some());
        let times = settings.client;
        let serving = Serving { router: router(&shared), times, tls };
        let data = tokio::spawn(listener::serve(data, serving, stop.clone(), settings.drain));
        let admin = tokio::spawn(listener::serve(
            admin,
            Serving { router: admin::router(health), times, tls: admin_tls },
            stop_admin.clone(),
            std::time::Duration::from_millis(100),
        ));
        let speech = if has_admin_tls { Speech::Tls } else { Speech::Plain };
        crate::presence::announce(&settings.state, admin_address, speech, operators.local());
        tracing::info!(event = "gateway.started", address = %address, admin = %admin_address);
        let state = settings.state.clone();
        Ok(Self {
            shared,
            recorder,
            address,
            admin_address,
            has_tls,
            has_admin_tls,
            draining,
            stop,
            stop_admin,
            data,
            admin,
            reload,
            state,
        })
    }

    /// Where callers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where callers connect, as a base URL.
    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The admin listener, as a base URL.
    pub fn admin_url(&self) -> String {
        let scheme = if self.has_admin_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.admin_address)
    }

    /// Where health is asked for.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The ledger, for whoever reports from it.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// Stops accepting, lets requests end until the deadline, writes the exact balances, closes the files.
    pub async fn shutdown(self) -> Result<(), LedgerError> {
        self.draining.store(true, Ordering::Relaxed);
        self.stop.cancel();
        let served = self.data.await;
        if let Some(reload) = self.reload
            && reload.await.is_err()
        {
            tracing::error!(event = "bundle.reload_panicked", "the reload ended before it was told to");
        }
        self.stop_admin.cancel();
        let administered = self.admin.await;
        if served.is_err() || administered.is_err() {
            tracing::error!(event = "listener.panicked", "a listener ended before it was told to");
        }
        // Connections that were cut are dropped by their own tasks; their holds settle as they go.
        tokio::task::yield_now().await;
        crate::presence::withdraw(&self.state);
        let ledger = self.shared.ledger.clone();
        let closed = ledger.close().await;
        drop(self.shared);
        self.recorder.close();
        closed
    }
}

/// The sockets of callers and of operators, and what is spoken on them.
struct Doors {
    data: TcpListener,
    admin: TcpListener,
    address: SocketAddr,
    admin_address: SocketAddr,
    tls: Option<Arc<Tls>>,
    admin_tls: Option<Arc<Tls>>,
}

impl Doors {
    fn open(settings: &Settings, calendar: &Calendar) -> Result<Self, StartError> {
        let tls = settings.tls.clone().map(|files| Tls::open(files, calendar.look().wall)).transpose()?;
        let tls = tls.map(Arc::new);
        let admin_tls = tls.clone().filter(|_| settings.admin_tls == AdminTls::Yes);
        let data = listener::bind(settings.listen, "--listen")?;
        let admin = listener::bind(settings.admin_listen, "--admin-listen")?;
        let address = data.local_addr().unwrap_or(settings.listen);
        let admin_address = admin.local_addr().unwrap_or(settings.admin_listen);
        if admin_tls.is_none() && !admin_address.ip().is_loopback() {
            tracing::warn!(
                event = "admin.cleartext", address = %admin_address,
                "admin tokens can be read on the way to this address; give it --admin-tls, or a proxy with TLS in front"
            );
        }
        Ok(Self { data, admin, address, admin_address, tls, admin_tls })
    }
}

/// A request takes two sockets, and the usual soft limit of 1,024 files is a relic: up to the hard one is ours to take.
fn raise_file_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => {
            tracing::debug!(event = "files.limit", files);
        }
        Err(cause) => {
            tracing::warn!(event = "files.limit", cause = %cause, "the limit of open files stays as it is");
        }
    }
}

/// The route table as a router.
fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let shared = shared.clone();
        let handler = move |request: Request<Body>| exchange::answer(shared.clone(), route, request);
        router = router.route(route.path, any(handler));
    }
    let shared = shared.clone();
    router.fallback(move |headers: HeaderMap| async move { exchange::no_route(&shared, &headers) })
}
