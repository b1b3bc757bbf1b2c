//! `pai push`: a bundle that an operator sends is in force when the command says so, also after a restart; or nothing is
//! changed, and it says why. Real sockets and real files.

use std::path::PathBuf;
use std::sync::Arc;

use pai_bundle::codec;
use pai_bundle::key::SigningKey;
use pai_bundle::signature::{self, Serial};
use pai_ledger::ManualClock;
use pai_runtime::release::Releases;
use pai_runtime::secret::Secrets;
use pai_runtime::settings::FirstBundle;
use pai_runtime::source::BundleFile;
use pai_runtime::trust::Trust;
use pai_runtime::{Gateway, Settings};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::live_edits::pai;
use crate::support::{self, MANIFESTS, NOON};

/// A bundle's file that is served, and bundles beside it.
struct Place {
    folder: TempDir,
    key: SigningKey,
}

impl Place {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let place =
            Self { folder: TempDir::new().expect("a folder"), key: SigningKey::generate().expect("a key") };
        std::fs::write(place.path("key.pub"), place.key.public().to_pem()).expect("written");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The bytes of a workspace in which the provider has so many tokens a day.
    fn built(tokens: u64) -> Vec<u8> {
        let manifests = MANIFESTS.replace("maxTokensPerDay: 1000000", &format!("maxTokensPerDay: {tokens}"));
        codec::encode(&support::compile(&manifests)).expect("bytes").0
    }

    fn signed(&self, tokens: u64, serial: u64) -> Vec<u8> {
        signature::sign(&Self::built(tokens), &self.key, Serial(serial)).expect("signed")
    }

    async fn start(&self, is_trusting: bool) -> Gateway {
        self.try_start(is_trusting, FirstBundle::MustBeThere).await.expect("a gateway")
    }

    async fn try_start(&self, is_trusting: bool, first: FirstBundle) -> Result<Gateway, String> {
        let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings {
            listen: anywhere,
            admin_listen: anywhere,
            state: self.path("state"),
            public_keys: if is_trusting { vec![self.path("key.pub")] } else { Vec::new() },
            ..Settings::default()
        };
        let trust = Trust::open(&settings.public_keys, &settings.state).expect("trust");
        let secrets = Secrets::fixed("key", &settings.state);
        let source = BundleFile::new(self.path("served.bundle"));
        let releases = Releases::of(Box::new(source), secrets).trusting(trust).starting(first);
        let opening = releases.open().map_err(|cause| cause.to_string())?;
        Gateway::start(opening, &settings, Arc::new(ManualClock::at(NOON)))
            .await
            .map_err(|cause| cause.to_string())
    }

    /// Exit code and what is printed.
    async fn push(&self, bytes: &[u8]) -> (i32, String) {
        let path = self.path("new.bundle").display().to_string();
        std::fs::write(&path, bytes).expect("written");
        let (state, folder) = (self.path("state").display().to_string(), self.folder.path().to_owned());
        let run = move || pai(&["push", &path, "--state", &state], &folder);
        tokio::task::spawn_blocking(run).await.expect("run")
    }

    async fn status(&self) -> Value {
        support::told(&self.path("state"), "/status").await["bundle"].clone()
    }

    /// The bundle in force, as the gateway hands it out.
    async fn in_force(&self) -> Vec<u8> {
        let answer = support::operator(&self.path("state"), Method::GET, "/bundle").await.send().await;
        let answer = answer.expect("an answer");
        let digest = answer.headers()["etag"].to_str().expect("text").to_owned();
        let bytes = answer.bytes().await.expect("bytes").to_vec();
        assert_eq!(digest, format!("\"{}\"", codec::open(&bytes).expect("a bundle").digest()));
        bytes
    }

