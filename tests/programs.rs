//! The programs as people and scripts meet them: what they print, and with which exit code they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

fn pai() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    command.env("NO_COLOR", "1").env_remove("PAI_LOG");
    command
}

/// Exit code, standard output, standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

fn example(name: &str) -> String {
    format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

const LOOPBACK: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

#[test]
fn a_wrong_bundle_is_one_clear_error() {
    let folder = TempDir::new().expect("a folder");
    let bundle = folder.path().join("a.bundle");
    let (code, ..) = run(pai().args(["build", &example("seed"), "-o"]).arg(&bundle));
    assert_eq!(code, 0);
    let good = std::fs::read(&bundle).expect("a bundle");
    let mut altered = good.clone();
    let at = altered.len() - 10;
    altered[at] ^= 1;
    for (bytes, expected) in [
        (altered.as_slice(), "was altered"),
        (&good[..good.len() / 2], "is cut"),
        (b"{\"paiBundle\":2}\n{}", "newer pai"),
        (b"\x7fELF", "not a pai bundle"),
        (b"", "not a pai bundle"),
    ] {
        std::fs::write(&bundle, bytes).expect("written");
        let (code, stdout, stderr) = run(pai().arg("serve").arg(&bundle).args(LOOPBACK));
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
}

#[test]
fn a_taken_port_is_one_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = TempDir::new().expect("a folder");
    for (mine, other) in [("--listen", "--admin-listen"), ("--admin-listen", "--listen")] {
        let mut command = pai();
        command.args(["serve", &example("seed"), mine, &address, other, "127.0.0.1:0", "--state"]);
        let (code, _, stderr) = run(command.arg(folder.path()));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(&address) && stderr.contains("in use") && stderr.contains(mine), "{stderr}");
    }
}

#[test]
fn manifests_with_errors_are_not_served() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(
        folder.path().join("a.yaml"),
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a}\nspec: {}\n",
    )
    .expect("written");
    let (code, _, stderr) = run(pai().arg("serve").arg(folder.path()).args(LOOPBACK));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("1 error"), "{stderr}");
    let missing = folder.path().join("missing");
    let (code, _, stderr) = run(pai().arg("validate").arg(missing));
    assert_eq!(code, 2);
    assert!(stderr.contains("does not exist"), "{stderr}");
}

#[test]
fn a_build_with_errors_writes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let bundle = folder.path().join("a.bundle");
    std::fs::write(
        folder.path().join("a.yaml"),
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a}\nspec: {}\n",
    )
    .expect("written");
    let (code, stdout, _) = run(pai().arg("build").arg(folder.path()).arg("-o").arg(&bundle));
    assert_eq!((code, stdout.as_str(), bundle.exists()), (1, "", false));
}

#[test]
fn secrets_are_looked_for_by_name_where_there_are_any() {
    let folder = TempDir::new().expect("a folder");
    let manifests = folder.path().join("manifests");
    std::fs::create_dir_all(&manifests).expect("a folder");
    let provider = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: a-key}}\n";
    std::fs::write(manifests.join("a.yaml"), provider).expect("written");
    let validate = |variable: Option<&str>, mounted: bool| {
        let mut command = pai();
        command.arg("validate").arg(&manifests).args(["--format", "short"]).env_remove("PAI_SECRETS");
        if mounted {
            command.arg("--secrets").arg(folder.path().join("mounted"));
        }
        command.envs(variable.map(|name| (name, "value-that-nobody-prints")));
        let (code, stdout, stderr) = run(&mut command);
        assert_eq!(code, 0, "{stderr}");
        assert!(!stderr.contains("nobody") && !stdout.contains("nobody"), "{stderr}{stdout}");
        stdout.contains("PAI0322")
    };
    assert!(!validate(None, false), "nothing is known of secrets here");
    assert!(validate(None, true), "the folder that was named has none");
    assert!(!validate(Some("PAI_SECRET_A_KEY_API_KEY"), true), "the environment has it");
    std::fs::create_dir_all(folder.path().join("mounted/a-key")).expect("a folder");
    std::fs::write(folder.path().join("mounted/a-key/api-key"), "value-that-nobody-prints").expect("written");
    assert!(!validate(None, true), "the folder has it");
    std::fs::create_dir_all(manifests.join(".pai/secrets/b-key")).expect("a folder");
    std::fs::write(manifests.join(".pai/secrets/b-key/api-key"), "value-that-nobody-prints")
        .expect("written");
    assert!(validate(None, false), "the workspace's own store lacks it");
}

