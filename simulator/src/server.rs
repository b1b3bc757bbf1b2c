//! Starts and stops the fake provider, and takes orders for the answers to come.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Json;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::anthropic;
use crate::log::{Entry, Log};
use crate::orders::Shared;
use crate::scenario::Scenario;

/// Most bytes of a request: above the 32 MB of the real API, which answers 413 itself.
const BODY_MAX_BYTES: usize = 48 * 1024 * 1024;

/// How to start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; a free port of the loopback address unless said otherwise.
    pub listen: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
    }
}

/// The simulator did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct SimulatorError {
    address: SocketAddr,
    cause: std::io::Error,
}

/// A running simulator; stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Shared,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Listens and answers.
    pub async fn start(settings: Settings) -> Result<Self, SimulatorError> {
        let failed = |cause| SimulatorError { address: settings.listen, cause };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Shared::default();
        let router = anthropic::router(shared.clone())
            .route("/__simulator/log", get(show_log).delete(clear_log).with_state(shared.clone()))
            .layer(DefaultBodyLimit::max(BODY_MAX_BYTES));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, router, stopped));
        Ok(Self { address, shared, stop, task: Some(task) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, answer like this.
    pub fn scenario(&self, scenario: Scenario) {
        self.shared.answer_like(scenario);
    }

    /// Answer the next request like this, once; orders queue up.
    pub fn push(&self, scenario: Scenario) {
        self.shared.answer_next_like(scenario);
    }

    /// What was received.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Stops listening: from here on, connections are refused.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    // Events must not wait for each other's acknowledgements, as they would not at the real one.
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    let stop = async move {
        // A dropped handle stops it as well.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    tokio::select! {
        _ = axum::serve(listener, router).into_future() => {}
        () = stop => {}
    }
}

async fn show_log(State(shared): State<Shared>) -> Json<Vec<Entry>> {
    Json(shared.log.entries())
}

async fn clear_log(State(shared): State<Shared>) {
    shared.log.clear();
}
