//! HTTPS to callers and operators: both versions of HTTP, certificates that change while streams go on, and pairs that are
//! none. Real clients, which trust one authority and no other.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use http::Version;
use pai_ledger::ManualClock;
use pai_runtime::settings::{AdminTls, TlsFiles};
use pai_runtime::{Gateway, Settings};
use pai_simulator::Scenario;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};
use serde_json::Value;
use tempfile::TempDir;

use crate::live_edits::pai;
use crate::support::{self, MANIFESTS, NOON, World, hello};

/// A certificate for `localhost` that is its own authority, and its key.
struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
                .expect("a pair");
        Self { certificate: cert.pem(), key: signing_key.serialize_pem() }
    }

    fn put(&self, files: &TlsFiles) {
        write(&files.certificate, &self.certificate, 0o644);
        write(&files.key, &self.key, 0o600);
    }

    /// A client that trusts this one alone.
    fn client(&self, http1_only: bool) -> Client {
        let authority = Certificate::from_pem(self.certificate.as_bytes()).expect("a certificate");
        let client = Client::builder().tls_certs_only([authority]);
        if http1_only { client.http1_only() } else { client }.build().expect("a client")
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode)).expect("chmod");
    std::fs::rename(new, path).expect("renamed");
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
}

async fn serving(pair: &Pair, files: &TlsFiles, admin_tls: AdminTls) -> World {
    pair.put(files);
    World::with(MANIFESTS, |settings| {
        settings.tls = Some(files.clone());
        settings.admin_tls = admin_tls;
        settings.reload_every = Duration::from_millis(10);
    })
    .await
}

async fn ask(world: &World, client: &Client, stream: bool) -> Result<reqwest::Response, reqwest::Error> {
    client
        .post(format!("{}/v1/messages", world.gateway.url()))
        .header("x-api-key", world.token("coder"))
        .header("anthropic-version", "2023-06-01")
        .json(&hello(stream))
        .send()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_offered_and_the_answers_are_the_same() {
    let folder = TempDir::new().expect("a folder");
    let pair = Pair::new();
    let world = serving(&pair, &files(folder.path()), AdminTls::No).await;
    assert!(world.gateway.url().starts_with("https://"));
    for (http1_only, version) in [(false, Version::HTTP_2), (true, Version::HTTP_11)] {
        let client = pair.client(http1_only);
        for stream in [false, true] {
            let answer = ask(&world, &client, stream).await.expect("an answer");
            assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
            let text = answer.text().await.expect("all of it");
            assert!(
                text.contains(if stream { "event: message_stop" } else { "\"type\":\"message\"" }),
                "{text}"
            );
        }
    }
    // A client that does not know the authority, and one without TLS, get nothing.
    let stranger = Pair::new().client(false);
    assert!(ask(&world, &stranger, false).await.is_err());
    let plain = format!("http://{}/v1/messages", world.gateway.address());
    assert!(Client::new().get(plain).send().await.is_err());
    world.settled().await;
}

/// What the gateway says of its certificate, once it is as wanted.
async fn tls(world: &World, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let told = support::told(world.state.path(), "/status").await["tls"].clone();
        if wanted(&told) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{}", support::told(world.state.path(), "/status").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_served_while_a_stream_goes_on_and_a_broken_one_never_is() {
    let folder = TempDir::new().expect("a folder");
    let (old, new) = (Pair::new(), Pair::new());
    let files = files(folder.path());
    let world = serving(&old, &files, AdminTls::No).await;
    world.simulator.push(Scenario {
        output_tokens: 20,
        event_delay: Duration::from_millis(100),
        ..Scenario::default()
    });
    let client = old.client(false);
    let mut stream = ask(&world, &client, true).await.expect("a stream").bytes_stream();
    let mut text =
        String::from_utf8(stream.next().await.expect("a beginning").expect("bytes").to_vec()).expect("text");

    new.put(&files);
    let mut is_served = false;
    for _ in 0..500 {
        // Every client of its own, so that every try is a connection of its own.
        is_served = ask(&world, &new.client(false), false).await.is_ok();
        if is_served {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_served, "the new certificate is not served");
    assert!(ask(&world, &old.client(false), false).await.is_err(), "the old one still is");
    while let Some(piece) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&piece.expect("an unbroken stream")));
    }
    assert!(text.contains("event: message_stop"), "{text}");

    let broken = [
        ("not a certificate".to_owned(), new.key.clone(), 0o600, "is not a certificate in PEM"),
        (new.certificate.clone(), "not a key".to_owned(), 0o600, "is not a private key in PEM"),
        (new.certificate.clone(), old.key.clone(), 0o600, "do not go together"),
        (old.certificate.clone(), old.key.clone(), 0o644, "can be read by others (mode 644): run `chmod 600"),
    ];
    for (certificate, key, mode, expected) in broken {
        write(&files.key, &key, mode);
        write(&files.certificate, &certificate, 0o644);
        let told =
            tls(&world, |told| told["refused"].as_str().is_some_and(|why| why.contains(expected))).await;
        assert!(told["certificate"].as_str().is_some_and(|path| path.ends_with("tls.crt")), "{told}");
        assert_eq!(
            ask(&world, &new.client(true), false).await.expect("an answer").status(),
            200,
            "{expected}"
        );
    }
    let (code, said) = pai(&["status", "--state", &world.state.path().display().to_string()], folder.path());
    assert!(code == 1 && said.contains("chmod 600") && said.contains("stays in use"), "{said}");
    old.put(&files);
    tls(&world, |told| told["refused"].is_null()).await;
    assert_eq!(ask(&world, &old.client(false), false).await.expect("an answer").status(), 200);
}

