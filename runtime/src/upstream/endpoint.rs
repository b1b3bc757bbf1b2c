//! Where a provider is asked: base URL and path by kind and dialect, and the header that its key goes in.

use std::str::FromStr;
use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use pai_bundle::provider::{Provider, ProviderKind};
use pai_protocol::Dialect;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An answer.
    Answer {
        /// As a stream.
        stream: bool,
    },
    /// How many tokens a prompt has.
    Count,
}

/// A provider's base URL, and what requests to it go to, made once: to parse a URL for each costs a hundredth of a
/// request.
#[derive(Debug)]
pub struct Endpoint {
    base: Url,
    /// By [`place`].
    fixed: [OnceLock<Option<Uri>>; PLACES],
}

/// Why a text is no base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no URL at all.
    #[error("it is not a URL")]
    NoUrl,
    /// Credentials are secrets, and have a place of their own.
    #[error("it has a user or a password in it")]
    Userinfo,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { base: base_url(text)?, fixed: Default::default() })
    }
}

/// Reads the base URL of somebody who is asked over HTTP.
pub(crate) fn base_url(text: &str) -> Result<Url, EndpointError> {
    let base: Url = text.parse().map_err(|_| EndpointError::NoUrl)?;
    if !base.username().is_empty() || base.password().is_some() {
        return Err(EndpointError::Userinfo);
    }
    Ok(base)
}

impl Endpoint {
    /// The base URL.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Where to ask; `None` for what the provider does not have. A client's query is added where there is none: Azure's
    /// and Google's are part of their paths, and another would change what is asked.
    pub(crate) fn uri(
        &self,
        provider: &Provider,
        dialect: Dialect,
        purpose: Purpose,
        model: &str,
        query: Option<&str>,
    ) -> Option<Uri> {
        let make = || url(&self.base, provider, dialect, purpose, model)?.as_str().parse().ok();
        let is_fixed = provider.kind != ProviderKind::AzureOpenAi || !azure_is_dated(provider);
        let uri: Uri = match place(dialect, purpose).filter(|_| is_fixed).and_then(|at| self.fixed.get(at)) {
            Some(fixed) => fixed.get_or_init(make).clone()?,
            None => make()?,
        };
        match query {
            Some(query) if uri.query().is_none() => with_query(uri, query),
            _ => Some(uri),
        }
    }
}

/// How many places do not depend on the model.
const PLACES: usize = 6;

/// Which of them it is, if any.
fn place(dialect: Dialect, purpose: Purpose) -> Option<usize> {
    match (dialect, purpose) {
        (Dialect::Messages, Purpose::Answer { .. }) => Some(0),
        (Dialect::Messages, Purpose::Count) => Some(1),
        (Dialect::Chat, Purpose::Answer { .. }) => Some(2),
        (Dialect::Responses, Purpose::Answer { .. }) => Some(3),
        (Dialect::Completions, Purpose::Answer { .. }) => Some(4),
        (Dialect::Embeddings, Purpose::Answer { .. }) => Some(5),
        (Dialect::Gemini, _) | (_, Purpose::Count) => None,
    }
}

fn with_query(uri: Uri, query: &str) -> Option<Uri> {
    let mut parts = uri.into_parts();
    let path = parts.path_and_query.as_ref().map_or("/", http::uri::PathAndQuery::path);
    parts.path_and_query = Some([path, "?", query].concat().try_into().ok()?);
    Uri::from_parts(parts).ok()
}

/// The URL; `None` for what the provider does not have.
///
/// Names of models go into paths as single segments, so that no model's name leads to another path.
fn url(base: &Url, provider: &Provider, dialect: Dialect, purpose: Purpose, model: &str) -> Option<Url> {
    let mut url = base.clone();
    {
        let mut path = url.path_segments_mut().ok()?;
        path.pop_if_empty();
        match (provider.kind, dialect, purpose) {
            (_, Dialect::Messages, Purpose::Answer { .. }) => path.extend(["v1", "messages"]),
            (_, Dialect::Messages, Purpose::Count) => path.extend(["v1", "messages", "count_tokens"]),
            (_, Dialect::Gemini, purpose) => {
                let verb = match purpose {
                    Purpose::Answer { stream: true } => "streamGenerateContent",
                    Purpose::Answer { stream: false } => "generateContent",
                    Purpose::Count => "countTokens",
                };
                path.extend(["v1beta", "models", &format!("{model}:{verb}")])
            }
            (_, _, Purpose::Count) => return None,
            // Google's own embeddings have another form; this is its compatible one.
            (ProviderKind::Gemini, _, _) => path.extend(["v1beta", "openai"]).extend(operation(dialect)?),
            (ProviderKind::AzureOpenAi, _, _) if azure_is_dated(provider) => {
                path.extend(["openai", "deployments", model]).extend(operation(dialect)?)
            }
            (ProviderKind::AzureOpenAi, _, _)
                if base.path().trim_end_matches('/').ends_with("/openai/v1") =>
            {
                path.extend(operation(dialect)?)
            }
            (ProviderKind::AzureOpenAi, _, _) => path.extend(["openai", "v1"]).extend(operation(dialect)?),
            (_, _, _) => path.extend(operation(dialect)?),
        };
    }
    if dialect == Dialect::Gemini && purpose == (Purpose::Answer { stream: true }) {
        url.set_query(Some("alt=sse"));
    }
    if provider.kind == ProviderKind::AzureOpenAi
        && azure_is_dated(provider)
        && let Some(version) = &provider.api_version
    {
        url.query_pairs_mut().clear().append_pair("api-version", version);
    }
    Some(url)
}

