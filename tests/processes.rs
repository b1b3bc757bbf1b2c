//! A gateway in a process of its own, which can be killed, on a disk that can fail.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
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
/// The most that a crash may count too much, in each account.
pub(crate) const BLOCK: u64 = LIMIT / 100;

/// A bundle on disk, a state folder, and a provider that outlives the gateway.
pub(crate) struct Place {
    pub(crate) simulator: Simulator,
    folder: TempDir,
    pub(crate) token: String,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::with_limit(LIMIT).await
    }

    /// With so many tokens a day.
    pub(crate) async fn with_limit(limit: u64) -> Self {
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
             apiKeySecretRef: {{name: key}}\n  maxTokensPerDay: {limit}\n---\n\
             apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec:\n  \
             models: [anthropic/claude-haiku-4-5]\n  tokens: {{maxPerDay: {limit}}}\n"
        );
        let mut bundle = support::compile(&manifests);
        support::point_at(&mut bundle, &simulator);
        let pepper = Secrets::new(None, &folder.path().join("state")).pepper().expect("a pepper");
        let tokens = support::credentials(&mut bundle, &pepper);
        let (bytes, _) = codec::encode(&bundle).expect("bytes");
        std::fs::write(folder.path().join("a.bundle"), bytes).expect("a bundle");
        Self { simulator, token: tokens[0].1.reveal().to_owned(), folder }
    }

    pub(crate) fn start(&self) -> Process {
        self.start_with(&[])
    }

    /// With these variables in its environment as well.
    pub(crate) fn start_with(&self, variables: &[(&str, OsString)]) -> Process {
        let child = Command::new(env!("CARGO_BIN_EXE_pai"))
            .arg("serve")
            .arg(self.folder.path().join("a.bundle"))
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--state"])
            .arg(self.state())
            .env("PAI_SECRET_KEY_API_KEY", PROVIDER_KEY)
            .env("PAI_LOG", "warn")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::piped())
            .spawn()
            .expect("a gateway");
        Process::of(child)
    }

    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    /// What a gateway would find after the crash, by account.
    pub(crate) async fn counted(&self) -> Vec<(Scope, u64)> {
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
pub(crate) struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// What a process says on its standard error, which is piped.
    pub(crate) fn of(mut child: Child) -> Self {
        let said = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().expect("piped");
        let reader = thread::spawn({
            let said = Arc::clone(&said);
            move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut said = said.lock().expect("no panic");
                    said.push_str(&line);
                    said.push('\n');
                }
            }
        });
        Self { child, said, reader: Some(reader) }
    }

    /// The URL that it says it serves on.
    pub(crate) async fn url(&mut self) -> String {
        self.says("serving on ").await
    }

    /// The rest of the word that follows these.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        let started = Instant::now();
        loop {
            let said = self.said();
            if let Some((_, rest)) = said.split_once(words)
                && let Some((word, _)) = rest.split_once(char::is_whitespace)
            {
                return word.to_owned();
            }
            let has_ended = self.child.try_wait().expect("a child").is_some();
            assert!(!has_ended && started.elapsed() < Duration::from_secs(60), "it did not start:\n{said}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// All that it has said so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().expect("sent").success());
    }

    /// Waits for its end: how it came, and all that it said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("ended");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("read");
        }
        (status, self.said())
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Waits for its end: its exit code and all that it said.
    pub(crate) fn wait(self) -> (Option<i32>, String) {
        let (status, said) = self.end();
        (status.code(), said)
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "beside what the failed test says")]
    fn drop(&mut self) {
        if thread::panicking() {
            // Whether it was still there, and its own words, tell more than a client's broken connection.
            let status = self.child.try_wait();
            let said = self.said.lock().map(|said| said.clone()).unwrap_or_default();
            eprintln!("the process under test (ended: {status:?}) has said:\n{said}");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