#[test]
fn files_in_other_encodings_are_named_with_the_line() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("latin.yaml"), b"# one\nkind: caf\xe9\n").expect("written");
    let (code, _, stderr) = run(pai().arg("validate").arg(folder.path()));
    assert_eq!(code, 2, "{stderr}");
    let said: String = stderr.split_whitespace().collect();
    assert!(said.contains("latin.yaml") && said.contains("line2hasthebyte0xe9"), "{stderr}");
}

#[test]
fn an_access_key_is_shown_once_and_only_its_digest_is_kept() {
    let folder = TempDir::new().expect("a folder");
    let provider = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: anthropic}\nspec:\n  provider: anthropic\n  \
        apiKeySecretRef: {name: k}\n  externalAccess: {enabled: true}\n";
    std::fs::write(folder.path().join("provider.yaml"), provider).expect("written");
    let create = |name: &str, provider: &str| {
        run(pai()
            .args(["access-key", "create", "--name", name, "--model-provider", provider])
            .args([
                "--allowed-model",
                "claude-haiku-*",
                "--allowed-cidr",
                "127.0.0.0/8",
                "--max-tokens-per-day",
                "5000",
            ])
            .arg("--workspace")
            .arg(folder.path()))
    };
    let (code, key, said) = create("laptop", "anthropic");
    assert_eq!(code, 0, "{said}");
    assert!(key.starts_with("pak_") && key.lines().count() == 1);
    let manifest = std::fs::read_to_string(folder.path().join("laptop.yaml")).expect("a manifest");
    assert!(!manifest.contains(key.trim()) && manifest.contains("hmac-sha256:"), "{manifest}");
    let modeline = "# yaml-language-server: $schema=schemas/pai.schema.json\n";
    assert!(manifest.starts_with(modeline), "{manifest}");
    let schema = std::fs::read_to_string(folder.path().join("schemas/pai.schema.json")).expect("a schema");
    assert_eq!(schema, run(pai().arg("schema")).1);
    assert_eq!(run(pai().arg("validate").arg(folder.path())).0, 0);
    let (code, key, said) = create("laptop", "anthropic");
    assert_eq!((code, key.as_str()), (2, ""), "{said}");
    let (code, key, said) = create("other", "antropic");
    assert_eq!((code, key.as_str()), (1, ""), "{said}");
    assert!(said.contains("nothing was written") && !folder.path().join("other.yaml").exists(), "{said}");
}

#[test]
fn schemas_are_printed_and_written() {
    let folder = TempDir::new().expect("a folder");
    let checked_in = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
        std::fs::read_to_string(path).expect("a schema")
    };
    for (arguments, name) in [
        (&["schema"] as &[_], "pai.schema.json"),
        (&["schema", "all"], "pai.schema.json"),
        (&["schema", "AccessKey"], "access-key.schema.json"),
        (&["schema", "model-providers"], "model-provider.schema.json"),
        (&["schema", "--crd"], "crds.yaml"),
    ] {
        let (code, printed, said) = run(pai().args(arguments));
        assert_eq!((code, printed), (0, checked_in(name)), "{said}");
    }
    let file = folder.path().join("new/agent.json");
    let (code, printed, _) = run(pai().args(["schema", "agent", "-o"]).arg(&file));
    assert_eq!((code, printed.as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(&file).expect("a schema"), checked_in("agent.schema.json"));

    let (code, printed, said) = run(pai().args(["schema", "acess-key"]));
    assert_eq!((code, printed.as_str()), (2, ""));
    assert!(said.contains("did you mean `access-key`?") && said.contains("`guard-binding`"), "{said}");
}

/// `pai serve --simulate`, as a newcomer starts it.
struct Served {
    child: Child,
    curl: Vec<String>,
    admin: String,
}

impl Served {
    fn start(state: &Path) -> Self {
        Self::start_in(state, &[])
    }

    fn start_in(state: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = pai()
            .args(["serve", &example("quickstart"), "--simulate", "--state"])
            .arg(state)
            .args(LOOPBACK)
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line.expect("text");
            said.push_str(&line);
            said.push('\n');
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        for paste in ["curl ", " claude\n", "python -c"] {
            assert!(said.contains(paste), "no line with {paste}: {said}");
        }
        let curl = said.lines().find(|line| line.trim_start().starts_with("curl")).expect("a curl line");
        let admin = said.lines().find_map(|line| line.strip_prefix("health:")).expect("a health line");
        Self { child, curl: words(curl), admin: admin.trim().to_owned() }
    }

