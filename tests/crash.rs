//! A gateway that is killed in the middle of streams, again and again: never fewer tokens counted than the provider
//! reported, never more than one block per account too many.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pai_bundle::codec;
use pai_bundle::limit::Scope;
use pai_bundle::unit::UtcDay;
use pai_ledger::{Ledger, Settings, SledStore};
use pai_runtime::secret::Secrets;
use pai_simulator::{Scenario, Simulator};
use tempfile::TempDir;

use crate::support::{self, PROVIDER_KEY};

/// A hundredth of it is the largest block that an account keeps ahead of use.
const LIMIT: u64 = 20_000_000;
const BLOCK: u64 = LIMIT / 100;
/// Streams at the same time.
const CLIENTS: usize = 6;

/// How often to kill: few times in every run, and as often as asked for by hand.
fn kills() -> u64 {
    std::env::var("PAI_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(12)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_gateway_never_forgets_a_token() {
    let place = Place::new().await;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut over = Vec::new();
    let mut before = 0;
    for kill in 0..kills() {
        place.simulator.log().clear();
        let mut gateway = place.start();
        let url = ready(&mut gateway).await;
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(stream_for_ever(url.clone(), place.token.clone()))).collect();
        // On a busy machine the first request takes its time; a kill before it would test nothing.
        let first = async {
            while place.simulator.log().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), first).await.expect("a request arrives");
        tokio::time::sleep(Duration::from_millis(60 + random.below(250))).await;
        gateway.0.kill().expect("killed");
        gateway.0.wait().expect("gone");
        clients.iter().for_each(tokio::task::JoinHandle::abort);
        let reported = place.simulator.log().reported_total();
        let counted = place.counted().await;
        assert!(
            counted
                .iter()
                .all(|(_, tokens)| *tokens == counted[0].1 || tokens.abs_diff(counted[0].1) <= BLOCK),
            "{counted:?}"
        );
        let total = counted[0].1;
        assert!(
            total >= before + reported,
            "kill {kill}: {total} counted, {before} before, {reported} reported since"
        );
        let too_many = total - before - reported;
        assert!(too_many <= BLOCK, "kill {kill}: {too_many} too many");
        over.push(too_many);
        before = total;
    }
    over.sort_unstable();
    println!(
        "{} kills; tokens counted too many per kill: median {}, most {}; one block is {BLOCK}; {before} in all",
        over.len(),
        over[over.len() / 2],
        over[over.len() - 1],
    );
}

/// A bundle on disk, a state folder, and a provider that outlives the gateway.
struct Place {
    simulator: Simulator,
    folder: TempDir,
    token: String,
}

impl Place {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
        simulator.scenario(Scenario {
            output_tokens: 200,
            event_delay: Duration::from_millis(2),
            ..Scenario::default()
        });
        let folder = TempDir::new().expect("a folder");
        let manifests = format!(
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: anthropic}}\nspec:\n  provider: anthropic\n  \
             apiKeySecretRef: {{name: key}}\n  maxTokensPerDay: {LIMIT}\n---\n\
             apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec:\n  \
             models: [anthropic/claude-haiku-4-5]\n  tokens: {{maxPerDay: {LIMIT}}}\n"
        );
        let mut bundle = support::compile(&manifests);
        support::point_at(&mut bundle, &simulator.url());
        let pepper = Secrets::new(None, &folder.path().join("state")).pepper().expect("a pepper");
        let tokens = support::credentials(&mut bundle, &pepper);
        let (bytes, _) = codec::encode(&bundle).expect("bytes");
        std::fs::write(folder.path().join("a.bundle"), bytes).expect("a bundle");
        Self { simulator, token: tokens[0].1.reveal().to_owned(), folder }
    }

    fn start(&self) -> Process {
        let child = Command::new(env!("CARGO_BIN_EXE_pai"))
            .arg("serve")
            .arg(self.folder.path().join("a.bundle"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--state"])
            .arg(self.state())
            .env("PAI_SECRET_KEY_API_KEY", PROVIDER_KEY)
            .env("PAI_LOG", "warn")
            .stderr(Stdio::piped())
            .spawn()
            .expect("a gateway");
        Process(child)
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    /// What a gateway would find after the crash, by account.
    async fn counted(&self) -> Vec<(Scope, u64)> {
        let store = SledStore::open(self.state().join("ledger")).expect("the store is free again");
        let ledger = Ledger::open(Box::new(store), Settings::default()).expect("the ledger");
        let totals = ledger.totals(UtcDay(0)..=UtcDay(u32::MAX));
        ledger.close().await.expect("closed");
        let mut counted: Vec<(Scope, u64)> = Vec::new();
        for (account, totals) in totals {
            match counted.iter_mut().find(|(scope, _)| *scope == account.scope) {
                Some((_, tokens)) => *tokens += totals.tokens().0,
                None => counted.push((account.scope, totals.tokens().0)),
            }
        }
        counted.sort_unstable();
        counted
    }
}

/// A process that is gone when the test is.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The URL that the process says it serves on.
async fn ready(process: &mut Process) -> String {
    let stderr = process.0.stderr.take().expect("piped");
    tokio::task::spawn_blocking(move || {
        use std::io::BufRead;
        let mut said = Vec::new();
        for line in std::io::BufReader::new(stderr).lines() {
            let line = line.expect("text");
            if let Some((_, url)) = line.split_once("serving on ") {
                return url.trim().to_owned();
            }
            said.push(line);
        }
        panic!("the gateway did not start:\n{}", said.join("\n"));
    })
    .await
    .expect("joined")
}

async fn stream_for_ever(url: String, token: String) {
    let client = reqwest::Client::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        let request = client
            .post(format!("{url}/v1/messages"))
            .header("x-api-key", &token)
            .header("anthropic-version", "2023-06-01")
            .json(&support::asking("claude-haiku-4-5", "Hello there", true));
        let Ok(response) = request.send().await else { return };
        if response.bytes().await.is_err() {
            return;
        }
    }
}

/// A small generator, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[tokio::test]
async fn a_ledger_in_use_is_a_clear_error_and_changes_nothing() {
    let place = Place::new().await;
    let mut first = place.start();
    ready(&mut first).await;
    let second = place.start();
    let output = wait(second);
    assert_eq!(output.0, Some(2), "{}", output.1);
    assert!(output.1.contains("in use by another process"), "{}", output.1);
    assert!(Path::new(&place.state()).exists());
}

fn wait(mut process: Process) -> (Option<i32>, String) {
    use std::io::Read;
    let mut text = String::new();
    let mut stderr = process.0.stderr.take().expect("piped");
    stderr.read_to_string(&mut text).expect("text");
    (process.0.wait().expect("ended").code(), text)
}
