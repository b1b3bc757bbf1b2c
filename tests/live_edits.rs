//! A gateway that serves a folder, while people edit it: changes apply by themselves, whole or not at all, and no request
//! notices. A real process, real files.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use pai_bundle::codec;
use pai_compiler::Sources;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::exposition::Exposition;
use crate::support::guarded::ATTACK;
use crate::support::{self, asking};

const HAIKU: &str = "claude-haiku-4-5";
const SONNET: &str = "claude-sonnet-4-6";

/// `pai serve FOLDER --simulate`, and the credentials that it made.
struct Served {
    child: Child,
    folder: TempDir,
    url: String,
    agent: String,
    key: Option<String>,
}

impl Served {
    /// Writes the files, and serves them.
    fn start(files: &[(&str, String)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_pai"))
            .args(["serve", ".", "--simulate", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .env_remove("PAI_LOG")
            .env("NO_COLOR", "1")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let (mut url, mut agent, mut key) = (None, None, None);
        for line in lines.by_ref() {
            let last = line.split_whitespace().last().map(str::to_owned);
            if let Some(rest) = line.strip_prefix("pai is serving on ") {
                url = rest.split(',').next().map(str::to_owned);
            } else if line.starts_with("agent ") {
                agent = last;
            } else if line.starts_with("access key ") {
                key = last;
            } else if line.starts_with("Ctrl-C") {
                break;
            }
        }
        // It must be able to go on talking.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, folder, url: url.expect("a URL"), agent: agent.expect("a token"), key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As editors save: beside the file, and over it.
    fn save(&self, name: &str, text: &str) {
        let beside = self.path(&format!(".{name}.swp"));
        std::fs::write(&beside, text).expect("written");
        std::fs::rename(beside, self.path(name)).expect("renamed");
    }

    async fn bundle(&self) -> Value {
        support::told(&self.path(".pai"), "/status").await["bundle"].clone()
    }

    /// Waits until the gateway says what is wanted of its bundle.
    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut bundle = Value::Null;
        for _ in 0..1_500 {
            bundle = self.bundle().await;
            if wanted(&bundle) {
                return bundle;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{what}: {bundle:#}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One version of a workspace in two files, of which neither goes with another version's: which provider there is, and
/// that the agent may call one model of it.
fn version(number: usize) -> [(&'static str, String); 2] {
    let (provider, model) = [("first", HAIKU), ("second", SONNET)][number % 2];
    let provider_file = format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: {provider}}}\nspec:\n  provider: anthropic\n  \
         apiKeySecretRef: {{name: k}}\n  maxTokensPerDay: {}\n",
        100_000_000 + number
    );
    let agent_file = format!(
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec:\n  models: [{provider}/{model}]\n"
    );
    [("agent.yaml", agent_file), ("provider.yaml", provider_file)]
}

fn digest(files: &[(&'static str, String)]) -> String {
    let sources = Sources::new(files.iter().map(|(name, text)| (*name, text.as_str())));
    let bundle = pai_compiler::compile(&sources).bundle.expect("it compiles");
    codec::encode(&bundle).expect("bytes").1.to_string()
}

/// Ways in which an edit goes wrong.
fn broken(number: usize, good: &str) -> String {
    match number % 4 {
        0 => good.replace("models:", "modles:"),
        1 => good[..good.len() / 2].to_owned(),
        2 => format!("{good}\t- [\n"),
        _ => good.replace("first/", "third/").replace("second/", "third/"),
    }
}

const VERSIONS: usize = 100;
const REQUESTS: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_are_each_decided_by_one_version_while_a_hundred_come_and_go() {
    let served = Served::start(&version(0));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let (asked, edited) = (AtomicU64::new(0), AtomicBool::new(false));
    let is_over = || edited.load(Ordering::Relaxed) && asked.load(Ordering::Relaxed) >= REQUESTS;
    let one = async |number: u64| {
        let model = if number.is_multiple_of(2) { HAIKU } else { SONNET };
        let request = client.post(format!("{}/v1/messages", served.url)).header("x-api-key", &served.agent);
        let request = request.header("anthropic-version", "2023-06-01").json(&asking(model, "Hello", false));
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let said = answer.text().await.expect("all of it");
        assert!([200, 403].contains(&status), "{status}: {said}");
        asked.fetch_add(1, Ordering::Relaxed);
    };
    let asking = async {
        let numbers = futures_util::stream::iter(0..).take_while(|_| std::future::ready(!is_over()));
        numbers.for_each_concurrent(8, one).await;
    };
    let mut versions = BTreeMap::from([(digest(&version(0)), 0)]);
    let editing = async {
        let mut refused = 0;
        for number in 1..=VERSIONS {
            let files = version(number);
            if number % 5 == 0 {
                served.save("agent.yaml", &broken(number / 5, &files[0].1));
                refused += 1;
                served.until("refused", |bundle| bundle["upToDate"] == false).await;
            }
            for (name, text) in &files {
                served.save(name, text);
            }
            let wanted = digest(&files);
            versions.insert(wanted.clone(), number);
            served.until("in force", |bundle| bundle["digest"] == wanted.as_str()).await;
        }
        edited.store(true, Ordering::Relaxed);
        refused
    };
    let ((), refused) = tokio::join!(asking, editing);

    // Nothing else was ever tried: no save was taken by halves.
    let bundle = served.bundle().await;
    assert_eq!(bundle["refusals"], refused, "{bundle:#}");
    assert_eq!(bundle["reloads"], VERSIONS, "{bundle:#}");
    let records = std::fs::read_to_string(served.path(".pai/records.jsonl")).expect("records");
    let mut served_by = [0_u64; 2];
    let mut count = 0;
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        let digest = record["bundle"].as_str().expect("a digest");
        let number = versions.get(digest).unwrap_or_else(|| panic!("no version has {digest}"));
        let (provider, model) = [("default/first", HAIKU), ("default/second", SONNET)][number % 2];
        let expected = if record["requested"] == model { "served" } else { "refused" };
        assert_eq!(record["outcome"], expected, "version {number}: {record:#}");
        if expected == "served" {
            assert_eq!(record["provider"], provider, "version {number}: {record:#}");
            served_by[number % 2] += 1;
        }
        count += 1;
    }
    assert!(count >= REQUESTS, "{count} records");
    assert!(served_by.iter().all(|count| *count > REQUESTS / 10), "{served_by:?}");
}

/// One answer on a connection that stays open: its status.
async fn status_on(socket: &mut TcpStream, key: &str) -> u16 {
    let body = asking(HAIKU, "Hello", false).to_string();
    let request = format!(
        "POST /ext/v1/messages HTTP/1.1\r\nhost: gateway\r\nx-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.expect("the connection is open");
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(socket.read_u8().await.expect("an answer")));
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
    });
    let mut body = vec![0; length.expect("a length")];
    socket.read_exact(&mut body).await.expect("a body");
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

fn with_key() -> [(&'static str, String); 2] {
    let [(_, agent), (_, provider)] = version(0);
    let key =
        "---\napiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: laptop}\nspec: {providers: [first]}\n";
    [
        ("all.yaml", format!("{provider}  externalAccess: {{enabled: true}}\n---\n{agent}")),
        ("key.yaml", key.to_owned()),
    ]
}

/// 22. A key that is taken out of its folder opens nothing a second later, on a connection that was open before.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_taken_away_is_refused_within_a_second_on_an_open_connection() {
    let files = with_key();
    let served = Served::start(&files);
    let key = served.key.clone().expect("a key");
    let address = served.url.strip_prefix("http://").expect("a URL");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    // Three times, since a machine that does other things as well may take a second for anything.
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        assert_eq!(status_on(&mut socket, &key).await, 200);
        std::fs::remove_file(served.path("key.yaml")).expect("removed");
        let removed = Instant::now();
        while status_on(&mut socket, &key).await == 200 {
            assert!(removed.elapsed() < Duration::from_secs(20), "it still opens");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fastest = fastest.min(removed.elapsed());
        assert_eq!(status_on(&mut socket, &key).await, 401);
        served.save("key.yaml", &files[1].1);
        served
            .until("the key is back", |bundle| bundle["reloads"].as_u64().is_some_and(|count| count % 2 == 0))
            .await;
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}

/// 31. What is wrong with an edit is said wherever somebody may look, and what was served is served.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_edit_is_told_in_status_and_probe_and_the_last_good_version_stays() {
    let files = version(0);
    let served = Served::start(&files);
    let before = served.bundle().await;
    served.save("agent.yaml", &files[0].1.replace("models:", "modles:"));
    let refused = served.until("refused", |bundle| bundle["upToDate"] == false).await;
    assert_eq!(refused["digest"], before["digest"]);
    let findings = refused["lastRefusal"]["findings"].to_string();
    assert!(findings.contains("agent.yaml:5:3: error[PAI0205]"), "{findings}");

    let status = pai(&["status"], served.folder.path());
    assert_eq!(status.0, 1, "{}", status.1);
    for text in [before["digest"].as_str().expect("a digest"), "REFUSED", "modles", "stays in force"] {
        assert!(status.1.contains(text), "{text}: {}", status.1);
    }
    let found = pai_runtime::presence::find(&served.path(".pai")).expect("it runs");
    let ready = reqwest::get(format!("{}/readyz", found.url())).await.expect("an answer");
    assert_eq!(ready.status(), 200, "traffic need not go elsewhere");
    let ready: Value = ready.json().await.expect("json");
    assert_eq!(ready["bundle_up_to_date"], false);
    assert_eq!(ready["bundle_refused_at"], refused["lastRefusal"]["at"]);
    let bundle = async |name: &str| Exposition::ask(&served.path(".pai")).await.value(name, &[]);
    assert_eq!(bundle("pai_bundle_up_to_date").await, Some(0.0));
    assert_eq!(bundle("pai_bundle_refusals_total").await, Some(1.0));
    let refused_at = bundle("pai_bundle_last_refusal_timestamp_seconds").await;
    assert!(refused_at >= bundle("pai_bundle_loaded_timestamp_seconds").await, "{refused_at:?}");

    served.save("agent.yaml", &files[0].1);
    served.until("mended", |bundle| bundle["upToDate"] == true).await;
    assert_eq!(bundle("pai_bundle_up_to_date").await, Some(1.0));
    assert_eq!(bundle("pai_bundle_last_refusal_timestamp_seconds").await, refused_at, "it stays in memory");
    let status = pai(&["status"], served.folder.path());
    assert_eq!(status.0, 0, "{}", status.1);
    assert!(status.1.contains("last refused"), "{}", status.1);
    let files = ["provider.yaml", "agent.yaml"];
    for file in files {
        std::fs::remove_file(served.path(file)).expect("removed");
    }
    served.until("a folder without manifests is refused", |bundle| bundle["upToDate"] == false).await;
}

/// A guard's edits apply to the next request, and a stream that is under way ends under the rules it began with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_guard_judges_the_next_request_and_drops_no_stream() {
    let guard = |threshold: f64, enforcement: &str| {
        format!(
            "apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {{name: house}}\nspec:\n  classifier: {{type: rules}}\n  \
             thresholds: {{injection: {threshold}, jailbreak: {threshold}}}\n---\napiVersion: pai.io/v1\nkind: \
             ModelProvider\nmetadata: {{name: first}}\nspec:\n  provider: anthropic\n  apiKeySecretRef: {{name: k}}\n  \
             guards:\n    - binding: house\n      scan: {{prompts: true, responses: true}}\n      enforcement: \
             {enforcement}\n"
        )
    };
    let agent = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec:\n  models: [first/claude-haiku-4-5]\n";
    let served = Served::start(&[("guard.yaml", guard(0.999, "audit")), ("agent.yaml", agent.to_owned())]);
    // Asked first because it sets up TLS for clients.
    served.bundle().await;
    let client = reqwest::Client::new();
    let ask = |prompt: &str, stream: bool| {
        let request = client.post(format!("{}/v1/messages", served.url)).header("x-api-key", &served.agent);
        let request = request.header("anthropic-version", "2023-06-01");
        request.json(&asking(HAIKU, prompt, stream)).send()
    };
    let attack = ATTACK;
    let edits = [(0.9, "enforce", 403), (0.9, "audit", 200), (0.5, "enforce", 403)];
    for (reloads, (threshold, enforcement, expected)) in (1..).zip(edits) {
        let slow = "Say a little. [[simulate: output=100 delay_ms=20]]";
        let stream = ask(slow, true).await.expect("an answer");
        assert_eq!(stream.status(), 200);
        served.save("guard.yaml", &guard(threshold, enforcement));
        served.until("reloaded", |bundle| bundle["reloads"] == reloads).await;
        let answer = ask(attack, false).await.expect("an answer");
        assert_eq!(answer.status(), expected, "{threshold} {enforcement}");
        let text = stream.text().await.expect("the stream goes on to its end");
        assert!(text.contains("message_stop"), "{text}");
    }
}

/// Exit code and everything that is printed.
pub(crate) fn pai(arguments: &[&str], folder: &Path) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pai"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .envs([("COLUMNS", "200")])
        .env_remove("PAI_ADMIN_TOKEN")
        .env_remove("PAI_ADMIN_URL")
        .env_remove("PAI_STATE")
        .stdin(Stdio::null())
        .output()
        .expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout) + &text(output.stderr))
}