async fn refused(folder: &Path, certificate: &str, key: &str, mode: u32) -> String {
    let files = files(folder);
    write(&files.certificate, certificate, 0o644);
    write(&files.key, key, mode);
    let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings {
        listen: anywhere,
        admin_listen: anywhere,
        state: folder.join("state"),
        tls: Some(files),
        ..Settings::default()
    };
    let secrets = pai_runtime::secret::Secrets::fixed("key", &settings.state);
    let snapshot =
        pai_runtime::snapshot::Snapshot::of(support::compile(MANIFESTS), &secrets).expect("a snapshot");
    let clock = std::sync::Arc::new(ManualClock::at(NOON));
    Gateway::start(snapshot, &settings, clock).await.err().expect("no gateway").to_string()
}

#[tokio::test]
async fn a_gateway_does_not_start_with_a_certificate_that_it_cannot_use() {
    let folder = TempDir::new().expect("a folder");
    let (pair, other) = (Pair::new(), Pair::new());
    for (certificate, key, mode, expected) in [
        (pair.certificate.as_str(), pair.key.as_str(), 0o604, "can be read by others (mode 604)"),
        (&pair.certificate, &other.key, 0o600, "do not go together"),
        (&pair.key, &pair.key, 0o600, "tls.crt` is not a certificate in PEM"),
        (&pair.certificate, &pair.certificate, 0o600, "tls.key` is not a private key in PEM"),
    ] {
        let error = refused(folder.path(), certificate, key, mode).await;
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains("BEGIN EC") && !error.contains(&pair.key[40..60]), "{error}");
    }
}

/// Commands on the same machine find the URL and the token, whatever names the certificate is for.
#[tokio::test(flavor = "multi_thread")]
async fn operators_have_tls_where_that_is_asked_for() {
    let folder = TempDir::new().expect("a folder");
    let pair = Pair::new();
    let world = serving(&pair, &files(folder.path()), AdminTls::Yes).await;
    let found = pai_runtime::presence::find(world.state.path()).expect("announced");
    assert!(found.url().starts_with("https://127.0.0.1:"), "{}", found.url());
    let probe = pair.client(true).get(format!("{}/readyz", found.url())).send().await;
    assert_eq!(probe.expect("an answer").status(), 200);
    let state = world.state.path().display().to_string();
    let (code, said) = pai(&["status", "--state", &state], folder.path());
    assert!(code == 0 && said.contains("https://127.0.0.1:"), "{said}");
}

/// Where a proxy is in front, what it says of the caller's address counts, over HTTP/2 as over HTTP/1.1.
#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_vouches_for_addresses_in_both_versions() {
    let folder = TempDir::new().expect("a folder");
    let pair = Pair::new();
    let files: TlsFiles = files(folder.path());
    pair.put(&files);
    let manifests = MANIFESTS
        .replace("providers: [anthropic]", "providers: [anthropic]\n  allowedCidrs: [198.51.100.0/24]");
    for (trusted, expected) in [(true, 200), (false, 403)] {
        let world = World::with(&manifests, |settings| {
            settings.tls = Some(files.clone());
            if trusted {
                settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
            }
        })
        .await;
        for http1_only in [false, true] {
            let status = async |address: &str| {
                let request =
                    pair.client(http1_only).post(format!("{}/ext/v1/messages", world.gateway.url()));
                let request = request
                    .header("x-api-key", world.token("laptop"))
                    .header("anthropic-version", "2023-06-01")
                    .header("x-forwarded-for", address);
                let answer = request.json(&hello(false)).send().await.expect("an answer");
                answer.status().as_u16()
            };
            assert_eq!(status("198.51.100.9").await, expected, "trusted: {trusted}, HTTP/1.1: {http1_only}");
            assert_eq!(status("203.0.113.9").await, 403, "trusted: {trusted}, HTTP/1.1: {http1_only}");
        }
    }
}