/// Azure's newer API has no version in its URLs; a manifest asks for it with `v1`.
fn azure_is_dated(provider: &Provider) -> bool {
    provider.api_version.as_deref().is_some_and(|version| !matches!(version, "v1" | "preview" | "latest"))
}

/// The last part of the path in OpenAI's API, behind `/v1`.
fn operation(dialect: Dialect) -> Option<&'static [&'static str]> {
    match dialect {
        Dialect::Chat => Some(&["chat", "completions"]),
        Dialect::Responses => Some(&["responses"]),
        Dialect::Completions => Some(&["completions"]),
        Dialect::Embeddings => Some(&["embeddings"]),
        Dialect::Messages | Dialect::Gemini => None,
    }
}

/// Puts the key where the provider looks for it; false where it cannot be a header.
pub(crate) fn put_key(
    headers: &mut HeaderMap,
    kind: ProviderKind,
    dialect: Dialect,
    key: &SecretString,
) -> bool {
    let (name, text) = match (kind, dialect) {
        (ProviderKind::Anthropic, _) => {
            (HeaderName::from_static("x-api-key"), key.expose_secret().to_owned())
        }
        (ProviderKind::Gemini, Dialect::Gemini) => {
            (HeaderName::from_static("x-goog-api-key"), key.expose_secret().to_owned())
        }
        (ProviderKind::AzureOpenAi, _) => {
            (HeaderName::from_static("api-key"), key.expose_secret().to_owned())
        }
        _ => (header::AUTHORIZATION, format!("Bearer {}", key.expose_secret())),
    };
    let text = zeroize::Zeroizing::new(text);
    let Ok(mut value) = HeaderValue::from_str(&text) else { return false };
    value.set_sensitive(true);
    headers.insert(name, value);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(kind: &str, api_version: Option<&str>) -> Provider {
        let mut text = serde_json::json!({
            "name": "default/p", "kind": kind, "endpoint": "", "allowedModels": [], "deniedModels": [], "models": [],
            "externalAccess": { "enabled": false }, "fallbacks": [], "guards": [],
            "retry": { "maxAttempts": 3, "initialBackoffMs": 200, "maxBackoffMs": 5000 },
            "places": { "file": "p.yaml", "document": [1, 1], "fields": {} },
        });
        if let Some(version) = api_version {
            text["apiVersion"] = version.into();
        }
        serde_json::from_value(text).expect("a provider")
    }

    #[test]
    fn a_base_url_has_no_credentials_in_it() {
        let parsed = |text: &str| text.parse::<Endpoint>().map(|_| ());
        assert_eq!(parsed("https://api.example.com/v1"), Ok(()));
        assert_eq!(parsed("api.example.com"), Err(EndpointError::NoUrl));
        for text in ["https://user:password@api.example.com", "https://user@api.example.com/v1"] {
            assert_eq!(parsed(text), Err(EndpointError::Userinfo), "{text}");
        }
    }

    #[test]
    fn every_kind_is_asked_at_its_own_path() {
        let answer = Purpose::Answer { stream: false };
        let stream = Purpose::Answer { stream: true };
        let table = [
            ("anthropic", None, "http://a", Dialect::Messages, answer, "http://a/v1/messages"),
            (
                "anthropic",
                None,
                "http://a/base/",
                Dialect::Messages,
                Purpose::Count,
                "http://a/base/v1/messages/count_tokens",
            ),
            ("openai", None, "http://a/v1", Dialect::Chat, stream, "http://a/v1/chat/completions"),
            ("openai", None, "http://a/v1", Dialect::Responses, stream, "http://a/v1/responses"),
            (
                "openrouter",
                None,
                "http://a/api/v1",
                Dialect::Embeddings,
                answer,
                "http://a/api/v1/embeddings",
            ),
            ("vllm", None, "http://a/v1/", Dialect::Completions, answer, "http://a/v1/completions"),
            (
                "azure-openai",
                Some("2024-10-21"),
                "http://a",
                Dialect::Chat,
                stream,
                "http://a/openai/deployments/m%2F..%3Fx/chat/completions?api-version=2024-10-21",
            ),
            (
                "azure-openai",
                Some("v1"),
                "http://a",
                Dialect::Chat,
                stream,
                "http://a/openai/v1/chat/completions",
            ),
            (
                "azure-openai",
                Some("v1"),
                "http://a/openai/v1",
                Dialect::Chat,
                stream,
                "http://a/openai/v1/chat/completions",
            ),
            (
                "gemini",
                None,
                "http://a",
                Dialect::Gemini,
                answer,
                "http://a/v1beta/models/m%2F..%3Fx:generateContent",
            ),
            (
                "gemini",
                None,
                "http://a",
                Dialect::Gemini,
                stream,
                "http://a/v1beta/models/m%2F..%3Fx:streamGenerateContent?alt=sse",
            ),
            ("gemini", None, "http://a", Dialect::Embeddings, answer, "http://a/v1beta/openai/embeddings"),
        ];
        for (kind, version, base, dialect, purpose, expected) in table {
            let base: Url = base.parse().expect("a URL");
            let url = url(&base, &provider(kind, version), dialect, purpose, "m/..?x").expect("a place");
            assert_eq!(url.as_str(), expected, "{kind}");
        }
    }
}
