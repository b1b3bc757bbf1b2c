//! The only function that opens a connection to a provider. It takes a permit and a hold by value, so nothing can be
//! sent that was not decided on and set aside.

pub(crate) mod breaker;
pub(crate) mod endpoint;
pub(crate) mod headers;
mod received;
pub(crate) mod resolve;
pub(crate) mod retry;
mod special;
mod transport;

use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use pai_ledger::{Hold, Quantity};
use pai_policies::Permit;
use pai_protocol::Dialect;

use crate::live_key::Key;
use crate::refusal::Refusal;
use crate::settings::UpstreamTimes;
use crate::snapshot::{Snapshot, Upstream};
use endpoint::Purpose;
pub(crate) use received::Received;
use resolve::{Lookup, Names};
pub(crate) use transport::ClientError;
use transport::{SendError, Transport};

/// The HTTP client, and the names that it may look up.
#[derive(Debug)]
pub(crate) struct Client {
    transport: Transport,
    names: Arc<Names>,
}

/// What is sent, besides what the permit says.
pub(crate) struct Call<'a> {
    /// What it is written in.
    pub(crate) dialect: Dialect,
    /// What is asked for.
    pub(crate) purpose: Purpose,
    /// The provider's own name of the model, where that stands in the URL.
    pub(crate) model: &'a str,
    /// Query as the client sent it, where the client speaks the same dialect.
    pub(crate) query: Option<&'a str>,
    /// Headers, without credentials.
    pub(crate) headers: HeaderMap,
    /// The body, with the provider's own name of the model.
    pub(crate) body: Bytes,
}

/// What came of it.
pub(crate) enum Sent {
    /// An answer has begun; its usage is still to come, so the hold stays.
    Answered {
        /// Status, headers and a body that is still arriving.
        response: http::Response<Received>,
        /// The hold to settle.
        hold: Hold,
    },
    /// The provider said no. Providers do not charge for errors, so the hold is free again.
    Failed(http::Response<Received>),
    /// There is no sending it there: no key, no way to write it, or a provider that says to go elsewhere.
    Unsendable(Refusal),
    /// No connection could be made.
    Unreachable(Refusal),
    /// It broke off before an answer: what was used is unknown, so the hold was counted in full.
    Broke(Refusal),
}

impl Client {
    /// A client that follows no redirects and unpacks nothing, and asks `lookup` for addresses.
    pub(crate) fn new(times: UpstreamTimes, lookup: Arc<dyn Lookup>) -> Result<Self, ClientError> {
        let names = Arc::new(Names::new(lookup, |variable| std::env::var(variable).ok()));
        if !names.proxies().is_empty() {
            tracing::info!(
                event = "upstream.proxy",
                proxies = names.proxies().join(", "),
                "the proxy looks up the names of providers, and their addresses are not checked here"
            );
        }
        let transport = Transport::new(times, &names)?;
        Ok(Self { transport, names })
    }

    /// From now on the endpoints of this bundle may be looked up. Called before the bundle is in force, so that no
    /// request of its comes too early; one of the bundle before may find a network closed that the new one has closed.
    pub(crate) fn follow(&self, snapshot: &Snapshot) {
        self.names.follow(snapshot.upstreams());
    }

    /// Sends. INVARIANT: the caller held exactly what the permit decided on; a smaller hold is refused here.
    pub(crate) async fn send(&self, upstream: &Upstream, permit: Permit, hold: Hold, call: Call<'_>) -> Sent {
        let provider = permit.provider();
        if upstream.provider.name != *provider
            || hold.quantity() != (Quantity { tokens: permit.tokens(), cost: permit.cost() })
        {
            hold.release();
            return Sent::Unsendable(Refusal::LedgerUnavailable);
        }
        let Some(Addressed { uri, headers, body }) = addressed(upstream, call) else {
            hold.release();
            return Sent::Unsendable(Refusal::KeyMissing { provider: provider.clone() });
        };
        match self.transport.post(uri, headers, body).await {
            // Passed on, it would send the client there, with the credential that it has for here.
            Ok(response) if response.status().is_redirection() => {
                hold.release();
                tracing::warn!(event = "upstream.redirected", provider = %provider, status = response.status().as_u16());
                let cause = "it redirects, which is not followed".to_owned();
                Sent::Unsendable(Refusal::UpstreamFailed { provider: provider.clone(), cause })
            }
            // A protocol that nobody asked to be switched to; passed on, the client's connection would be no HTTP any more.
            Ok(response) if response.status().is_informational() => {
                let cause = "its answer is none".to_owned();
                Sent::Broke(Refusal::UpstreamFailed { provider: provider.clone(), cause })
            }
            Ok(response) if is_error(response.status()) => {
                hold.release();
                Sent::Failed(response)
            }
            Ok(response) => Sent::Answered { response, hold },
            Err(error) => {
                let refusal = Refusal::UpstreamFailed { provider: provider.clone(), cause: in_words(&error) };
                match error {
                    SendError::Unwritable(_) => {
                        hold.release();
                        Sent::Unsendable(refusal)
                    }
                    SendError::Connection(_) => {
                        hold.release();
                        Sent::Unreachable(refusal)
                    }
                    // Dropped, the hold is counted in full.
                    SendError::Answer(_) => Sent::Broke(refusal),
                }
            }
        }
    }
}

/// A call on its way to an address.
struct Addressed {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// `None` where the key is missing, or cannot be a header.
fn addressed(upstream: &Upstream, call: Call<'_>) -> Option<Addressed> {
    let Call { dialect, purpose, model, query, mut headers, body } = call;
    let uri = upstream.endpoint.uri(&upstream.provider, dialect, purpose, model, query)?;
    match &**upstream.key.now() {
        Key::NotNeeded => {}
        Key::Missing => return None,
        Key::Found(key) => {
            if !endpoint::put_key(&mut headers, upstream.provider.kind, dialect, key) {
                return None;
            }
        }
    }
    Some(Addressed { uri, headers, body })
}

fn is_error(status: StatusCode) -> bool {
    !status.is_success()
}

/// What happened, without the URL: it may carry what a client put into its query.
fn in_words(error: &SendError) -> String {
    let (SendError::Unwritable(source) | SendError::Connection(source) | SendError::Answer(source)) = error;
    let (mut cause, mut is_late): (&dyn Error, bool) = (&**source, is_timeout(&**source));
    while let Some(source) = cause.source() {
        cause = source;
        is_late |= is_timeout(cause);
    }
    let what = match error {
        SendError::Unwritable(_) => "the request cannot be written for it",
        SendError::Connection(_) | SendError::Answer(_) if is_late => "it took too long",
        SendError::Connection(_) => "no connection could be made",
        SendError::Answer(_) => "the connection broke before an answer",
    };
    tracing::warn!(event = "upstream.failed", what, cause = %cause);
    what.to_owned()
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let is_io = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    error.downcast_ref::<io::Error>().is_some_and(is_io)
        || error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
}
