//! New bundles while requests run: swapped whole, refused whole, and remembered in a restart. Real sockets and real
//! files; what is refused is refused because of the file.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use pai_bundle::key::SigningKey;
use pai_bundle::limit::Scope;
use pai_bundle::principal::Credential;
use pai_bundle::signature::{self, Serial};
use pai_bundle::{Bundle, codec};
use pai_ledger::{Account, ManualClock};
use pai_runtime::release::Releases;
use pai_runtime::secret::Secrets;
use pai_runtime::source::BundleFile;
use pai_runtime::token::{Token, TokenKind};
use pai_runtime::trust::Trust;
use pai_runtime::{Gateway, Settings};
use pai_simulator::{Scenario, Simulator};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, NOON, asking};

const HAIKU: &str = "claude-haiku-4-5";
const SONNET: &str = "claude-sonnet-4-6";

/// Two providers; an agent that may call one model of one of them.
fn manifests(provider: &str, model: &str, per_day: u64) -> String {
    format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: {provider}}}\nspec:\n  provider: anthropic\n  \
         apiKeySecretRef: {{name: upstream}}\n---\n\
         apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec:\n  models: [{provider}/{model}]\n  \
         tokens: {{maxPerDay: {per_day}}}\n  rateLimits: {{maxConcurrentRequests: 30}}\n"
    )
}

/// A bundle's file, a state folder, mounted secrets, keys, and a provider behind it all.
struct Place {
    simulator: Simulator,
    folder: TempDir,
    key: SigningKey,
    token: Token,
    clock: Arc<ManualClock>,
    client: reqwest::Client,
}

/// Whether a gateway is given the public key.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Given,
    None,
}

impl Place {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
        let place = Self {
            simulator,
            folder: TempDir::new().expect("a folder"),
            key: SigningKey::generate().expect("a key"),
            token: Token::mint(TokenKind::Agent).expect("a token"),
            clock: Arc::new(ManualClock::at(NOON)),
            client: reqwest::Client::new(),
        };
        place.provider_key("first-key");
        std::fs::write(place.path("key.pub"), place.key.public().to_pem()).expect("a key");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Mounts a provider's key.
    fn provider_key(&self, value: &str) {
        std::fs::create_dir_all(self.path("secrets/upstream")).expect("a folder");
        std::fs::write(self.path("secrets/upstream/api-key"), value).expect("a secret");
    }

    fn secrets(&self) -> Secrets {
        Secrets::new(Some(self.path("secrets")), &self.path("state"))
    }

    /// The bytes that these manifests build to, with the token of this place.
    fn built(&self, manifests: &str) -> Vec<u8> {
        let mut bundle: Bundle = support::compile(manifests);
        support::point_at(&mut bundle, &self.simulator);
        let digest = self.secrets().pepper().expect("a pepper").digest(&self.token);
        for agent in &mut bundle.agents {
            agent.credentials =
                vec![Credential { id: self.token.id().to_owned(), digest: digest.clone(), expires: None }];
        }
        codec::encode(&bundle).expect("bytes").0
    }

    fn signed(&self, manifests: &str, serial: u64) -> Vec<u8> {
        signature::sign(&self.built(manifests), &self.key, Serial(serial)).expect("signed")
    }

    /// Puts bytes where the gateway looks, whole.
    fn put(&self, bytes: &[u8]) {
        std::fs::write(self.path("new"), bytes).expect("written");
        std::fs::rename(self.path("new"), self.path("a.bundle")).expect("renamed");
    }

    /// Starts a gateway, or says why there is none.
    async fn try_start(&self, keys: Keys) -> Result<Gateway, String> {
        let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let public_keys = if keys == Keys::Given { vec![self.path("key.pub")] } else { Vec::new() };
        let settings = Settings {
            listen: anywhere,
            admin_listen: anywhere,
            state: self.path("state"),
            drain: Duration::from_secs(2),
            reload_every: Duration::from_millis(10),
            public_keys,
            ..Settings::default()
        };
        let trust = Trust::open(&settings.public_keys, &settings.state).map_err(|error| error.to_string())?;
        let source = BundleFile::new(self.path("a.bundle"));
        let releases = Releases::of(Box::new(source), self.secrets()).trusting(trust);
        let opening = releases.open().map_err(|error| error.to_string())?;
        Gateway::start(opening, &settings, self.clock.clone()).await.map_err(|error| error.to_string())
    }

