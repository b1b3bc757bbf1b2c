//! Requests go where manifests say and nowhere else: names lead to addresses that are allowed at the moment of the
//! connection, and nobody who answers can send a request or its key elsewhere.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pai_bundle::{Bundle, codec};
use pai_ledger::ManualClock;
use pai_runtime::release::Releases;
use pai_runtime::secret::Secrets;
use pai_runtime::settings::{LookingUp, Lookup};
use pai_runtime::source::BundleFile;
use pai_runtime::{Gateway, Settings};
use pai_simulator::{Fault, Scenario, Simulator};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::{self, MANIFESTS, NOON, PROVIDER_KEY, World, hello};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A name server that says these addresses, one after the other; the last for ever.
#[derive(Debug)]
struct Says(Mutex<VecDeque<IpAddr>>);

impl Says {
    fn these(addresses: impl IntoIterator<Item = IpAddr>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(addresses.into_iter().collect())))
    }
}

impl Lookup for Says {
    fn lookup(&self, name: &str) -> LookingUp {
        assert_eq!(name, "models.example", "nothing else is looked up");
        let mut says = self.0.lock().expect("a lock");
        let address = if says.len() > 1 { says.pop_front() } else { says.front().copied() };
        Box::pin(std::future::ready(Ok(address.into_iter().collect())))
    }
}

/// Somebody who should not be called.
async fn canary(address: SocketAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

async fn was_called(canary: &TcpListener) -> bool {
    tokio::time::timeout(Duration::from_millis(100), canary.accept()).await.is_ok()
}

/// A gateway whose provider is at `models.example`, which is where the name server says.
struct Place {
    simulator: Simulator,
    gateway: Gateway,
    folder: TempDir,
    bundle: Bundle,
    token: String,
}

impl Place {
    /// With these networks listed at the provider.
    async fn new(networks: &[&str], names: impl FnOnce(u16) -> Arc<Says>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
        let folder = TempDir::new().expect("a folder");
        let port = simulator.address().port();
        let mut bundle = support::compile(MANIFESTS);
        bundle.providers[0].endpoint = format!("http://models.example:{port}");
        let secrets = Secrets::fixed(PROVIDER_KEY, folder.path());
        let tokens = support::credentials(&mut bundle, &secrets.pepper().expect("a pepper"));
        let token = tokens.iter().find(|(name, _)| name == "coder").expect("an agent").1.reveal().to_owned();
        put(&folder, &mut bundle, networks);
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings {
            listen: anywhere,
            admin_listen: anywhere,
            state: folder.path().to_owned(),
            drain: Duration::from_secs(2),
            reload_every: Duration::from_millis(10),
            lookup: names(port),
            ..Settings::default()
        };
        let source = BundleFile::new(folder.path().join("a.bundle"));
        let opening = Releases::of(Box::new(source), secrets).open().expect("a bundle");
        let clock = Arc::new(ManualClock::at(NOON));
        let gateway = Gateway::start(opening, &settings, clock).await.expect("a gateway");
        Self { simulator, gateway, folder, bundle, token }
    }

    async fn ask(&self) -> (u16, Value) {
        let request = reqwest::Client::new()
            .post(format!("http://{}/v1/messages", self.gateway.address()))
            .header("x-api-key", &self.token)
            .header("anthropic-version", "2023-06-01")
            .json(&hello(false));
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("json"))
    }
}

/// Puts the bundle where the gateway looks.
fn put(folder: &TempDir, bundle: &mut Bundle, networks: &[&str]) {
    let networks = networks.iter().map(|network| network.parse().expect("a network"));
    bundle.providers[0].endpoint_networks = networks.collect();
    bundle.providers[0].retry.initial_backoff_ms = 1;
    let (bytes, _) = codec::encode(bundle).expect("bytes");
    std::fs::write(folder.path().join("new"), bytes).expect("written");
    std::fs::rename(folder.path().join("new"), folder.path().join("a.bundle")).expect("renamed");
}

#[tokio::test]
async fn a_name_does_not_lead_into_a_network_that_its_manifest_does_not_list() {
    let place = Place::new(&[], |_| Says::these([LOOPBACK])).await;
    let (status, body) = place.ask().await;
    assert_eq!((status, &body["error"]["details"]["error_code"]), (502, &"upstream_failed".into()), "{body}");
    let message = body["error"]["message"].as_str().expect("a message");
    assert!(message.ends_with("no connection could be made"), "{message}");
    assert!(!body.to_string().contains("127.0.0.1"), "the way is the operator's business: {body}");
    assert!(place.simulator.log().is_empty());
    assert_eq!(place.gateway.ledger().open_holds(), 0);
}

#[tokio::test]
async fn a_new_bundle_says_anew_where_names_may_lead() {
    let mut place = Place::new(&[], |_| Says::these([LOOPBACK])).await;
    assert_eq!(place.ask().await.0, 502);
    put(&place.folder, &mut place.bundle, &["127.0.0.0/8"]);
    for _ in 0..500 {
        if place.ask().await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the name stays closed");
}

/// Elsewhere than on Linux 127.0.0.2 is nobody's.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_changes_its_mind_is_checked_again_at_every_connection() {
    let elsewhere = IpAddr::from([127, 0, 0, 2]);
    let mut listener = None;
    let place = Place::new(&["127.0.0.1/32"], |port| {
        let socket = std::net::TcpListener::bind((elsewhere, port)).expect("a listener");
        socket.set_nonblocking(true).expect("a listener that does not wait");
        listener = Some(TcpListener::from_std(socket).expect("a listener"));
        Says::these([elsewhere, LOOPBACK, elsewhere])
    })
    .await;
    let listener = listener.expect("a canary");
    // The first look-up leads astray and the second, for the retry, does not.
    assert_eq!(place.ask().await.0, 200);
    assert_eq!(place.simulator.log().len(), 1);
    assert!(!was_called(&listener).await);
}

#[tokio::test]
async fn a_redirect_is_neither_followed_nor_passed_on() {
    let (listener, address) = canary(SocketAddr::from(([127, 0, 0, 1], 0))).await;
    let world = World::of(MANIFESTS).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://{address}/v1/messages");
        let fault = Some(Fault::Redirect { status, location });
        world.simulator.scenario(Scenario { fault, ..Scenario::default() });
        let response = world.message("coder", &hello(false)).send().await.expect("an answer");
        assert_eq!(response.status(), 502, "{status}");
        assert!(!response.headers().contains_key("location"), "clients would take their credential there");
        let body = response.text().await.expect("a body");
        assert!(body.contains("it redirects") && !body.contains(&address.to_string()), "{body}");
    }
    assert!(!was_called(&listener).await);
    assert_eq!(world.gateway.ledger().open_holds(), 0);
}
