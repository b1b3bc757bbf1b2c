//! The only function that opens a connection to a provider. It takes a permit and a hold by value, so nothing can be
//! sent that was not decided on and set aside.

pub(crate) mod headers;
pub(crate) mod retry;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use pai_bundle::provider::ProviderKind;
use pai_ledger::{Hold, Quantity};
use pai_policies::Permit;
use secrecy::ExposeSecret;

use crate::refusal::Refusal;
use crate::settings::UpstreamTimes;
use crate::snapshot::{Key, Upstream};

/// The HTTP client and nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Client(reqwest::Client);

/// What is sent, besides what the permit says.
pub(crate) struct Call<'a> {
    /// Path at the provider.
    pub(crate) path: &'static str,
    /// Query as the client sent it.
    pub(crate) query: Option<&'a str>,
    /// The client's headers.
    pub(crate) headers: &'a HeaderMap,
    /// The body, with the provider's own name of the model.
    pub(crate) body: Bytes,
    /// Whether a stream is asked for.
    pub(crate) stream: bool,
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
    /// Nothing arrived there.
    Unreachable(Refusal),
    /// It broke off before an answer: what was used is unknown, so the hold was counted in full.
    Broke(Refusal),
}

impl Client {
    /// A client that follows no redirects and unpacks nothing.
    pub(crate) fn new(times: UpstreamTimes) -> Result<Self, reqwest::Error> {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(times.connect)
            .read_timeout(times.read)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(256)
            .build()
            .map(Self)
    }

    /// Sends. INVARIANT: the caller held exactly what the permit decided on; a smaller hold is refused here.
    pub(crate) async fn send(&self, upstream: &Upstream, permit: Permit, hold: Hold, call: Call<'_>) -> Sent {
        let provider = permit.provider();
        if upstream.provider.name != *provider
            || hold.quantity() != (Quantity { tokens: permit.tokens(), cost: permit.cost() })
        {
            hold.release();
            return Sent::Unreachable(Refusal::LedgerUnavailable);
        }
        if upstream.provider.kind != ProviderKind::Anthropic {
            hold.release();
            let kind = upstream.provider.kind.as_str();
            return Sent::Unreachable(Refusal::OtherProtocol { provider: provider.clone(), kind });
        }
        let Some(request) = self.request(upstream, call) else {
            hold.release();
            return Sent::Unreachable(Refusal::KeyMissing { provider: provider.clone() });
        };
        match self.0.execute(request).await {
            Ok(response) if is_error(response.status()) => {
                hold.release();
                Sent::Failed(response.into())
            }
            Ok(response) => Sent::Answered { response: response.into(), hold },
            Err(error) => {
                let refusal = Refusal::UpstreamFailed { provider: provider.clone(), cause: in_words(&error) };
                if error.is_connect() || error.is_builder() {
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
        let mut url = upstream.endpoint.clone();
        let path = format!("{}{}", url.path().trim_end_matches('/'), call.path);
        url.set_path(&path);
        url.set_query(call.query);
        let mut headers = headers::to_upstream(call.headers, call.stream);
        match &upstream.key {
            Key::NotNeeded => {}
            Key::Missing => return None,
            Key::Found(key) => {
                let mut value = http::HeaderValue::from_str(key.expose_secret()).ok()?;
                value.set_sensitive(true);
                headers.insert("x-api-key", value);
            }
        }
        self.0.request(Method::POST, url).headers(headers).body(call.body).build().ok()
    }
}

fn is_error(status: StatusCode) -> bool {
    !status.is_success()
}

/// What happened, without the URL: it may carry what a client put into its query.
fn in_words(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
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
