//! Attacks on keys and secrets: guesses, injections, and keys that are over. Numbers are those of the list in `threats.rs`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use pai_bundle::principal::Credential;
use pai_bundle::provider::SecretRef;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::Account;
use pai_runtime::secret::Secrets;
use pai_runtime::token::{Pepper, Token, TokenKind};
use pai_simulator::Simulator;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::processes::Process;
use crate::random::Random;
use crate::support::{MANIFESTS, NOON, World, hello};
use crate::threats::{OPEN, bodies};

/// One connection that stays open.
pub(crate) struct Connection(SendRequest<String>);

impl Connection {
    pub(crate) async fn to(authority: &str) -> Self {
        let stream = TcpStream::connect(authority).await.expect("a connection");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a client");
        tokio::spawn(connection);
        Self(sender)
    }

    /// Sends a message and reads the answer, status and body; the connection must be there still.
    pub(crate) async fn ask(&mut self, path: &str, token: &str) -> (u16, String) {
        self.0.ready().await.expect("the connection is open");
        let request = http::Request::post(path)
            .header("host", "localhost")
            .header("x-api-key", token)
            .header("anthropic-version", "2023-06-01")
            .header("content-type", "application/json")
            .body(hello(false).to_string());
        let answer = self.0.send_request(request.expect("a request")).await.expect("an answer");
        let (head, body) = answer.into_parts();
        let body = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX).await.expect("all of it");
        (head.status.as_u16(), String::from_utf8_lossy(&body).into_owned())
    }
}

fn accounts(world: &World) -> Vec<Account> {
    let totals = world.gateway.ledger().totals(UtcDay(0)..=UtcDay(u32::MAX));
    totals.into_iter().map(|(account, _)| account).collect()
}

/// 20. Guesses over the wire, of wrong form and of right: one answer, nothing sent on, nothing counted.
#[tokio::test]
async fn guesses_over_the_wire_get_one_answer_and_touch_no_account() {
    let world = World::of(MANIFESTS).await;
    let mut random = Random::of(20);
    let mut said = Vec::new();
    for turn in 0..400_u64 {
        let text: String =
            (0..49 + 12).map(|_| char::from(b'a' + u8::try_from(random.below(26)).unwrap_or(0))).collect();
        let guess = match turn % 4 {
            0 => format!("pak_{}_{}", &text[..12], &text[12..]),
            1 => Token::mint(TokenKind::AccessKey).expect("a token").reveal().to_owned(),
            // The id of a key that is there, and another secret.
            2 => format!("{}{}", &world.token("laptop")[..17], &text[12..]),
            _ => format!("pak_{text}"),
        };
        let request = world.client.post(world.url("/ext/v1/messages")).header("x-api-key", guess);
        let answer = request.json(&hello(false)).send().await.expect("an answer");
        assert_eq!(answer.status(), 401);
        said.push(without_ids(answer.json().await.expect("json")));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(world.simulator.log().is_empty());
    assert_eq!(accounts(&world), []);
}

/// An answer without what is of one request alone.
fn without_ids(mut body: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with("req_") => "req".clone_into(text),
            Value::Object(members) => members.values_mut().for_each(walk),
            Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut body);
    body
}

/// What breaks out of quotes, lines, paths, queries, scripts and formats somewhere.
const NASTY: [&str; 26] = [
    "'",
    "\"",
    "`",
    "\\",
    "\0",
    "\r\n",
    "\n",
    "\t",
    ";",
    "--",
    "/*",
    "' OR '1'='1",
    "${jndi:ldap://127.0.0.1/x}",
    "{{7*7}}",
    "%00",
    "%0d%0a",
    "../",
    "/",
    "?",
    "#",
    "*",
    "\u{202e}",
    "\u{feff}",
    "EVAL \"x\" 0",
    "\u{1b}[31m",
    "🔑",
];

fn nasty(random: &mut Random) -> String {
    let parts = 1 + random.below(5);
    let mut text = String::new();
    for _ in 0..parts {
        text += NASTY[usize::try_from(random.below(NASTY.len() as u64)).unwrap_or(0)];
        text += ["", "a", "claude-haiku-4-5", "default"][usize::try_from(random.below(4)).unwrap_or(0)];
    }
    text
}

