//! Starts and stops the fake provider, and takes orders for the answers to come.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::anthropic;
use crate::connection::Connections;
use crate::log::Log;
use crate::orders::Shared;
use crate::scenario::Scenario;

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
            .route("/__simulator/log", get(show_log).delete(clear_log).with_state(shared.clone()));
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

    /// Answer the next valid request for a message like this, once; orders queue up, and counting tokens or listing
    /// models takes none.
    pub fn push(&self, scenario: Scenario) {
        self.shared.answer_next_like(scenario);
    }

    /// What was received.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Stops: open connections break off, and new ones are refused. Another may start at the same address.
    pub async fn stop(mut self) {
        self.shared.log.close();
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.log.close();
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let connections = Connections::new(listener, stopped.clone());
    tokio::select! {
        _ = axum::serve(connections, router).into_future() => {}
        // A dropped handle stops it as well.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

const MARK: [(&str, &str); 1] = [("x-pai-simulated", "true")];

async fn show_log(State(shared): State<Shared>) -> impl IntoResponse {
    (MARK, Json(shared.log.entries()))
}

async fn clear_log(State(shared): State<Shared>) -> impl IntoResponse {
    shared.log.clear();
    MARK
}
