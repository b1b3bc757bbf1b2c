//! A gateway and a simulator for a test, with a clock that the test sets.

pub(crate) mod guarded;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pai_bundle::Bundle;
use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::principal::Credential;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::Sources;
use pai_ledger::{Account, ManualClock};
use pai_runtime::secret::Secrets;
use pai_runtime::snapshot::Snapshot;
use pai_runtime::token::{Pepper, Token, TokenKind};
use pai_runtime::{Gateway, Settings};
use pai_simulator::Simulator;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;

/// 2026-11-23T12:00:00Z: half a day is left.
pub(crate) const NOON: UnixSeconds = UnixSeconds(1_795_435_200);
/// What a provider's key is in tests; must never reach a client.
pub(crate) const PROVIDER_KEY: &str = "simulated-provider-key";

/// A provider, an agent and an access key with generous limits.
pub(crate) const MANIFESTS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: anthropic
spec:
  provider: anthropic
  apiKeySecretRef:
    name: anthropic-key
  deniedModels: [claude-opus-*]
  maxTokensPerDay: 1000000
  maxTokensPerRequest: 200000
  externalAccess:
    enabled: true
    maxTokensPerDay: 500000
---
apiVersion: pai.io/v1
kind: Agent
metadata:
  name: coder
spec:
  models:
    - anthropic/claude-sonnet-4-6
    - anthropic/claude-haiku-4-5
  tokens:
    maxPerDay: 400000
    maxPerRequest: 100000
---
apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: laptop
spec:
  providers: [anthropic]
  maxTokensPerDay: 300000
";

/// The compiled bundle of these manifests; findings are a mistake of the test.
pub(crate) fn compile(manifests: &str) -> Bundle {
    let sources = Sources::new([("pai.yaml", manifests)]);
    let compiled = pai_compiler::compile(&sources);
    let findings = pai_compiler::diagnostic::render::short(&compiled.diagnostics, &sources);
    compiled.bundle.unwrap_or_else(|| panic!("the manifests do not compile:\n{findings}"))
}

/// Points every provider of a bundle at the simulator's place for its kind.
pub(crate) fn point_at(bundle: &mut Bundle, simulator: &Simulator) {
    for provider in &mut bundle.providers {
        provider.endpoint = simulator.base_url(provider.kind.as_str()).expect("a kind");
    }
}

/// Makes a token for every agent and key: names and tokens.
pub(crate) fn credentials(bundle: &mut Bundle, pepper: &Pepper) -> Vec<(String, Token)> {
    let mut made = Vec::new();
    let mut mint = |kind, name: String, accepted: &mut Vec<Credential>| {
        let token = Token::mint(kind).expect("a token");
        accepted.push(Credential { id: token.id().to_owned(), digest: pepper.digest(&token), expires: None });
        made.push((name, token));
    };
    for agent in &mut bundle.agents {
        mint(TokenKind::Agent, agent.name.name.to_string(), &mut agent.credentials);
    }
    for key in &mut bundle.access_keys {
        mint(TokenKind::AccessKey, key.name.name.to_string(), &mut key.credentials);
    }
    made
}