    async fn start(&self, keys: Keys) -> Gateway {
        self.try_start(keys).await.expect("a gateway")
    }

    async fn ask(&self, gateway: &Gateway, model: &str, stream: bool) -> reqwest::Response {
        self.client
            .post(format!("http://{}/v1/messages", gateway.address()))
            .header("x-api-key", self.token.reveal())
            .header("anthropic-version", "2023-06-01")
            .json(&asking(model, "Hello there", stream))
            .send()
            .await
            .expect("an answer")
    }

    async fn status_of(&self, gateway: &Gateway, model: &str) -> u16 {
        let response = self.ask(gateway, model, false).await;
        let status = response.status().as_u16();
        response.bytes().await.expect("a body");
        status
    }

    /// What `/status` says of the bundle.
    async fn report(&self) -> Value {
        support::told(&self.path("state"), "/status").await["bundle"].clone()
    }

    /// Waits until the report is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut report = Value::Null;
        for _ in 0..1_000 {
            report = self.report().await;
            if wanted(&report) {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: {report:#}");
    }

    /// Puts a bundle and waits until it is in force.
    async fn swap(&self, bytes: &[u8]) {
        let digest = codec::open(bytes).expect("a bundle").digest().to_string();
        self.put(bytes);
        self.until("in force", |report| report["digest"] == digest.as_str()).await;
    }

    fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("state/records.jsonl")).expect("records");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }
}

fn digest(bytes: &[u8]) -> String {
    codec::open(bytes).expect("a bundle").digest().to_string()
}

/// Everything of a stream that has begun.
async fn rest(response: reqwest::Response) -> String {
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while let Some(piece) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&piece.expect("an unbroken stream")));
    }
    text
}

