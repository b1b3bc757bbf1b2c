//! Asks a gateway as its callers do, and says in plain words what is wrong where it does not answer as it should.

mod trouble;

use std::time::Duration;

use miette::miette;
use pai_runtime::token::{Token, TokenKind};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub(crate) use self::trouble::{Stage, Trouble};
use crate::context::{Address, base_path};

/// Look-up, connection and TLS.
const CONNECT: Duration = Duration::from_secs(10);
/// An answer from its first byte to its last. A provider may take its time.
const ANSWER: Duration = Duration::from_secs(90);
/// The API that model lists and answers are asked in.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// A gateway, and the credential that is shown to it.
pub(crate) struct Line<'a> {
    address: &'a Address,
    credential: &'a Token,
    client: reqwest::Client,
    runtime: Runtime,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What a gateway says of itself to anybody.
pub(crate) struct Greeting {
    /// Its clock, as in `Date`.
    pub(crate) date: Option<String>,
}

/// A model's answer to one short request.
pub(crate) struct Spoken {
    pub(crate) tokens: u64,
    /// What is left of the tightest budget, where the gateway says it.
    pub(crate) left: Option<String>,
}

impl<'a> Line<'a> {
    /// Nothing is sent yet.
    pub(crate) fn open(address: &'a Address, credential: &'a Token) -> miette::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Clients do not follow redirects with their key, so neither does this.
        let client =
            reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).timeout(ANSWER);
        let client = client.build().map_err(|cause| miette!("HTTP cannot be used here: {cause}"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| miette!("the async runtime cannot start: {cause}"))?;
        Ok(Self { address, credential, client, runtime })
    }

    /// Whether there is a gateway, on the side that such a credential is for. The credential is not sent yet.
    pub(crate) fn greet(&self) -> Result<Greeting, Trouble> {
        let is_admin = self.credential.kind() == TokenKind::Admin;
        let (mine, other) = if is_admin { ("/livez", "/api/hello") } else { ("/api/hello", "/livez") };
        let answer = self.send(Method::GET, mine, None, Credential::Kept)?;
        if is_ours(&answer, mine) {
            return Ok(Greeting { date: answer.header("date").map(str::to_owned) });
        }
        if answer.status.is_redirection() {
            return Err(trouble::redirected(self.address, answer.header("location")));
        }
        let is_other =
            self.send(Method::GET, other, None, Credential::Kept).is_ok_and(|answer| is_ours(&answer, other));
        Err(if is_other {
            trouble::other_side(self.address, self.credential.kind())
        } else {
            trouble::no_gateway(self.address, answer.status)
        })
    }

    /// What the gateway knows the credential for: the models that it opens. For administrators, nothing but that it is
    /// known.
    pub(crate) fn models(&self) -> Result<Vec<String>, Trouble> {
        let Some(base) = base_path(self.credential.kind()) else {
            let answer = self.send(Method::GET, "/status", None, Credential::Shown)?;
            return self.accepted(&answer).map(|()| Vec::new());
        };
        let answer =
            self.send(Method::GET, &format!("{base}/v1/models?limit=1000"), None, Credential::Shown)?;
        self.accepted(&answer)?;
        let list = answer.json();
        let models =
            list["data"].as_array().ok_or_else(|| trouble::no_gateway(self.address, answer.status))?;
        Ok(models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect())
    }

    /// One token of a model.
    pub(crate) fn speak(&self, model: &str) -> Result<Spoken, Trouble> {
        let base = base_path(self.credential.kind()).unwrap_or_default();
        let messages = json!([{ "role": "user", "content": "Hi" }]);
        let body = json!({ "model": model, "max_tokens": 1, "messages": messages });
        let answer =
            self.send(Method::POST, &format!("{base}/v1/messages"), Some(&body), Credential::Shown)?;
        self.accepted(&answer)?;
        let usage = &answer.json()["usage"];
        let tokens =
            ["input_tokens", "output_tokens"].iter().filter_map(|field| usage[*field].as_u64()).sum();
        Ok(Spoken { tokens, left: answer.header("x-pai-budget-remaining-tokens").map(str::to_owned) })
    }

    fn accepted(&self, answer: &Answer) -> Result<(), Trouble> {
        if answer.status.is_success() {
            return Ok(());
        }
        if answer.status.is_redirection() {
            return Err(trouble::redirected(self.address, answer.header("location")));
        }
        Err(trouble::refused(answer.status, answer.header("retry-after"), &answer.json()))
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        credential: Credential,
    ) -> Result<Answer, Trouble> {
        let mut request = self.client.request(method, self.address.at(path));
        request = request.header("anthropic-version", ANTHROPIC_VERSION);
        if credential == Credential::Shown {
            let bearer = zeroize::Zeroizing::new(format!("Bearer {}", self.credential.reveal()));
            if let Ok(mut value) = HeaderValue::from_str(&bearer) {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.runtime.block_on(async {
            let answer = request.send().await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            Ok(Answer { status, headers, body: answer.bytes().await?.to_vec() })
        });
        answer.map_err(|error: reqwest::Error| trouble::unanswered(self.address, &error))
    }
}

/// Whether a request carries the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credential {
    Shown,
    Kept,
}

/// Whether that is how the gateway answers there.
fn is_ours(answer: &Answer, path: &str) -> bool {
    let said = String::from_utf8_lossy(&answer.body);
    answer.status == StatusCode::OK && said.trim() == if path == "/livez" { "ok" } else { "pai gateway" }
}
