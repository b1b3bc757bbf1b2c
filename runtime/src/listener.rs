//! Sockets: accepts connections, gives each its limits, and ends them in order when the gateway stops.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::exchange::Peer;

/// Longest time for a request's headers to arrive; inert in hyper unless a timer is set, so one is.
const HEADER_READ_TIME: Duration = Duration::from_secs(30);
/// Most bytes of a request's headers. Claude Code sends some 2 kB; SDKs with tracing headers some more.
const HEADERS_MAX_BYTES: usize = 64 * 1024;
/// Wait after a failed accept, which is nearly always "too many open files".
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has it.
    #[error("address {address} is in use by another program; stop it, or choose another with {flag}")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The command line's name for it.
        flag: &'static str,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {cause}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// Opens a listening socket.
pub(crate) async fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::InUse { address, flag },
        _ => ListenError::Other { address, cause },
    })
}

/// Serves until `stop`, then lets requests under way end for at most `drain` and drops the rest.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, drain: Duration) {
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                tokio::spawn(connection(socket, peer, router.clone(), graceful.watcher(), cut.clone()));
            }
            Err(cause) => {
                tracing::warn!(event = "accept.failed", cause = %cause);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        // Open streams would keep hyper waiting for ever; dropped, they are settled where they stand.
        tracing::warn!(
            event = "drain.deadline",
            seconds = drain.as_secs(),
            "cutting the streams that are left"
        );
    }
    cut.cancel();
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    router: Router,
    watcher: Watcher,
    cut: CancellationToken,
) {
    // Without it a stream's events wait for each other's acknowledgements.
    if let Err(cause) = socket.set_nodelay(true) {
        tracing::debug!(event = "nodelay.failed", cause = %cause);
    }
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.map(Body::new)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIME)
        .max_buf_size(HEADERS_MAX_BYTES)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
    tokio::select! {
        // An error here is the client's: it left, or sent no HTTP.
        ended = watcher.watch(connection) => if let Err(cause) = ended {
            tracing::debug!(event = "connection.ended", peer = %peer, cause = %cause);
        },
        () = cut.cancelled() => {}
    }
}
