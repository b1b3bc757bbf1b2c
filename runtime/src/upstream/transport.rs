//! How requests leave: over connections that hyper-util makes and keeps, or through reqwest where the environment has a
//! proxy for the provider. reqwest speaks to any proxy, and its layers cost a pass-through a sixth more CPU (measured);
//! so they are paid for where they are needed.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use tower::Service;

use super::received::Received;
use super::resolve::{Names, PROXY_VARIABLES, Resolver};
use crate::settings::UpstreamTimes;

/// Connections that stay open without a request, for each provider.
const IDLE_CONNECTIONS: usize = 256;
/// For so long.
const IDLE: Duration = Duration::from_secs(90);
/// When a silent connection is asked whether it is still there, how often, and how many times. With these, one whose
/// other end is gone is noticed within a minute, however long an answer may take.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;
/// How long sent bytes may go unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How many times a request is sent again that the other side says it has not looked at (RFC 9113, 8.7).
const NOT_LOOKED_AT: u32 = 2;

/// No client can be had.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No TLS, or no trusted roots on this machine.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// Nothing to speak to proxies with.
    #[error(transparent)]
    Proxies(#[from] reqwest::Error),
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// There is no writing it.
    Unwritable(Box<dyn Error + Send + Sync>),
    /// No connection could be made.
    Connection(Box<dyn Error + Send + Sync>),
    /// There was one, and no answer came of it.
    Answer(Box<dyn Error + Send + Sync>),
}

/// Every connection to providers.
#[derive(Debug)]
pub(crate) struct Transport {
    direct: Client<InTime<HttpsConnector<HttpConnector<Resolver>>>, Full<Bytes>>,
    reqwest: reqwest::Client,
    /// `None` where the environment has no proxies at all.
    proxies: Option<Matcher>,
    read: Duration,
}

impl Transport {
    /// Looks names up in `names`; what is proxied is read from the environment once, here.
    pub(crate) fn new(times: UpstreamTimes, names: &Arc<Names>) -> Result<Self, ClientError> {
        // The machine's roots are read once, for both.
        let tls = ClientConfig::builder().with_platform_verifier()?.with_no_client_auth();
        Self::trusting(tls, times, names)
    }

    /// The same with other roots than the machine's.
    fn trusting(
        mut tls: ClientConfig,
        times: UpstreamTimes,
        names: &Arc<Names>,
    ) -> Result<Self, ClientError> {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let reqwest = reqwest::Client::builder()
            .dns_resolver(names.clone())
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(times.connect)
            .read_timeout(times.read)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build()?;
        let has_proxies =
            PROXY_VARIABLES.iter().any(|name| std::env::var_os(name).is_some_and(|it| !it.is_empty()));
        let connector = InTime {
            connector: HttpsConnector::from((tcp(Resolver(names.clone()), times.connect), tls)),
            limit: times.connect,
        };
        let direct = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self { direct, reqwest, proxies: has_proxies.then(Matcher::from_env), read: times.read })
    }

    /// Sends a POST.
    pub(crate) async fn post(
        &self,
        uri: Uri,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Received>, SendError> {
        if self.proxies.as_ref().is_some_and(|proxies| proxies.intercept(&uri).is_some()) {
            return Box::pin(self.through_reqwest(&uri, headers, body)).await;
        }
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        // One timer waits for the head, and then for each of the body's bytes.
        let mut silence = Box::pin(tokio::time::sleep(self.read));
        let answer = tokio::select! {
            biased;
            answer = self.until_looked_at(request) => answer,
            () = silence.as_mut() => return Err(SendError::Answer(io::Error::from(io::ErrorKind::TimedOut).into())),
        };
        match answer {
            Ok(response) => Ok(response.map(|bytes| Received::new(bytes, silence, self.read))),
            Err(error) if error.is_connect() => Err(SendError::Connection(error.into())),
            Err(error) => Err(SendError::Answer(error.into())),
        }
    }

    async fn until_looked_at(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<hyper::body::Incoming>, legacy::Error> {
        // Only HTTP/2 has a word for it, which is spoken over TLS alone; copies of headers are not for nothing.
        let again = (request.uri().scheme_str() == Some("https")).then(|| request.clone());
        let mut answer = self.direct.request(request).await;
        for _ in 0..NOT_LOOKED_AT {
            match (&answer, &again) {
                (Err(error), Some(request)) if was_not_looked_at(error) => {
                    answer = self.direct.request(request.clone()).await;
                }
                _ => break,
            }
        }
        answer
    }

    async fn through_reqwest(
        &self,
        uri: &Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Received>, SendError> {
        let request = self.reqwest.post(uri.to_string()).headers(headers).body(body);
        match request.send().await {
            Ok(response) => Ok(Response::<reqwest::Body>::from(response).map(Received::from)),
            Err(error) if error.is_builder() => Err(SendError::Unwritable(error.into())),
            Err(error) if error.is_connect() => Err(SendError::Connection(error.into())),
            Err(error) => Err(SendError::Answer(error.into())),
        }
    }
}

fn tcp(resolver: Resolver, connect: Duration) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    // The TLS around it has the other scheme.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    tcp
}

/// Whether the other side says, over HTTP/2, that it has not begun: then it may be sent again, and is not charged twice.
fn was_not_looked_at(error: &legacy::Error) -> bool {
    let cause = error.source().and_then(Error::source).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        let reason = cause.reason();
        cause.is_remote()
            && ((cause.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
                || (cause.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM)))
    })
}

/// A connector that gives up after a while, names and TLS included.
#[derive(Debug, Clone)]
struct InTime<C> {
    connector: C,
    limit: Duration,
}

impl<C> Service<Uri> for InTime<C>
where
    C: Service<Uri>,
    C::Error: Into<Box<dyn Error + Send + Sync>>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.limit, self.connector.call(to));
        Box::pin(async move {
            match connecting.await {
                Ok(connection) => connection.map_err(Into::into),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}
