//! An operator's way to a gateway: the URL of its admin listener, and a token for it.

use std::path::Path;

use miette::Diagnostic;
use pai_runtime::presence;
use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

/// Where a token for a gateway elsewhere is taken from. Never an argument: those are in lists of processes.
pub(crate) const TOKEN_VARIABLE: &str = "PAI_ADMIN_TOKEN";

/// A gateway, and what opens its admin listener.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    url: String,
    token: Option<SecretString>,
    /// Whether it is this machine's, found in a state folder.
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Here,
    Elsewhere,
}

/// A gateway does not give what it was asked for.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum OperatorError {
    /// Nobody answers, or not in HTTP.
    #[error("{url} cannot be asked: {cause}")]
    #[diagnostic(help("is it the admin address of a gateway, and does the gateway run?"))]
    Unreachable {
        /// Where.
        url: String,
        /// Why not.
        cause: String,
    },
    /// It does not know the token, or was shown none.
    #[error("{url} lets nobody in without a token that it knows: {said}")]
    #[diagnostic(help(
        "set PAI_ADMIN_TOKEN to a token that was made with `pai admin-token create NAME` beside the gateway"
    ))]
    Denied {
        /// Where.
        url: String,
        /// What it says.
        said: String,
    },
    /// It says no.
    #[error("{said}")]
    Refused {
        /// With which status.
        status: StatusCode,
        /// What it says.
        said: String,
    },
    /// It says something else.
    #[error("{url} does not answer as a gateway does: {cause}")]
    #[diagnostic(help("is it the admin address of a gateway, and is the gateway as new as this `pai`?"))]
    Strange {
        /// Where.
        url: String,
        /// What is wrong.
        cause: String,
    },
}

impl Operator {
    /// A gateway elsewhere. Without a token it can be asked for what needs none.
    pub(crate) fn new(url: &str, token: Option<SecretString>) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), token, place: Place::Elsewhere }
    }

    /// The gateway that runs here on this state folder, with the token that it keeps there.
    pub(crate) fn local(state: &Path) -> Option<Self> {
        let found = presence::find(state)?;
        let place = if found.address.ip().is_loopback() { Place::Here } else { Place::Elsewhere };
        Some(Self { url: found.url(), token: Some(found.token), place })
    }

    /// The gateway with that URL: with the token of the environment, or that of the state folder, if it is that one.
    pub(crate) fn at(url: &str, state: &Path) -> Self {
        let given = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
        match (given, Self::local(state)) {
            (None, Some(local)) if local.url == url.trim_end_matches('/') => local,
            (given, _) => Self::new(url, given.map(SecretString::from)),
        }
    }

    /// The admin listener's base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What is at a path, with its query.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, OperatorError> {
        self.ask(Method::GET, path, Vec::new())
    }

    /// As [`Self::get`], read as JSON.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, OperatorError> {
        let answer = self.get(path)?;
        serde_json::from_slice(&answer).map_err(|cause| self.strange(&cause))
    }

    /// Sends bytes to a path.
    pub(crate) fn post(&self, path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, OperatorError> {
        self.ask(Method::POST, path, bytes)
    }

    fn ask(&self, method: Method, path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, OperatorError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| self.unreachable(&cause))?;
        let (status, said) = runtime
            .block_on(async {
                let client = self.client()?;
                let mut request = client.request(method, format!("{}{path}", self.url)).body(bytes);
                if let Some(token) = &self.token {
                    request = request.bearer_auth(token.expose_secret());
                }
                let answer = request.send().await?;
                let status = answer.status();
                Ok((status, answer.bytes().await?))
            })
            .map_err(|cause: reqwest::Error| self.unreachable(&innermost(&cause)))?;
        match status {
            _ if status.is_success() => Ok(said.to_vec()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(OperatorError::Denied { url: self.url.clone(), said: message(&said) })
            }
            _ => Err(OperatorError::Refused { status, said: message(&said) }),
        }
    }

    /// No proxy, and no redirects: the token is for this address alone.
    fn client(&self) -> Result<Client, reqwest::Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // On loopback nothing is promised by a certificate, which is made for other names, that plain HTTP would promise
        // less: whoever can listen there is on this machine.
        client.tls_danger_accept_invalid_certs(self.place == Place::Here).build()
    }

    fn unreachable(&self, cause: &dyn std::fmt::Display) -> OperatorError {
        OperatorError::Unreachable { url: self.url.clone(), cause: cause.to_string() }
    }

    fn strange(&self, cause: &dyn std::fmt::Display) -> OperatorError {
        OperatorError::Strange { url: self.url.clone(), cause: cause.to_string() }
    }
}

/// "connection refused", and not "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The sentence in an error, or the text as it is.
fn message(said: &[u8]) -> String {
    let document: Option<serde_json::Value> = serde_json::from_slice(said).ok();
    let sentence = document.as_ref().and_then(|document| document["error"].as_str());
    sentence.map_or_else(|| String::from_utf8_lossy(said).trim().to_owned(), str::to_owned)
}