/// A stream that is still going on while the test does something: seconds, of which a swap needs a tenth.
fn slowly() -> Scenario {
    Scenario { output_tokens: 20, event_delay: Duration::from_millis(250), ..Scenario::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn streams_end_under_the_rules_they_began_with_and_the_next_request_has_the_new_ones() {
    let place = Place::new().await;
    let old = place.built(&manifests("first", HAIKU, 1_000_000));
    // The provider of the stream under way is not even there any more.
    let new = place.built(&manifests("second", SONNET, 1_000_000));
    place.put(&old);
    let gateway = place.start(Keys::None).await;
    place.simulator.push(slowly());
    let stream = place.ask(&gateway, HAIKU, true).await;
    assert_eq!(stream.status(), 200);
    place.swap(&new).await;
    assert_eq!(gateway.ledger().open_holds(), 1, "the stream is still under way");
    assert_eq!(place.status_of(&gateway, HAIKU).await, 403);
    assert_eq!(place.status_of(&gateway, SONNET).await, 200);
    let text = rest(stream).await;
    assert!(text.contains("event: message_stop"), "{text}");

    let account = |scope, name: &str| Account {
        scope,
        name: format!("default/{name}").into(),
        day: gateway.ledger().today(NOON),
    };
    while gateway.ledger().open_holds() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let first = gateway.ledger().balance(&account(Scope::Provider, "first"));
    assert!(
        first.settled.tokens.0 > 0 && first.held.tokens.0 == 0,
        "what is gone from the rules is still settled: {first:?}"
    );
    gateway.shutdown().await.expect("a clean stop");
    let records = place.records();
    let of = |model: &str, outcome: &str| {
        let found =
            records.iter().find(|record| record["requested"] == model && record["outcome"] == outcome);
        found.unwrap_or_else(|| panic!("{model} {outcome}: {records:?}"))["bundle"].clone()
    };
    assert_eq!(of(HAIKU, "served"), digest(&old).as_str());
    assert_eq!(of(HAIKU, "refused"), digest(&new).as_str());
    assert_eq!(of(SONNET, "served"), digest(&new).as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_below_what_is_used_refuses_and_a_raised_one_admits() {
    let place = Place::new().await;
    place.put(&place.built(&manifests("first", HAIKU, 2_000)));
    let gateway = place.start(Keys::None).await;
    assert_eq!(place.status_of(&gateway, HAIKU).await, 200);
    while gateway.ledger().open_holds() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let account =
        Account { scope: Scope::Agent, name: "default/coder".into(), day: gateway.ledger().today(NOON) };
    let used = gateway.ledger().balance(&account).settled.tokens.0;
    assert!(used > 1, "{used}");

    place.swap(&place.built(&manifests("first", HAIKU, used - 1))).await;
    let refused = place.ask(&gateway, HAIKU, false).await;
    assert_eq!(refused.status(), 429);
    let said = refused.text().await.expect("text");
    assert!(said.contains("billing_error"), "{said}");
    assert_eq!(gateway.ledger().balance(&account).settled.tokens.0, used, "what is used stays used");

    place.swap(&place.built(&manifests("first", HAIKU, used + 2_000))).await;
    assert_eq!(place.status_of(&gateway, HAIKU).await, 200);
    assert_eq!(gateway.ledger().failure(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_under_way_count_in_the_new_rules_as_well() {
    let place = Place::new().await;
    let one_at_once =
        manifests("first", HAIKU, 1_000_000).replace("maxConcurrentRequests: 30", "maxConcurrentRequests: 1");
    let one_at_once = place.built(&one_at_once);
    place.put(&place.built(&manifests("first", HAIKU, 1_000_000)));
    let gateway = place.start(Keys::None).await;
    place.simulator.push(slowly());
    let stream = place.ask(&gateway, HAIKU, true).await;
    place.swap(&one_at_once).await;
    assert_eq!(gateway.ledger().open_holds(), 1, "the stream is still under way");
    assert_eq!(place.status_of(&gateway, HAIKU).await, 429);
    assert!(rest(stream).await.contains("message_stop"));
    while gateway.ledger().open_holds() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(place.status_of(&gateway, HAIKU).await, 200);
}

/// Under one bundle the agent has one model of one provider, under the other another of another. An answer of the one
/// model by the other's provider, or a record of both, would be a request that saw half.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_sees_half_of_a_swap() {
    let place = Place::new().await;
    let bundles = [
        place.built(&manifests("first", HAIKU, 10_000_000)),
        place.built(&manifests("second", SONNET, 10_000_000)),
    ];
    place.put(&bundles[0]);
    let gateway = place.start(Keys::None).await;
    let asking = async {
        let ask = |number: usize| {
            let (place, gateway) = (&place, &gateway);
            async move { place.status_of(gateway, [HAIKU, SONNET][number % 2]).await }
        };
        futures_util::stream::iter(0..200).map(ask).buffer_unordered(8).collect::<Vec<_>>().await
    };
    let swapping = async {
        for number in 1..20 {
            place.swap(&bundles[number % 2]).await;
        }
    };
    let (statuses, ()) = tokio::join!(asking, swapping);
    assert!(statuses.iter().all(|status| [200, 403].contains(status)), "{statuses:?}");
    gateway.shutdown().await.expect("a clean stop");
    let mut served = [0, 0];
    for record in place.records() {
        let which = usize::from(record["bundle"] == digest(&bundles[1]).as_str());
        assert_eq!(record["bundle"], digest(&bundles[which]).as_str());
        let (provider, model) = [("default/first", HAIKU), ("default/second", SONNET)][which];
        let expected = if record["requested"] == model { "served" } else { "refused" };
        assert_eq!(record["outcome"], expected, "{record:#}");
        if expected == "served" {
            assert_eq!(record["provider"], provider, "{record:#}");
            served[which] += 1;
        }
    }
    assert!(served.iter().all(|count| *count > 0), "{served:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_refused_leaves_the_last_good_bundle_in_force_and_says_so() {
    let place = Place::new().await;
    let rules = manifests("first", HAIKU, 1_000_000);
    let good = place.signed(&rules, 10);
    place.put(&good);
    let gateway = place.start(Keys::Given).await;
    let report = place.report().await;
    assert_eq!((&report["serial"], &report["upToDate"]), (&Value::from(10), &Value::Bool(true)), "{report}");
    assert_eq!(report["signedBy"], place.key.public().id().as_str());

    let other = SigningKey::generate().expect("a key");
    let newer_rules = manifests("first", SONNET, 1_000_000);
    let newer = place.signed(&newer_rules, 11);
    let mut altered = newer.clone();
    let at = altered.len() - 40;
    altered[at] ^= 1;
    let cases = [
        (place.built(&newer_rules), "not signed"),
        (altered, "altered"),
        (signature::sign(&place.built(&newer_rules), &other, Serial(11)).expect("signed"), "trusted here"),
        (place.signed(&newer_rules, 9), "is 9, and 10 was accepted already"),
        (place.signed(&newer_rules, 10), "under which another one was accepted"),
        (newer[..newer.len() / 2].to_vec(), "is cut"),
        ([newer.clone(), b"\n".to_vec()].concat(), "something behind it"),
        (b"{\"paiBundle\":2,\"needsPai\":\"7.0.0\"}\n".to_vec(), "needs pai 7.0.0 or newer"),
        (Vec::new(), "not a pai bundle"),
    ];
    for (number, (bytes, expected)) in cases.iter().enumerate() {
        place.put(bytes);
        let report = place.until(expected, |report| report["refusals"].as_u64() > Some(number as u64)).await;
        let reason = report["lastRefusal"]["reason"].as_str().expect("a reason");
        assert!(reason.contains(expected), "{expected}: {reason}");
        assert_eq!(report["digest"], digest(&good).as_str());
        assert_eq!((&report["upToDate"], &report["serial"]), (&Value::Bool(false), &Value::from(10)));
        assert_eq!(place.status_of(&gateway, HAIKU).await, 200, "{expected}");
        assert_eq!(place.status_of(&gateway, SONNET).await, 403, "{expected}");
    }
    std::fs::remove_file(place.path("a.bundle")).expect("removed");
    place.until("gone", |report| report["refusals"].as_u64() > Some(cases.len() as u64)).await;

    place.swap(&newer).await;
    let report = place.report().await;
    assert_eq!((&report["upToDate"], &report["serial"]), (&Value::Bool(true), &Value::from(11)), "{report}");
    assert_eq!(report["reloads"], 1);
    assert_eq!(place.status_of(&gateway, SONNET).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_goes_back_to_nothing_older() {
    let place = Place::new().await;
    let (old, new) = (
        place.signed(&manifests("first", SONNET, 1_000), 10),
        place.signed(&manifests("first", HAIKU, 1_000_000), 11),
    );
    place.put(&new);
    place.start(Keys::Given).await.shutdown().await.expect("a clean stop");

    // The older file, no file, and one that nobody signed: each time the last good one is served, and it is said.
    for (bytes, expected) in [
        (Some(old), "is 10, and 11 was accepted already"),
        (None, "cannot be read"),
        (Some(place.built(&manifests("first", SONNET, 1_000))), "not signed"),
    ] {
        match bytes {
            Some(bytes) => place.put(&bytes),
            None => std::fs::remove_file(place.path("a.bundle")).expect("removed"),
        }
        let gateway = place.start(Keys::Given).await;
        let report = place.until(expected, |report| report["refusals"] == 1).await;
        assert_eq!(report["origin"], "last-good", "{report}");
        assert_eq!(report["digest"], digest(&new).as_str());
        assert!(report["lastRefusal"]["reason"].as_str().expect("a reason").contains(expected), "{report}");
        assert_eq!(place.status_of(&gateway, HAIKU).await, 200);
        gateway.shutdown().await.expect("a clean stop");
    }

    // Without keys the file is all there is to go by: a broken one is an error, and not an older bundle's chance.
    place.put(b"rubbish");
    let error = place.try_start(Keys::None).await.err().expect("no gateway");
    assert!(error.contains("not a pai bundle"), "{error}");
    // And with keys, but nothing good to fall back to, so it is there.
    std::fs::remove_dir_all(place.path("state/bundle")).expect("forgotten");
    let error = place.try_start(Keys::Given).await.err().expect("no gateway");
    assert!(error.contains("not a pai bundle"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_of_providers_are_read_again_with_every_bundle() {
    let place = Place::new().await;
    place.put(&place.built(&manifests("first", HAIKU, 1_000_000)));
    let gateway = place.start(Keys::None).await;
    assert_eq!(place.status_of(&gateway, HAIKU).await, 200);
    place.provider_key("second-key");
    place.swap(&place.built(&manifests("first", HAIKU, 2_000_000))).await;
    assert_eq!(place.status_of(&gateway, HAIKU).await, 200);
    let sent: Vec<_> = place
        .simulator
        .log()
        .entries()
        .iter()
        .map(|entry| entry.header("x-api-key").expect("a key").to_owned())
        .collect();
    assert_eq!(sent, ["first-key", "second-key"]);
}