/// Asks the admin listener of the gateway that has this state folder, with the token that it keeps there.
pub(crate) async fn operator(state: &Path, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // It is written when the gateway has started, which a process does in its own time.
    for _ in 0..500 {
        if let Some(found) = pai_runtime::presence::find(state) {
            let client = reqwest::Client::new();
            return client.request(method, found.url() + path).bearer_auth(found.token.expose_secret());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there is no gateway on {}", state.display());
}

/// What the admin listener says at a path, as JSON.
pub(crate) async fn told(state: &Path, path: &str) -> Value {
    let request = operator(state, reqwest::Method::GET, path).await;
    let answer = request.send().await.expect("an answer").error_for_status().expect("let in");
    answer.json().await.expect("json")
}

/// A running gateway with a simulator behind it.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) gateway: Gateway,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) client: reqwest::Client,
    pub(crate) state: TempDir,
    pub(crate) tokens: Vec<(String, Token)>,
    bundle: Bundle,
}

impl World {
    /// Compiles and serves.
    pub(crate) async fn of(manifests: &str) -> Self {
        Self::with(manifests, |_| {}).await
    }

    /// As [`Self::of`], with settings changed.
    pub(crate) async fn with(manifests: &str, change: impl FnOnce(&mut Settings)) -> Self {
        Self::altered(manifests, |_| {}, change).await
    }

    /// As [`Self::with`], and with a bundle that is changed after it was pointed at the simulator.
    pub(crate) async fn altered(
        manifests: &str,
        alter: impl FnOnce(&mut Bundle),
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::serving(compile(manifests), alter, change).await
    }

    /// As [`Self::altered`], with a bundle that was compiled before.
    pub(crate) async fn serving(
        mut bundle: Bundle,
        alter: impl FnOnce(&mut Bundle),
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
        let state = TempDir::new().expect("a folder");
        point_at(&mut bundle, &simulator);
        alter(&mut bundle);
        let secrets = Secrets::fixed(PROVIDER_KEY, state.path());
        let tokens = credentials(&mut bundle, &secrets.pepper().expect("a pepper"));
        let clock = Arc::new(ManualClock::at(NOON));
        let mut settings = settings(state.path());
        change(&mut settings);
        let gateway = serve(bundle.clone(), &settings, clock.clone()).await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Self { simulator, gateway, clock, client: client.expect("a client"), state, tokens, bundle }
    }

    /// Stops the gateway cleanly and starts it again on the same state.
    pub(crate) async fn restart(self) -> Self {
        let Self { simulator, gateway, clock, client, state, tokens, bundle } = self;
        gateway.shutdown().await.expect("a clean stop");
        let gateway = serve(bundle.clone(), &settings(state.path()), clock.clone()).await;
        Self { simulator, gateway, clock, client, state, tokens, bundle }
    }

    pub(crate) fn token(&self, name: &str) -> &str {
        let found = self.tokens.iter().find(|(known, _)| known == name);
        found.map(|(_, token)| token.reveal()).expect("a principal of that name")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.address())
    }

    /// A request with the usual headers, as `name`.
    pub(crate) fn request(&self, method: reqwest::Method, path: &str, name: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, self.url(path))
            .header("x-api-key", self.token(name))
            .header("anthropic-version", "2023-06-01")
    }

    /// A message from the agent `coder` (under `/v1`) or the key `laptop` (under `/ext/v1`).
    pub(crate) fn message(&self, name: &str, body: &Value) -> reqwest::RequestBuilder {
        let is_agent = self.token(name).starts_with("pai_agt_");
        let path = if is_agent { "/v1/messages" } else { "/ext/v1/messages" };
        self.request(reqwest::Method::POST, path, name).json(body)
    }

    /// The tokens that stand in an account today.
    pub(crate) fn balance(&self, scope: Scope, name: &str) -> Balance {
        let balance = self.standing(scope, name);
        Balance { settled: balance.settled.tokens, held: balance.held.tokens }
    }

    /// What an account has cost today.
    pub(crate) fn spent(&self, scope: Scope, name: &str) -> NanoUsd {
        self.standing(scope, name).settled.cost
    }

    fn standing(&self, scope: Scope, name: &str) -> pai_ledger::Balance {
        let day = self.gateway.ledger().today(NOON);
        self.gateway.ledger().balance(&Account { scope, name: format!("default/{name}").into(), day })
    }

    /// Waits until no hold is open: an answer's end reaches the ledger a moment after it reaches the client.
    pub(crate) async fn settled(&self) {
        for _ in 0..500 {
            if self.gateway.ledger().open_holds() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} holds stay open", self.gateway.ledger().open_holds());
    }

    /// Every decision record so far, once there are `count`.
    pub(crate) async fn records(&self, count: usize) -> Vec<Value> {
        let path = self.state.path().join("records.jsonl");
        for _ in 0..500 {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let records: Vec<Value> =
                text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there are not {count} records");
    }
}

fn settings(state: &Path) -> Settings {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        listen: anywhere,
        admin_listen: anywhere,
        state: state.to_owned(),
        drain: Duration::from_secs(2),
        ..Settings::default()
    }
}

async fn serve(bundle: Bundle, settings: &Settings, clock: Arc<ManualClock>) -> Gateway {
    let secrets = Secrets::fixed(PROVIDER_KEY, &settings.state);
    let snapshot = Snapshot::of(bundle, &secrets).expect("a snapshot");
    Gateway::start(snapshot, settings, clock).await.expect("a gateway")
}

/// A request for a short answer.
pub(crate) fn hello(stream: bool) -> Value {
    asking("claude-sonnet-4-6", "Hello there", stream)
}

/// A request to a model with a prompt.
pub(crate) fn asking(model: &str, prompt: &str, stream: bool) -> Value {
    json!({ "model": model, "max_tokens": 100, "stream": stream,
            "messages": [{ "role": "user", "content": prompt }] })
}

/// An account's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) settled: Tokens,
    pub(crate) held: Tokens,
}

impl Balance {
    pub(crate) fn used(self) -> Tokens {
        self.settled.saturating_add(self.held)
    }
}

/// The account's tokens, settled and nothing held.
pub(crate) fn settled(tokens: u64) -> Balance {
    Balance { settled: Tokens(tokens), held: Tokens(0) }
}
