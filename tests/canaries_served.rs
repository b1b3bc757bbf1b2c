//! No secret leaves a gateway at work: canaries are planted in every place that one can come from, every error that can be
//! had is had with the log at its loudest, and then they are looked for in all that the process said, wrote, answered and
//! left behind.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pai_runtime::presence;
use pai_runtime::secret::Secrets;
use pai_runtime::token::{Token, TokenKind};
use pai_simulator::{Cut, Fault, Scenario, Simulator};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::processes::Process;
use crate::support::asking;
use crate::traces::Hunt;

const MODEL: &str = "claude-haiku-4-5";

fn canary(place: &str) -> String {
    format!("cAnArY-{place}-q7RfZ0sW3xKp9LmV")
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

/// A workspace whose providers have their keys in every place there is.
struct Planted {
    folder: TempDir,
    simulator: Simulator,
    tokens: Vec<(&'static str, Token)>,
    hunt: Hunt,
    /// Keyed digests of tokens: manifests and bundles have them, and operators may see bundles.
    digests: Hunt,
    client: reqwest::Client,
}

impl Planted {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Simulator::start(pai_simulator::Settings::default()).await.expect("a simulator");
        let mut planted = Self {
            folder: TempDir::new().expect("a folder"),
            simulator,
            tokens: Vec::new(),
            hunt: Hunt::default(),
            digests: Hunt::default(),
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
        };
        planted.plant();
        planted
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn secrets(&self) -> Secrets {
        Secrets::new(Some(self.path("mounted")), &self.path("state"))
    }

    fn plant(&mut self) {
        let pepper = format!("{}{}", canary("pepper"), canary("pepper-again"));
        write(&self.path("mounted/pai-pepper/pepper"), &pepper, 0o644);
        write(&self.path("mounted/mounted-key/api-key"), &canary("mounted"), 0o644);
        write(&self.path("state/secrets/plain-key/api-key"), &canary("plain"), 0o600);
        let sealed = pai_bundle::provider::SecretRef { name: "sealed-key".into(), key: "api-key".into() };
        self.secrets().keep(&sealed, &SecretString::from(canary("sealed"))).expect("kept");
        for place in
            ["mounted", "plain", "sealed", "environment", "rotated", "broken", "query", "header", "prompt"]
        {
            self.hunt.secret(place, &canary(place));
        }
        self.hunt.secret("pepper", &pepper);
        let pepper = self.secrets().pepper().expect("a pepper");
        let mut mint = |name, kind| {
            let token = Token::mint(kind).expect("a token");
            self.hunt.secret(name, token.reveal());
            // The part that makes it secret, alone.
            self.hunt.secret(name, token.reveal().rsplit('_').next().expect("a part"));
            let digest = pepper.digest(&token);
            let hex = digest.rsplit(':').next().expect("a part").to_owned();
            self.digests.form(format!("the digest of {name}"), hex.as_bytes());
            let credential = format!("{{id: {}, digest: '{digest}'}}", token.id());
            self.tokens.push((name, token));
            credential
        };
        let coder = mint("coder", TokenKind::Agent);
        let spent = mint("spent", TokenKind::Agent);
        let (single, lonely) = (mint("single", TokenKind::Agent), mint("lonely", TokenKind::Agent));
        let laptop = mint("laptop", TokenKind::AccessKey);
        let ended = mint("ended", TokenKind::AccessKey);
        mint("stranger", TokenKind::AccessKey);
        mint("administrator", TokenKind::Admin);
        let ended = ended.replace('}', ", expires: '2020-01-01'}");
        let anthropic = self.simulator.base_url("anthropic").expect("a kind");
        let provider = |name: &str, endpoint: &str, more: &str| {
            format!(
                "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: {name}}}\nspec:\n  provider: anthropic\n  \
                 endpoint: {endpoint}\n  apiKeySecretRef: {{name: {name}-key}}\n  externalAccess: {{enabled: true}}\n  \
                 retry: {{maxAttempts: 1}}\n{more}---\n"
            )
        };
        let manifests = [
            provider("mounted", &anthropic, ""),
            provider("plain", &anthropic, ""),
            provider("sealed", &anthropic, ""),
            provider("environment", &anthropic, ""),
            provider("missing", &anthropic, ""),
            provider("away", "http://127.0.0.1:9", ""),
            format!(
                "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec:\n  models: [{}]\n  \
                 credentials: [{coder}]\n---\n",
                ["mounted", "plain", "sealed", "environment", "missing", "away"]
                    .map(|name| format!("{name}/{MODEL}"))
                    .join(", ")
            ),
            format!(
                "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: spent}}\nspec:\n  models: [mounted/{MODEL}]\n  \
                 tokens: {{maxPerDay: 10}}\n  credentials: [{spent}]\n---\n"
            ),
            format!(
                "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: single}}\nspec:\n  models: [mounted/{MODEL}]\n  \
                 credentials: [{single}]\n---\n\
                 apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: lonely}}\nspec:\n  models: [away/{MODEL}]\n  \
                 credentials: [{lonely}]\n---\n"
            ),
            format!(
                "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: laptop}}\nspec:\n  providers: [mounted]\n  \
                 allowedModels: [{MODEL}]\n  credentials: [{laptop}, {ended}]\n"
            ),
        ]
        .concat();
        write(&self.path("workspace/pai.yaml"), &manifests, 0o644);
        // What the mounted, environment and away keys are is found by the names above.
        write(&self.path("mounted/away-key/api-key"), &canary("mounted"), 0o644);
        std::fs::create_dir_all(self.path("home")).expect("a folder");
        std::fs::create_dir_all(self.path("here")).expect("a folder");
    }

    /// A gateway with the log at its loudest, and with core files allowed as far as its caller can allow them.
    fn start(&self) -> Process {
        let child = Command::new("sh")
            .args([
                "-c",
                "ulimit -c unlimited 2>/dev/null || ulimit -c \"$(ulimit -H -c)\"; exec \"$0\" \"$@\"",
            ])
            .arg(env!("CARGO_BIN_EXE_pai"))
            .arg("serve")
            .arg(self.path("workspace"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--echo-records",
                "--log-json",
            ])
            .arg("--state")
            .arg(self.path("state"))
            .arg("--secrets")
            .arg(self.path("mounted"))
            .current_dir(self.path("here"))
            .env("HOME", self.path("home"))
            .env("PAI_LOG", "trace")
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .env("PAI_SECRET_ENVIRONMENT_KEY_API_KEY", canary("environment"))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(self.path("stdout")).expect("a file"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("a gateway");
        Process::of(child)
    }

    fn token(&self, name: &str) -> &str {
        self.tokens.iter().find(|(known, _)| *known == name).expect("a token").1.reveal()
    }

    async fn ask(&self, request: reqwest::RequestBuilder, what: &str) -> u16 {
        let Ok(answer) = request.timeout(Duration::from_secs(30)).send().await else { return 0 };
        let status = answer.status().as_u16();
        let head = format!("{:?}", answer.headers());
        let body = answer.bytes().await.unwrap_or_default();
        self.hunt.assert_clean(&format!("the head of the answer to {what}"), head.as_bytes());
        self.hunt.assert_clean(&format!("the answer to {what}"), &body);
        if what != "/bundle" {
            self.digests.assert_clean(&format!("the answer to {what}"), &body);
        }
        status
    }

    /// One request for each thing that can go wrong; the statuses that were answered.
    async fn go_wrong(&self, url: &str) -> Vec<u16> {
        let body = |model: &str, stream| {
            let mut body = asking(model, "Hello", stream);
            body["metadata"] = json!({ "user_id": canary("prompt") });
            body["system"] = json!(canary("prompt"));
            body
        };
        let post = |path: &str, token: &str, body: &Value| {
            let query = canary("query");
            let request = self.client.post(format!("{url}{path}?key={query}")).header("x-api-key", token);
            request.header("anthropic-version", "2023-06-01").header("x-note", canary("header")).json(body)
        };
        let mut statuses = Vec::new();
        let coder = self.token("coder");
        let good = body(&format!("mounted/{MODEL}"), false);
        for name in ["mounted", "plain", "sealed", "environment", "missing", "away", "nowhere"] {
            for stream in [false, true] {
                let asked = body(&format!("{name}/{MODEL}"), stream);
                statuses.push(self.ask(post("/v1/messages", coder, &asked), name).await);
            }
        }
        let lonely = body(&format!("away/{MODEL}"), false);
        statuses.push(self.ask(post("/v1/messages", self.token("lonely"), &lonely), "nobody there").await);
        for (who, path) in [
            ("stranger", "/ext/v1/messages"),
            ("ended", "/ext/v1/messages"),
            ("laptop", "/v1/messages"),
            ("coder", "/ext/v1/messages"),
            ("administrator", "/v1/messages"),
            ("spent", "/v1/messages"),
            ("coder", "/v1/nothing"),
            ("coder", "/v1/files"),
        ] {
            statuses.push(self.ask(post(path, self.token(who), &good), who).await);
        }
        let two = post("/v1/messages", coder, &good)
            .header("authorization", format!("Bearer {}", self.token("laptop")));
        statuses.push(self.ask(two, "two credentials").await);
        let typo = format!("{}x", self.token("laptop"));
        statuses.push(self.ask(post("/ext/v1/messages", &typo, &good), "a typo").await);
        let broken =
            post("/v1/messages", coder, &good).body(format!("{{\"model\": \"{}\"", canary("prompt")));
        statuses.push(self.ask(broken, "a broken body").await);
        let other = self.client.delete(format!("{url}/v1/messages")).header("x-api-key", coder);
        statuses.push(self.ask(other, "another method").await);
        let faults = [
            Fault::Status { status: 400, retry_after: None },
            Fault::Status { status: 401, retry_after: None },
            Fault::Status { status: 429, retry_after: Some(1) },
            Fault::Status { status: 529, retry_after: None },
            Fault::Redirect { status: 302, location: "http://127.0.0.1:9/".to_owned() },
            Fault::Html,
            Fault::Garbage,
            Fault::Hangup,
        ];
        for fault in faults {
            let what = format!("{fault:?}");
            self.simulator.push(Scenario { fault: Some(fault), ..Scenario::default() });
            statuses.push(self.ask(post("/v1/messages", self.token("single"), &good), &what).await);
        }
        let cut = Scenario { cut: Some(Cut::Events(2)), ..Scenario::default() };
        self.simulator.push(cut);
        statuses.push(
            self.ask(
                post("/v1/messages", self.token("single"), &body(&format!("mounted/{MODEL}"), true)),
                "a cut",
            )
            .await,
        );
        // Gone in the middle.
        self.simulator.push(Scenario { event_delay: Duration::from_millis(200), ..Scenario::default() });
        let slow = post("/v1/messages", coder, &body(&format!("mounted/{MODEL}"), true));
        let _ = slow.timeout(Duration::from_millis(300)).send().await;
        statuses
    }

    /// Everything that the admin listener may be asked.
    async fn look_in(&self, admin: &str, operator: &str) {
        for path in [
            "/livez",
            "/readyz",
            "/status",
            "/usage",
            "/usage?from=x",
            "/metrics",
            "/bundle",
            "/config",
            "/debug",
            "/debug/pprof",
            "/openapi.json",
            "/",
        ] {
            for token in [None, Some(operator), Some(self.token("administrator")), Some(self.token("coder"))]
            {
                let mut request = self.client.get(format!("{admin}{path}"));
                if let Some(token) = token {
                    request = request.bearer_auth(token);
                }
                self.ask(request, path).await;
            }
        }
    }
}

async fn until(process: &Process, text: &str) {
    for _ in 0..1_000 {
        if process.said().contains(text) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing was said of {text}");
}

/// 23, 25. And in what a crash leaves.
#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_leaves_a_gateway_at_work() {
    let mut planted = Planted::new().await;
    let mut gateway = planted.start();
    let url = gateway.url().await;
    let found = presence::find(&planted.path("state")).expect("an address");
    let (admin, operator) = (found.url(), found.token.expose_secret().to_owned());
    planted.hunt.secret("the token of this run", &operator);

    let statuses = planted.go_wrong(&url).await;
    for expected in [200, 400, 401, 403, 405, 429, 502] {
        assert!(statuses.contains(&expected), "{expected} is not among {statuses:?}");
    }
    planted.look_in(&admin, &operator).await;
    let request = planted.client.get(format!("{admin}/metrics")).bearer_auth(&operator);
    let metrics = request.send().await.expect("an answer").text().await.expect("text");
    assert!(
        metrics.contains("pai_requests_total{provider=\"default/mounted\""),
        "there is a page to look in"
    );

    // A key that changes, one that can no longer be used, and manifests that cannot.
    write(&planted.path("mounted/mounted-key/api-key"), &canary("rotated"), 0o644);
    until(&gateway, "secret.rotated").await;
    write(&planted.path("mounted/mounted-key/api-key"), &format!("{0}\n{0}", canary("broken")), 0o644);
    until(&gateway, "secret.unreadable").await;
    let manifests = std::fs::read_to_string(planted.path("workspace/pai.yaml")).expect("manifests");
    let broken = manifests.replace("kind: Agent", &format!("kind: Agent # sk-ant-{}", canary("broken")));
    write(&planted.path("workspace/pai.yaml"), &broken.replace("models:", "modles:"), 0o644);
    gateway.signal("HUP");
    until(&gateway, "bundle.refused").await;
    write(&planted.path("workspace/pai.yaml"), &manifests, 0o644);
    planted.look_in(&admin, &operator).await;
    let status: Value = planted
        .client
        .get(format!("{admin}/status"))
        .bearer_auth(&operator)
        .send()
        .await
        .expect("it")
        .json()
        .await
        .expect("json");
    let mounted =
        status["secrets"].as_array().expect("a list").iter().find(|one| one["provider"] == "default/mounted");
    assert_eq!(mounted.expect("a provider")["state"], "last-good", "{status}");
    let good = asking(&format!("mounted/{MODEL}"), "Hello", false);
    let request =
        planted.client.post(format!("{url}/v1/messages")).header("x-api-key", planted.token("coder"));
    let request = request.header("anthropic-version", "2023-06-01");
    assert_eq!(planted.ask(request.json(&good), "the last good key").await, 200);
    let sent = planted.simulator.log().entries().pop().expect("a request");
    assert_eq!(sent.header("x-api-key"), Some(canary("rotated").as_str()), "it did have the key");

    // What other processes see of it.
    let process = PathBuf::from(format!("/proc/{}", gateway.id()));
    if process.exists() {
        planted
            .hunt
            .assert_clean("its arguments", &std::fs::read(process.join("cmdline")).expect("arguments"));
        let limits = std::fs::read_to_string(process.join("limits")).expect("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
        for task in std::fs::read_dir(process.join("task")).expect("threads") {
            let children = std::fs::read_to_string(task.expect("a thread").path().join("children"));
            assert_eq!(
                children.unwrap_or_default().trim(),
                "",
                "it starts no programs that could inherit anything"
            );
        }
    }
    gateway.signal("ABRT");
    let (status, said) = gateway.end();
    assert_eq!(status.signal(), Some(6), "{status}");
    assert!(!status.core_dumped(), "a crash left a core file");
    let left: Vec<_> = std::fs::read_dir(planted.path("here")).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");

    planted.hunt.assert_clean("what it said", said.as_bytes());
    planted.digests.assert_clean("what it said", said.as_bytes());
    assert!(said.contains("\"level\":\"TRACE\"") && said.len() > 20_000, "the log was not at its loudest");
    planted.hunt.assert_clean("its standard output", &std::fs::read(planted.path("stdout")).expect("a file"));
    let files =
        planted.hunt.assert_clean_folder(&planted.path("state"), &|path| path.ends_with("admin-token"));
    assert!(files >= 5, "ledger, records, key and sealed secrets: {files}");
    planted.digests.assert_clean_folder(&planted.path("state"), &|_| false);
    planted.hunt.assert_clean_folder(&planted.path("home"), &|_| false);
    assert!(!planted.path("state/secrets/plain-key").exists(), "what lay unsealed is sealed");
    // The looking would find them: the mounts have them, and a bundle has digests.
    assert!(
        planted.hunt.find(&std::fs::read(planted.path("mounted/away-key/api-key")).expect("it")).is_some()
    );
    assert!(planted.digests.find(manifests.as_bytes()).is_some_and(|found| found.contains("the digest of")));
    file_modes(&planted.path("state"));
}

/// Nobody else reads the store or its key, whatever the umask was.
fn file_modes(state: &Path) {
    for (path, mode) in [
        ("secrets.key", 0o600),
        ("sealed", 0o700),
        ("sealed/sealed-key", 0o700),
        ("sealed/sealed-key/api-key", 0o600),
        ("sealed/plain-key/api-key", 0o600),
        ("admin-token", 0o600),
    ] {
        let found = std::fs::metadata(state.join(path)).expect(path).permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}: {found:o}");
    }
}

/// What the commands say of a workspace that a gateway has served, and what they write to HOME.
#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_is_in_what_commands_say_of_a_served_workspace() {
    let planted = Planted::new().await;
    let mut gateway = planted.start();
    let url = gateway.url().await;
    planted.go_wrong(&url).await;
    gateway.terminate();
    let (code, _) = gateway.wait();
    assert_eq!(code, Some(0));
    let (workspace, state) = (planted.path("workspace"), planted.path("state"));
    let (workspace, state) = (workspace.display().to_string(), state.display().to_string());
    for arguments in [
        vec!["validate", &workspace],
        vec!["get", "secrets", "--workspace", &workspace, "--state", &state],
        vec!["get", "secrets", "-o", "json", "--workspace", &workspace, "--state", &state],
        vec!["get", "agents", "-o", "wide", "--workspace", &workspace, "--state", &state],
        vec!["get", "access-keys", "--workspace", &workspace, "--state", &state],
        vec!["usage", &workspace, "--state", &state],
        vec!["ledger", "check", &workspace, "--state", &state],
        vec!["add", "secret", "more", "--from-literal", "nothing", "--state", &state],
        vec!["add", "secret", "..", "--from-literal", "a=b", "--state", &state],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_pai"))
            .args(&arguments)
            .current_dir(planted.path("here"))
            .env("HOME", planted.path("home"))
            .env("PAI_LOG", "trace")
            .env("PAI_SECRET_ENVIRONMENT_KEY_API_KEY", canary("environment"))
            .env("PAI_SECRETS", planted.path("mounted"))
            .output()
            .expect("started");
        for bytes in [&output.stdout, &output.stderr] {
            planted.hunt.assert_clean(&arguments.join(" "), bytes);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("unexpected argument"), "{arguments:?}: {said}");
    }
    planted.hunt.assert_clean_folder(&planted.path("home"), &|_| false);
}