    /// What the pasted line sends: URL, headers, body.
    async fn paste(&self, change: impl FnOnce(&mut Value)) -> reqwest::Response {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = self.curl.iter().find(|word| word.starts_with("http")).expect("a URL");
        let mut request = reqwest::Client::new().post(url);
        for pair in self.curl.windows(2).filter(|pair| pair[0] == "-H") {
            let (name, value) = pair[1].split_once(": ").expect("a header");
            request = request.header(name, value);
        }
        let body = self.curl.windows(2).find(|pair| pair[0] == "-d").expect("a body");
        let mut body: Value = serde_json::from_str(&body[1]).expect("json");
        change(&mut body);
        request.body(body.to_string()).send().await.expect("an answer")
    }

    fn interrupt(mut self) -> i32 {
        let id = self.child.id().to_string();
        assert!(
            Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status().expect("sent").success()
        );
        self.child.wait().expect("ended").code().expect("an exit code")
    }
}

/// Words of a shell line that quotes with single quotes only.
fn words(line: &str) -> Vec<String> {
    line.split('\'')
        .enumerate()
        .flat_map(|(number, part)| {
            let quoted = number % 2 == 1;
            let words: Vec<&str> = if quoted { vec![part] } else { part.split_whitespace().collect() };
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_command_serves_streams_counts_drains_and_remembers() {
    let state = TempDir::new().expect("a folder");
    let served = Served::start(state.path());
    let message: Value = served.paste(|_| ()).await.json().await.expect("json");
    assert!(message["content"][0]["text"].as_str().expect("text").starts_with("[simulated]"));
    let stream = served.paste(|body| body["stream"] = Value::Bool(true)).await;
    assert!(stream.text().await.expect("a stream").contains("event: message_stop"));
    let ready = reqwest::get(&served.admin).await.expect("an answer");
    assert_eq!(ready.status(), 200);
    assert_eq!(served.interrupt(), 0, "Ctrl-C drains and ends well");
    let first = balances(state.path());
    assert!(first.iter().all(|settled| *settled > 0) && first.len() == 3, "{first:?}");

    let served = Served::start(state.path());
    served.paste(|_| ()).await.bytes().await.expect("a body");
    assert_eq!(served.interrupt(), 0);
    let second = balances(state.path());
    assert!(second.iter().zip(&first).all(|(after, before)| after > before), "{first:?} then {second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_gone_through_and_its_exceptions_are_not() {
    const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","stop_reason":"end_turn",
        "content":[{"type":"text","text":"by the proxy"}],"usage":{"input_tokens":1,"output_tokens":1}}"#;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = format!("http://me:word@{}", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let framing = format!("content-type: application/json\r\ncontent-length: {}", ANSWER.len());
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{framing}\r\n\r\n{ANSWER}");
        socket.write_all(answer.as_bytes()).expect("sent");
        String::from_utf8(head).expect("text")
    });
    let state = TempDir::new().expect("a folder");
    let served = Served::start_in(state.path(), &[("HTTP_PROXY", &proxy), ("NO_PROXY", "")]);
    let message: Value = served.paste(|_| ()).await.json().await.expect("json");
    assert_eq!(message["content"][0]["text"], "by the proxy");
    assert_eq!(served.interrupt(), 0);
    let head = asked.join().expect("a request");
    assert!(head.starts_with("POST http://127.0.0.1:"), "{head}");
    assert!(head.contains("proxy-authorization: Basic bWU6d29yZA=="), "{head}");

    // Nobody listens there any more.
    let served = Served::start_in(state.path(), &[("HTTP_PROXY", &proxy), ("NO_PROXY", "127.0.0.1")]);
    let message: Value = served.paste(|_| ()).await.json().await.expect("json");
    assert!(message["content"][0]["text"].as_str().expect("text").starts_with("[simulated]"));
    assert_eq!(served.interrupt(), 0);
}

/// What the last record says of each account.
fn balances(state: &Path) -> Vec<u64> {
    std::thread::sleep(Duration::from_millis(10));
    let mut text = String::new();
    std::fs::File::open(state.join("records.jsonl"))
        .expect("records")
        .read_to_string(&mut text)
        .expect("text");
    let last: Value = serde_json::from_str(text.lines().last().expect("a record")).expect("json");
    let accounts = last["accounts"].as_array().expect("accounts");
    accounts.iter().map(|account| account["settled"].as_u64().expect("a number")).collect()
}
