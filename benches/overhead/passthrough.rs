//! What the gateway is compared with: proxies on the same stack that pass everything on and do nothing else. Each is
//! this program again, as a process of its own.

use std::convert::Infallible;
use std::io::{Read, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::serve::ListenerExt;
use bytes::{Bytes, BytesMut};
use clap::ValueEnum;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::{Frame, SizeHint};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// As the gateway's.
const IDLE_CONNECTIONS: usize = 256;
/// As the gateway's, so that gathering is compared with gathering.
const GATHER_TURNS: u8 = 3;
const GATHER_MAX_BYTES: usize = 64 * 1024;

/// Which pass-through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// axum and hyper-util's client.
    Hyper,
    /// axum and reqwest.
    Reqwest,
    /// axum and hyper-util's client, with a burst's frames gathered into few writes.
    Gathering,
}

impl Role {
    /// As the command line has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Reqwest => "reqwest",
            Self::Gathering => "gathering",
        }
    }
}

/// Serves until told to stop, or until the program that started it is gone, which closes this one's standard input.
pub(crate) async fn serve(role: Role, listen: SocketAddr, upstream: SocketAddr) -> Result<()> {
    // First, since whoever can connect may also tell it to stop.
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(listen).await?.tap_io(|socket| {
        // Without it, events wait for each other's acknowledgements.
        let _ = socket.set_nodelay(true);
    });
    let router = match role {
        Role::Hyper => through_hyper(upstream, Body::new),
        Role::Gathering => through_hyper(upstream, |body| Body::new(Gathering::new(body))),
        Role::Reqwest => through_reqwest(upstream)?,
    };
    let (gone, closed) = tokio::sync::oneshot::channel();
    // A thread of its own: a runtime that ends waits for those it lends.
    std::thread::spawn(move || gone.send(std::io::stdin().read(&mut [0])));
    tokio::select! {
        ended = async { axum::serve(listener, router).await } => ended,
        _ = closed => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

fn through_hyper(upstream: SocketAddr, pass: fn(hyper::body::Incoming) -> Body) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Body> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IDLE_CONNECTIONS).build(connector);
    Router::new().fallback(move |mut request: Request<Body>| {
        let client = client.clone();
        async move {
            let Some(uri) = target(request.uri(), upstream) else { return bad_gateway() };
            *request.uri_mut() = uri;
            strip(request.headers_mut());
            match client.request(request).await {
                Ok(response) => {
                    let mut response = response.map(pass);
                    strip(response.headers_mut());
                    response
                }
                Err(_) => bad_gateway(),
            }
        }
    })
}

fn through_reqwest(upstream: SocketAddr) -> Result<Router> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build()
        .map_err(std::io::Error::other)?;
    Ok(Router::new().fallback(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let (mut head, body) = request.into_parts();
            let Some(uri) = target(&head.uri, upstream) else { return bad_gateway() };
            strip(&mut head.headers);
            let call = client
                .request(head.method, uri.to_string())
                .headers(head.headers)
                .body(reqwest::Body::wrap_stream(body.into_data_stream()));
            match call.send().await {
                Ok(response) => {
                    let mut response = Response::<reqwest::Body>::from(response).map(Body::new);
                    strip(response.headers_mut());
                    response
                }
                Err(_) => bad_gateway(),
            }
        }
    }))
}

fn target(asked: &Uri, upstream: SocketAddr) -> Option<Uri> {
    let path = asked.path_and_query().map_or("/", |path| path.as_str());
    format!("http://{upstream}{path}").parse().ok()
}

fn strip(headers: &mut HeaderMap) {
    for name in [HOST, CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

fn bad_gateway() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

/// A body whose frames wait a few turns of the scheduler for more.
struct Gathering {
    inner: hyper::body::Incoming,
    gathered: BytesMut,
    turns: u8,
    ended: bool,
}

impl Gathering {
    fn new(inner: hyper::body::Incoming) -> Self {
        Self { inner, gathered: BytesMut::new(), turns: 0, ended: false }
    }
}

impl http_body::Body for Gathering {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        while !this.ended && this.gathered.len() < GATHER_MAX_BYTES {
            match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        this.turns = 0;
                        this.gathered.extend_from_slice(&data);
                    }
                    this.ended = this.inner.is_end_stream();
                }
                // The load generator finds what was cut.
                Poll::Ready(_) => this.ended = true,
                Poll::Pending if this.gathered.is_empty() => return Poll::Pending,
                Poll::Pending if this.turns < GATHER_TURNS => {
                    this.turns += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Pending => break,
            }
        }
        if this.gathered.is_empty() {
            return Poll::Ready(None);
        }
        this.turns = 0;
        Poll::Ready(Some(Ok(Frame::data(this.gathered.split().freeze()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.gathered.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.gathered.is_empty() { self.inner.size_hint() } else { SizeHint::default() }
    }
}
