//! The only function that opens a connection to a provider. It takes a permit and a hold by value, so nothing can be
//! sent that was not decided on and set aside.

pub(crate) mod breaker;
pub(crate) mod endpoint;
pub(crate) mod headers;
pub(crate) mod resolve;
pub(crate) mod retry;
mod special;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use pai_ledger::{Hold, Quantity};
use pai_policies::Permit;
use pai_protocol::Dialect;

use crate::live_key::Key;
use crate::refusal::Refusal;
use crate::settings::UpstreamTimes;
use crate::snapshot::{Snapshot, Upstream};
use endpoint::Purpose;
use resolve::{Lookup, Names};

/// The HTTP client, and the names that it may look up.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
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
        response: http::Response<reqwest::Body>,
        /// The hold to settle.
        hold: Hold,
    },
    /// The provider said no. Providers do not charge for errors, so the hold is free again.
    Failed(http::Response<reqwest::Body>),
    /// There is no sending it there: no key, no way to write it, or a provider that says to go elsewhere.
    Unsendable(Refusal),
    /// No connection could be made.
    Unreachable(Refusal),
    /// It broke off before an answer: what was used is unknown, so the hold was counted in full.
    Broke(Refusal),
}

impl Client {
    /// A client that follows no redirects and unpacks nothing, and asks `lookup` for addresses.
    pub(crate) fn new(times: UpstreamTimes, lookup: Arc<dyn Lookup>) -> Result<Self, reqwest::Error> {
        let names = Arc::new(Names::new(lookup, |variable| std::env::var(variable).ok()));
        if !names.proxies().is_empty() {
            tracing::info!(
                event = "upstream.proxy",
                proxies = names.proxies().join(", "),
                "the proxy looks up the names of providers, and their addresses are not checked here"
            );
        }
        let http = reqwest::Client::builder()
            .dns_resolver(names.clone())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(times.connect)
            .read_timeout(times.read)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(256)
            .build()?;
        Ok(Self { http, names })
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
        let Some(request) = self.request(upstream, call) else {
            hold.release();
            return Sent::Unsendable(Refusal::KeyMissing { provider: provider.clone() });
        };
        match self.http.execute(request).await {
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
                Sent::Failed(response.into())
            }
            Ok(response) => Sent::Answered { response: response.into(), hold },
            Err(error) => {
                let refusal = Refusal::UpstreamFailed { provider: provider.clone(), cause: in_words(&error) };
                if error.is_builder() {
                    hold.release();
                    return Sent::Unsendable(refusal);
                }
                if error.is_connect() {
                    hold.release();
                    return Sent::Unreachable(refusal);
                }
                // Dropped, the hold is counted in full.
                Sent::Broke(refusal)
            }
        }
    }

    /// `None` where the key is missing, or cannot be a header.
    fn request(&self, upstream: &Upstream, call: Call<'_>) -> Option<reqwest::Request> {
        let Call { dialect, purpose, model, query, mut headers, body } = call;
        let mut url = endpoint::url(&upstream.endpoint, &upstream.provider, dialect, purpose, model)?;
        // Azure's and Google's queries are part of their paths; a client's would change what is asked.
        if let (None, Some(query)) = (url.query(), query) {
            url.set_query(Some(query));
        }
        match &**upstream.key.now() {
            Key::NotNeeded => {}
            Key::Missing => return None,
            Key::Found(key) => {
                if !endpoint::put_key(&mut headers, upstream.provider.kind, dialect, key) {
                    return None;
                }
            }
        }
        self.http.request(Method::POST, url).headers(headers).body(body).build().ok()
    }
}

fn is_error(status: StatusCode) -> bool {
    !status.is_success()
}

/// What happened, without the URL: it may carry what a client put into its query.
fn in_words(error: &reqwest::Error) -> String {
    let what = if error.is_builder() {
        "the request cannot be written for it"
    } else if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection could be made"
    } else {
        "the connection broke before an answer"
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    tracing::warn!(event = "upstream.failed", what, cause = %cause);
    what.to_owned()
}