    fn served(&self) -> Vec<u8> {
        std::fs::read(self.path("served.bundle")).expect("the file")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_in_force_at_once_and_after_a_restart() {
    let place = Place::new();
    let (first, second) = (place.signed(1_000_000, 5), place.signed(2_000_000, 6));
    std::fs::write(place.path("served.bundle"), &first).expect("written");
    let gateway = place.start(true).await;
    assert_eq!(place.in_force().await, first);
    let (code, said) = place.push(&second).await;
    assert!(code == 0 && said.contains("serial number 6"), "{said}");
    assert_eq!((place.in_force().await, place.served()), (second.clone(), second.clone()));
    let status = place.status().await;
    assert_eq!(
        (&status["serial"], &status["upToDate"], &status["reloads"]),
        (&json!(6), &json!(true), &json!(1))
    );
    // The same again is no harm.
    assert_eq!(place.push(&second).await.0, 0);
    gateway.shutdown().await.expect("a clean stop");
    let gateway = place.start(true).await;
    assert_eq!((place.in_force().await, place.status().await["origin"].clone()), (second, json!("source")));
    gateway.shutdown().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_changes_nothing_and_says_why() {
    let place = Place::new();
    let first = place.signed(1_000_000, 5);
    std::fs::write(place.path("served.bundle"), &first).expect("written");
    let gateway = place.start(true).await;
    let other = SigningKey::generate().expect("a key");
    let mut altered = place.signed(2_000_000, 6);
    let at = altered.len() - 40;
    altered[at] ^= 1;
    let cases = [
        (Place::built(2_000_000), 1, "the bundle is not signed"),
        (signature::sign(&Place::built(2_000_000), &other, Serial(6)).expect("signed"), 1, "trusted here"),
        (place.signed(2_000_000, 4), 1, "older than the one accepted before"),
        (place.signed(2_000_000, 5), 1, "under which another one was accepted"),
        (altered, 2, "was altered"),
        (b"rubbish".to_vec(), 2, "not a pai bundle"),
    ];
    for (bytes, expected_code, expected) in &cases {
        let (code, said) = place.push(bytes).await;
        assert!(code == *expected_code && said.contains(expected), "{expected}: {code} {said}");
        // The gateway does not rely on the command's having looked.
        let request =
            support::operator(&place.path("state"), Method::POST, "/bundle").await.body(bytes.clone());
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 422, "{expected}");
        assert_eq!(answer.json::<Value>().await.expect("json")["code"], "bundle_refused");
        assert_eq!((place.in_force().await, place.served()), (first.clone(), first.clone()), "{expected}");
    }
    let status = place.status().await;
    assert_eq!(status["upToDate"], true, "the file is as it was");
    assert!(
        status["lastRefusal"]["reason"].as_str().expect("a reason").contains("not a pai bundle"),
        "{status}"
    );
    let names: Vec<_> = std::fs::read_dir(place.folder.path()).expect("a folder").collect();
    assert!(
        names.iter().all(|entry| !entry
            .as_ref()
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .starts_with('.'))
    );
    gateway.shutdown().await.expect("a clean stop");
}

/// The first bundle of all.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_a_bundle_is_closed_until_one_is_pushed() {
    let place = Place::new();
    let error = place.try_start(true, FirstBundle::MustBeThere).await.err().expect("no gateway");
    assert!(error.contains("cannot be read"), "{error}");
    let gateway = place.try_start(true, FirstBundle::MayCome).await.expect("a gateway");
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", gateway.admin_url())).await.expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(ready().await, 503);
    let asked =
        reqwest::Client::new().get(format!("{}/v1/models", gateway.url())).header("x-api-key", "pai_agt_x");
    assert_eq!(asked.send().await.expect("an answer").status(), 401);
    let answer = support::operator(&place.path("state"), Method::GET, "/bundle").await.send().await;
    assert_eq!(answer.expect("an answer").status(), 404);
    assert_eq!(place.status().await["origin"], "none");
    let (code, said) = place.push(&Place::built(1_000_000)).await;
    assert!(code == 1 && said.contains("not signed"), "{said}");
    assert_eq!(ready().await, 503);
    let first = place.signed(1_000_000, 1);
    assert_eq!(place.push(&first).await.0, 0);
    assert_eq!((ready().await, place.in_force().await, place.served()), (200, first.clone(), first));
    gateway.shutdown().await.expect("a clean stop");
    // What is there and is no bundle is an error all the same.
    std::fs::write(place.path("served.bundle"), "rubbish").expect("written");
    std::fs::remove_dir_all(place.path("state/bundle")).expect("forgotten");
    let error = place.try_start(true, FirstBundle::MayCome).await.err().expect("no gateway");
    assert!(error.contains("not a pai bundle"), "{error}");
}

/// Where the file cannot be replaced, the bundle is not in force either: a restart would go back.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_not_served() {
    let place = Place::new();
    let first = Place::built(1_000_000);
    std::fs::write(place.path("served.bundle"), &first).expect("written");
    let gateway = place.start(false).await;
    // A folder in the file's place: no rename goes over it, whoever asks.
    std::fs::rename(place.path("served.bundle"), place.path("away")).expect("moved");
    std::fs::create_dir_all(place.path("served.bundle/x")).expect("a folder");
    let (code, said) = place.push(&Place::built(2_000_000)).await;
    assert!(code == 2 && said.contains("cannot be written to"), "{said}");
    assert_eq!(place.in_force().await, first);
    gateway.shutdown().await.expect("a clean stop");
}

/// A folder of manifests is its own truth.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_serves_manifests_takes_no_bundle_and_says_to_edit_them() {
    use std::process::{Command, Stdio};
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("pai.yaml"), MANIFESTS).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_pai"))
        .args(["serve", ".", "--simulate", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let before = support::told(&folder.path().join(".pai"), "/status").await;
    std::fs::write(folder.path().join("a.bundle"), Place::built(7)).expect("written");
    let (code, said) = pai(&["push", "a.bundle"], folder.path());
    let after = support::told(&folder.path().join(".pai"), "/status").await;
    let handed_out =
        support::operator(&folder.path().join(".pai"), Method::GET, "/bundle").await.send().await;
    let handed_out = handed_out.expect("an answer").bytes().await.expect("bytes");
    child.kill().expect("killed");
    child.wait().expect("gone");
    assert!(code == 1 && said.contains("edit them there"), "{said}");
    assert_eq!(before["bundle"], after["bundle"]);
    let digest = codec::open(&handed_out).expect("a bundle").digest().to_string();
    assert_eq!(after["bundle"]["digest"], digest.as_str());
}