/// 21. Names of models and labels are values, wherever they go: accounts, records and URLs stay what they are.
#[tokio::test]
async fn names_and_labels_are_only_ever_values() {
    let world = World::of(OPEN).await;
    let mut random = Random::of(21);
    let mut sent = 0;
    for turn in 0..240_u64 {
        let (path, mut body) = {
            let all = bodies(&json!(nasty(&mut random)));
            let at = usize::try_from(turn).unwrap_or(0) % all.len();
            all.into_iter().nth(at).expect("one")
        };
        body["model"] = match turn % 3 {
            0 => json!(nasty(&mut random)),
            1 => json!(format!("google/{}", nasty(&mut random))),
            _ => json!(format!("anthropic/claude-haiku-4-5{}", nasty(&mut random))),
        };
        body["user"] = json!(nasty(&mut random));
        body["metadata"] = json!({ "user_id": nasty(&mut random) });
        let request = world.request(Method::POST, &format!("/ext/v1/{path}"), "laptop").json(&body);
        let answer = request.send().await.unwrap_or_else(|error| panic!("{body}: {error}"));
        let status = answer.status().as_u16();
        assert!([200, 400, 403, 404].contains(&status), "{status}: {body}");
        sent += 1;
        // Where models stand in paths, as one segment.
        let model = nasty(&mut random).replace(['\0', '\r', '\n', '\t'], "");
        let model = percent_encoding::utf8_percent_encode(&model, percent_encoding::NON_ALPHANUMERIC);
        let shown = world.request(Method::GET, &format!("/ext/v1/models?after_id={model}"), "laptop");
        assert!([200, 400].contains(&shown.send().await.expect("an answer").status().as_u16()));
        sent += 1;
    }
    world.settled().await;
    let records = world.records(sent).await;
    assert_eq!(records.len(), sent, "one line each, whatever is in it");
    for account in accounts(&world) {
        let known = ["default/anthropic", "default/openai", "default/google", "default/laptop"];
        assert!(known.contains(&account.name.as_str()), "{account:?}");
    }
    // No model's name led to another path.
    for entry in world.simulator.log().entries() {
        let path = entry.target.split('?').next().unwrap_or_default();
        assert!(path.split('/').all(|part| part != "..") && path.matches('/').count() <= 5, "{path}");
    }
}

/// 21. The same in keys: what HTTP takes is an unknown credential, and what it does not take is no request.
#[tokio::test]
async fn a_key_is_only_ever_compared() {
    let world = World::of(MANIFESTS).await;
    let good = world.token("laptop").to_owned();
    for part in NASTY {
        for key in [part.to_owned(), format!("pak_{part}"), format!("{good}{part}"), format!("{part}{good}")]
        {
            for header in ["x-api-key: ", "authorization: Bearer ", "api-key: ", "x-goog-api-key: "] {
                let mut stream = TcpStream::connect(world.gateway.address()).await.expect("a connection");
                let head = format!(
                    "POST /ext/v1/messages HTTP/1.1\r\nhost: a\r\n{header}{key}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
                );
                stream.write_all(head.as_bytes()).await.expect("sent");
                let mut answer = Vec::new();
                let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
                let answer = String::from_utf8_lossy(&answer).into_owned();
                // White space at the ends is no part of a header's value, and a line end is the value's end.
                let is_the_key = key.trim_matches(['\t', '\r', '\n']) == good;
                let expected: &[&str] = if is_the_key { &["400", "403"] } else { &["400", "401"] };
                let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
                assert!(expected.contains(&status.as_str()), "{header}{key:?}: {answer}");
            }
        }
    }
    assert!(world.simulator.log().is_empty());
    assert_eq!(accounts(&world), []);
}

fn credential(pepper: &Pepper, token: &Token, expires: Option<UnixSeconds>) -> Credential {
    Credential { id: token.id().to_owned(), digest: pepper.digest(token), expires }
}

