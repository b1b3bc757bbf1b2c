//! Sockets: accepts connections, gives each its limits, and ends them in order when the gateway stops.

mod requests;
mod tls;
mod version;
mod write_limit;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use self::requests::{Overdue, Requests};
pub(crate) use self::tls::Tls;
pub use self::tls::TlsError;
use self::version::Version;
use self::write_limit::WriteLimit;
use crate::exchange::Peer;
use crate::settings::ClientTimes;

/// Most bytes of a request's headers. Claude Code sends some 2 kB; SDKs with tracing headers some more.
const HEADERS_MAX_BYTES: usize = 64 * 1024;
/// Connections that the kernel keeps until they are accepted, of which it allows at most `net.core.somaxconn`. The standard
/// library's 128 are too few for a thousand clients that start at once: what does not fit is reset, and not refused.
const BACKLOG: u32 = 4_096;
/// Most headers of a request.
const HEADERS_MAX: usize = 100;
/// The same over HTTP/2, which counts 32 bytes more for each header (RFC 9113, 6.5.2).
const HEADER_LIST_MAX_BYTES: u32 = 64 * 1024;
/// Requests at a time on one connection of HTTP/2; RFC 9113 (6.5.2) asks for 100 at least.
const STREAMS_MAX: u32 = 128;
/// Most bytes of an answer that wait for its client, for each request on a connection of HTTP/2.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
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

/// What connections are served with.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) router: Router,
    pub(crate) times: ClientTimes,
    /// `None` for HTTP as it is.
    pub(crate) tls: Option<Arc<Tls>>,
}

/// Serves until `stop`, then lets requests under way end for at most `drain` and drops the rest.
pub(crate) async fn serve(listener: TcpListener, serving: Serving, stop: CancellationToken, drain: Duration) {
    // Aborted when time is up: a token that says so would be looked at whenever a connection has something to do.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((socket, peer)) => {
                connections.spawn(connection(socket, peer, serving.clone(), stop.clone()));
            }
            Err(cause) => {
                tracing::warn!(event = "accept.failed", cause = %cause);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, ended).await.is_err() {
        // Open streams would keep hyper waiting for ever; dropped, they are settled where they stand.
        tracing::warn!(
            event = "drain.deadline",
            seconds = drain.as_secs(),
            "cutting the streams that are left"
        );
    }
    connections.shutdown().await;
}

/// One connection, from its first byte to its last.
async fn connection(socket: TcpStream, peer: SocketAddr, serving: Serving, stop: CancellationToken) {
    // Without it a stream's events wait for each other's acknowledgements.
    if let Err(cause) = socket.set_nodelay(true) {
        tracing::debug!(event = "nodelay.failed", cause = %cause);
    }
    let Serving { router, times, tls } = serving;
    // Until it is known what is spoken nothing is under way, so a stop need not wait for it.
    let opened = stop.run_until_cancelled(tokio::time::timeout(times.headers, async {
        match tls {
            None => {
                let version = version::of_plain(&socket).await?;
                Ok::<_, std::io::Error>((Either::Left(WriteLimit::new(socket, times.write)), version))
            }
            Some(tls) => {
                let stream = tls.acceptor().accept(WriteLimit::new(socket, times.write)).await?;
                let version = version::agreed(stream.get_ref().1.alpn_protocol());
                Ok((Either::Right(stream), version))
            }
        }
    }));
    let (socket, version) = match opened.await {
        Some(Ok(Ok(opened))) => opened,
        Some(Ok(Err(cause))) => {
            // It left, or has another idea of TLS; a scanner's every try is no news.
            tracing::debug!(event = "connection.unopened", peer = %peer, cause = %cause);
            return;
        }
        Some(Err(_)) | None => return,
    };
    let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.map(Body::new)
    });
    let ended = match version {
        Version::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // Inert in hyper unless a timer is set, so one is.
                .header_read_timeout(times.headers)
                .max_buf_size(HEADERS_MAX_BYTES)
                .max_headers(HEADERS_MAX)
                .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
            until_it_ends(connection, &stop, times, std::future::pending()).await
        }
        Version::Http2 => {
            let requests = Requests::default();
            let tracking = requests.clone();
            let service = service.map_future(move |answer| tracking.clone().track(answer));
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .max_header_list_size(HEADER_LIST_MAX_BYTES)
                .max_send_buf_size(SEND_BUFFER_BYTES)
                // hyper's own, said here so that they stay: streams that are reset before, and because of, our part.
                .max_pending_accept_reset_streams(20)
                .max_local_error_reset_streams(1_024)
                .serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
            until_it_ends(connection, &stop, times, requests.overdue(times)).await
        }
    };
    // An error here is the client's: it left, or sent no HTTP.
    if let Err(cause) = ended {
        tracing::debug!(event = "connection.ended", peer = %peer, cause = %cause);
    }
}

/// Drives a connection. A stop, or nothing to do for too long, lets it end what is under way; a client that does not read
/// its answers is dropped.
async fn until_it_ends<C>(
    connection: C,
    stop: &CancellationToken,
    times: ClientTimes,
    overdue: impl Future<Output = Overdue>,
) -> Result<(), C::Error>
where
    C: GracefulConnection,
{
    let mut connection = pin!(connection);
    let overdue = tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = stop.cancelled() => None,
        overdue = overdue => Some(overdue),
    };
    if overdue == Some(Overdue::Unread) {
        return Ok(());
    }
    connection.as_mut().graceful_shutdown();
    match overdue {
        // Nothing is under way; who does not even answer that is not waited for.
        Some(_) => tokio::time::timeout(times.headers, connection).await.unwrap_or(Ok(())),
        None => connection.await,
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
