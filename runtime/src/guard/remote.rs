//! One question to a classifier over HTTP: `POST {text}`, answered with `{label, score, labels}`.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, header};
use pai_bundle::guard;
use pai_bundle::name::QualifiedName;
use reqwest::{Response, Url};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::classifiers::ClassifierError;
use super::reply::{self, Findings};
use super::unavailable::Unavailable;
use crate::live_key::{Key, KeyStanding, LiveKey, Owner};
use crate::secret::Secrets;
use crate::upstream::endpoint::base_url;
use crate::upstream::resolve::{Lookup, Names};

/// Bytes of an answer that are read: a verdict has some hundred.
const BODY_BYTES: usize = 64 * 1024;
/// How long an idle connection is kept. Common Python and Node servers close theirs after five seconds, and one that is
/// closed at the moment of its use is a failure.
const IDLE: Duration = Duration::from_secs(4);

/// A classifier's address, and the way to it.
#[derive(Debug)]
pub(crate) struct Remote {
    binding: QualifiedName,
    http: reqwest::Client,
    endpoint: Url,
    model: Option<String>,
    key: LiveKey,
    secrets: Secrets,
}

#[derive(Serialize)]
struct Question<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

impl Remote {
    /// Follows no redirects. A name may lead to public addresses, to those that the manifest lists, and to this machine;
    /// any other address is connected to only where the manifest has it instead of a name.
    pub(crate) fn new(
        binding: &QualifiedName,
        remote: &guard::Remote,
        secrets: &Secrets,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, ClassifierError> {
        let endpoint = base_url(&remote.endpoint)
            .map_err(|cause| ClassifierError::Endpoint { binding: binding.clone(), cause })?;
        let key = match &remote.auth {
            None => LiveKey::not_needed(),
            Some(wanted) => LiveKey::open(wanted, secrets).map_err(|cause| ClassifierError::Secret {
                binding: binding.clone(),
                cause: Box::new(cause),
            })?,
        };
        if let (true, Some(wanted)) = (key.is_missing(), &remote.auth) {
            tracing::warn!(
                event = "secret.missing", guard = %binding, secret = %wanted.name, key = %wanted.key,
                looked_in = %secrets.describe(), "this guard will judge nothing"
            );
        }
        // A bundle is loaded before the gateway starts; a second install is the same one again.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let names = Names::of_guard(binding, &remote.endpoint_networks, lookup, |variable| {
            std::env::var(variable).ok()
        });
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(names))
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(usize::try_from(remote.max_concurrency).unwrap_or(usize::MAX))
            .build()
            .map_err(|cause| ClassifierError::Client { binding: binding.clone(), cause })?;
        let (binding, model, secrets) = (binding.clone(), remote.model.clone(), secrets.clone());
        Ok(Self { binding, http, endpoint, model, key, secrets })
    }

    /// Asks about one text, for as long as it takes.
    pub(crate) async fn ask(&self, text: &str) -> Result<Findings, Unavailable> {
        let question = Question { text, model: self.model.as_deref() };
        let mut request = self.http.post(self.endpoint.clone()).json(&question);
        match &**self.key.now() {
            Key::NotNeeded => {}
            Key::Missing => return Err(Unavailable::Secret),
            Key::Found(key) => {
                let text = zeroize::Zeroizing::new(format!("Bearer {}", key.expose_secret()));
                let mut value = HeaderValue::from_str(&text).map_err(|_| Unavailable::Secret)?;
                value.set_sensitive(true);
                request = request.header(header::AUTHORIZATION, value);
            }
        }
        let again = request.try_clone();
        let response = match (request.send().await, again) {
            // The server may have closed the connection while it lay idle. Asking twice does no harm.
            (Err(error), Some(again)) if is_broken(&error) => again.send().await,
            (sent, _) => sent,
        };
        let response = response.map_err(|error| self.unavailable(&error))?;
        if !response.status().is_success() {
            return Err(Unavailable::Status(response.status().as_u16()));
        }
        reply::read(&self.body(response).await?)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Unavailable> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unavailable(&error))? {
            if body.len().saturating_add(chunk.len()) > BODY_BYTES {
                return Err(Unavailable::Garbage("it is longer than 64 KiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unavailable(&self, error: &reqwest::Error) -> Unavailable {
        let unavailable = if error.is_connect() { Unavailable::Unreachable } else { Unavailable::Broken };
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        // The innermost cause has no URL, which could have a key in its query.
        tracing::debug!(event = "guard.call_failed", binding = %self.binding, reason = unavailable.reason(), %cause);
        unavailable
    }

    /// Takes a new secret, if there is one; reads the disk.
    pub(crate) fn look_at_key(&self) {
        self.key.look(&self.secrets, Owner::Guard(&self.binding));
    }

    pub(crate) fn key_standing(&self) -> Option<KeyStanding<'_>> {
        self.key.standing(Owner::Guard(&self.binding))
    }
}

/// Whether there was a connection, and it ended before an answer began.
fn is_broken(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_connect() && !error.is_timeout()
}