/// 22. A secret that was rotated, and a key whose manifest ends it, are refused from that second on, on a connection that is
/// open as well; the secret that took the other's place goes on.
#[tokio::test]
async fn what_has_ended_is_refused_on_a_connection_that_is_open() {
    let state = TempDir::new().expect("a folder");
    let pepper = Secrets::fixed("any", state.path()).pepper().expect("a pepper");
    let mint = |kind| Token::mint(kind).expect("a token");
    let (old, new, key) = (mint(TokenKind::Agent), mint(TokenKind::Agent), mint(TokenKind::AccessKey));
    let (minute, hour) = (UnixSeconds(NOON.0 + 60), UnixSeconds(NOON.0 + 3_600));
    let manifests = MANIFESTS
        .replace("  providers: [anthropic]", "  providers: [anthropic]\n  expires: 2026-11-23T13:00:00Z");
    let alter = |bundle: &mut pai_bundle::Bundle| {
        // Two that are good at once, of which one ends: what a rotation with grace leaves.
        bundle.agents[0].credentials =
            vec![credential(&pepper, &old, Some(minute)), credential(&pepper, &new, None)];
        bundle.access_keys[0].credentials = vec![credential(&pepper, &key, None)];
    };
    let world = World::altered(&manifests, alter, |settings| settings.state = state.path().to_owned()).await;
    let mut connection = Connection::to(&world.gateway.address().to_string()).await;
    world.clock.set(UnixSeconds(minute.0 - 1));
    for (path, token) in [("/v1/messages", &old), ("/v1/messages", &new), ("/ext/v1/messages", &key)] {
        let (status, body) = connection.ask(path, token.reveal()).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    world.clock.set(minute);
    let (status, body) = connection.ask("/v1/messages", old.reveal()).await;
    assert!(status == 401 && body.contains("expired_credential"), "{status}: {body}");
    assert_eq!(connection.ask("/v1/messages", new.reveal()).await.0, 200);
    world.clock.set(UnixSeconds(hour.0 - 1));
    assert_eq!(connection.ask("/ext/v1/messages", key.reveal()).await.0, 200);
    world.clock.set(hour);
    let (status, body) = connection.ask("/ext/v1/messages", key.reveal()).await;
    assert!(status == 401 && body.contains("key_expired"), "{status}: {body}");
}

/// A workspace on the disk, a simulator, and the token of its agent.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    simulator: Simulator,
    pub(crate) token: Token,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
        let folder = TempDir::new().expect("a folder");
        let place = Self { folder, simulator, token: Token::mint(TokenKind::Agent).expect("a token") };
        let secrets = Secrets::new(None, &place.path("state"));
        let key = SecretRef { name: "key".into(), key: "api-key".into() };
        secrets.keep(&key, &SecretString::from("sk-first-key-of-this-place")).expect("kept");
        place.write(&[&place.token]);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The manifests, with an agent that these tokens open.
    fn write(&self, tokens: &[&Token]) {
        let pepper = Secrets::new(None, &self.path("state")).pepper().expect("a pepper");
        let credentials: Vec<String> = tokens
            .iter()
            .map(|token| format!("{{id: {}, digest: '{}'}}", token.id(), pepper.digest(token)))
            .collect();
        let text = format!(
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: anthropic}}\nspec:\n  provider: anthropic\n  \
             endpoint: {}\n  apiKeySecretRef: {{name: key}}\n---\n\
             apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec:\n  \
             models: [anthropic/claude-sonnet-4-6]\n  credentials: [{}]\n",
            self.simulator.base_url("anthropic").expect("a kind"),
            credentials.join(", ")
        );
        std::fs::create_dir_all(self.path("workspace")).expect("a folder");
        std::fs::write(self.path("next"), text).expect("written");
        std::fs::rename(self.path("next"), self.path("workspace/pai.yaml")).expect("renamed");
    }

    pub(crate) fn command(&self, program: &str, before: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(before)
            .arg("serve")
            .arg(self.path("workspace"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--state"])
            .arg(self.path("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self) -> Process {
        Process::of(self.command(env!("CARGO_BIN_EXE_pai"), &[]).spawn().expect("a gateway"))
    }
}

pub(crate) fn authority(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

async fn until(process: &Process, text: &str) {
    for _ in 0..1_500 {
        if process.said().contains(text) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing was said of {text}:\n{}", process.said());
}

/// 22. A secret that is taken out of its manifest is over as soon as the bundle without it is in force, on a connection that
/// was open before; and one that was put in is good.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_secret_is_refused_on_a_connection_that_is_open() {
    let place = Place::new().await;
    let mut gateway = place.start();
    let url = gateway.url().await;
    let mut connection = Connection::to(&authority(&url)).await;
    assert_eq!(connection.ask("/v1/messages", place.token.reveal()).await.0, 200);
    let next = Token::mint(TokenKind::Agent).expect("a token");
    assert_eq!(connection.ask("/v1/messages", next.reveal()).await.0, 401);
    place.write(&[&next]);
    gateway.signal("HUP");
    until(&gateway, "bundle.loaded").await;
    let (status, body) = connection.ask("/v1/messages", place.token.reveal()).await;
    assert!(status == 401 && body.contains("unknown_credential"), "{status}: {body}");
    assert_eq!(connection.ask("/v1/messages", next.reveal()).await.0, 200);
}

/// The key of a provider changes in the store: the next request has the new one within the stated second, without a reload.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_added_again_is_used_within_a_second() {
    let place = Place::new().await;
    let mut gateway = place.start();
    let url = gateway.url().await;
    let mut connection = Connection::to(&authority(&url)).await;
    assert_eq!(connection.ask("/v1/messages", place.token.reveal()).await.0, 200);
    let key =
        || place.simulator.log().entries().pop().expect("a request").header("x-api-key").map(str::to_owned);
    assert_eq!(key().as_deref(), Some("sk-first-key-of-this-place"));
    let mut add = Command::new(env!("CARGO_BIN_EXE_pai"));
    add.args(["add", "secret", "key", "--from-literal", "api-key=sk-second-key", "--state"])
        .arg(place.path("state"));
    let added = add.output().expect("started");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let since = Instant::now();
    until(&gateway, "secret.rotated").await;
    // The stated second, and what a machine with other work needs to say it.
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(connection.ask("/v1/messages", place.token.reveal()).await.0, 200);
    assert_eq!(key().as_deref(), Some("sk-second-key"));
    assert!(!gateway.said().contains("bundle.loaded"), "no reload was needed");
}
