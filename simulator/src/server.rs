//! Starts and stops the fake providers, and takes orders for the answers to come.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection::Connections;
use crate::log::Log;
use crate::orders::Shared;
use crate::routes;
use crate::scenario::Scenario;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 4_096;

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
    pub(crate) address: SocketAddr,
    pub(crate) cause: std::io::Error,
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
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime to be called in, and its callers wait for it"
    )]
    pub async fn start(settings: Settings) -> Result<Self, SimulatorError> {
        let failed = |cause| SimulatorError { address: settings.listen, cause };
        let listener = listen(settings.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Shared::default();
        let router = routes::router(shared.clone())
            .route("/__simulator/log", get(show_log).delete(clear_log).with_state(shared.clone()));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, router, stopped));
        Ok(Self { address, shared, stop, task: Some(task) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL that a provider of this kind has here, without a slash at the end; `None` for kinds that are not
    /// simulated. Kinds are called as in manifests:
    ///
    /// | kind | base URL | paths below it |
    /// | --- | --- | --- |
    /// | `anthropic` | `http://ADDRESS` | `/v1/messages`, `/v1/messages/count_tokens`, `/v1/models` |
    /// | `openai` | `http://ADDRESS/v1` | `/chat/completions`, `/responses`, `/embeddings`, `/completions`, `/models` |
    /// | `gemini` | `http://ADDRESS` | `/v1beta/models/MODEL:METHOD`, `/v1beta/openai/embeddings` |
    /// | `openrouter` | `http://ADDRESS/api/v1` | as `openai` |
    /// | `azure-openai` | `http://ADDRESS` | `/openai/deployments/NAME/...?api-version=...`, and `/openai/v1` as `openai` |
    /// | `vllm` | `http://ADDRESS/vllm/v1` | as `openai` |
    pub fn base_url(&self, kind: &str) -> Option<String> {
        routes::base(kind).map(|base| format!("{}{base}", self.url()))
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

/// With room for a storm of connections: of those that the standard library's 128 do not hold, some are reset.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Another may start at the same address at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
