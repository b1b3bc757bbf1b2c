//! Sockets: accepts connections, gives each its limits, and ends them in order when the gateway stops.

mod write_limit;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::exchange::Peer;
use crate::settings::ClientTimes;
use write_limit::WriteLimit;

/// Most bytes of a request's headers. Claude Code sends some 2 kB; SDKs with tracing headers some more.
const HEADERS_MAX_BYTES: usize = 64 * 1024;
/// Connections that the kernel keeps until they are accepted, of which it allows at most `net.core.somaxconn`. The standard
/// library's 128 are too few for a thousand clients that start at once: what does not fit is reset, and not refused.
const BACKLOG: u32 = 4_096;
/// Most headers of a request.
const HEADERS_MAX: usize = 100;
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
pub(crate) fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ListenError> {
    listen(address).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::InUse { address, flag },
        _ => ListenError::Other { address, cause },
    })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait for what is left of old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`, then lets requests under way end for at most `drain` and drops the rest.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    times: ClientTimes,
    stop: CancellationToken,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                tokio::spawn(connection(
                    socket,
                    peer,
                    router.clone(),
                    times,
                    graceful.watcher(),
                    cut.clone(),
                ));
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
    times: ClientTimes,
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
        // Inert in hyper unless a timer is set, so one is.
        .header_read_timeout(times.headers)
        .max_buf_size(HEADERS_MAX_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(
            TokioIo::new(WriteLimit::new(socket, times.write)),
            TowerToHyperService::new(service),
        );
    tokio::select! {
        // An error here is the client's: it left, or sent no HTTP.
        ended = watcher.watch(connection) => if let Err(cause) = ended {
            tracing::debug!(event = "connection.ended", peer = %peer, cause = %cause);
        },
        () = cut.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than the standard library's backlog, and less than the descriptors that every process may have.
    const CLIENTS: usize = 400;

    #[tokio::test]
    async fn clients_that_come_at_once_are_kept_until_they_are_accepted() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0)), "--listen").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            // Whoever is not kept is asked to try again, after a second at the earliest.
            let client = tokio::time::timeout(Duration::from_secs(30), TcpStream::connect(address)).await;
            clients.push(client.unwrap_or_else(|_| panic!("client {number} waits")).expect("connected"));
        }
        for number in 0..CLIENTS {
            let accepted = tokio::time::timeout(Duration::from_secs(30), listener.accept()).await;
            accepted.unwrap_or_else(|_| panic!("client {number} was forgotten")).expect("accepted");
        }
    }
}
