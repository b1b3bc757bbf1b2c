//! `pai serve` as a service meets it: an edit is compiled, SIGHUP compiles again, unsigned bundles are not served, manifests are not signed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support;

const LOOPBACK: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

fn pai(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    command.env("NO_COLOR", "1").env_remove("PAI_LOG").env_remove("PAI_PUBLIC_KEY").current_dir(folder);
    command
}

fn manifests(model: &str) -> String {
    format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: anthropic}}\nspec: {{provider: anthropic, \
         apiKeySecretRef: {{name: k}}}}\n---\n\
         apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec: {{models: [anthropic/{model}]}}\n"
    )
}

/// A gateway in a process of its own, and what it says.
struct Served {
    child: Child,
    said: Receiver<String>,
    state: PathBuf,
}

impl Served {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = pai(folder)
            .arg("serve")
            .args(arguments)
            .args(LOOPBACK)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (sender, said) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let served = Self { child, said, state: folder.join(".pai") };
        served.until("health:");
        served
    }

    /// Everything said up to a line that has `text`.
    fn until(&self, text: &str) -> String {
        let mut said = String::new();
        while let Ok(line) = self.said.recv_timeout(Duration::from_secs(30)) {
            if line.contains(text) {
                return line;
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("nothing was said of {text}:\n{said}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().expect("sent").success());
    }

    async fn bundle(&self) -> Value {
        support::told(&self.state, "/status").await["bundle"].clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_compiled_findings_leave_what_was_and_a_hangup_compiles_again() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("pai.yaml");
    std::fs::write(&file, manifests("claude-haiku-4-5")).expect("written");
    let served = Served::start(folder.path(), &[".", "--simulate"]);
    let before = served.bundle().await;
    assert_eq!((&before["upToDate"], &before["serial"]), (&Value::Bool(true), &Value::Null), "{before}");

    std::fs::write(&file, manifests("claude-haiku-4-5").replace("models:", "modles:")).expect("written");
    served.until("did you mean");
    served.until("bundle.refused");
    let refused = served.bundle().await;
    assert_eq!(
        (&refused["digest"], &refused["upToDate"]),
        (&before["digest"], &Value::Bool(false)),
        "{refused}"
    );
    assert!(
        refused["lastRefusal"]["reason"].as_str().expect("a reason").contains("errors; `pai validate`"),
        "{refused}"
    );

    std::fs::write(&file, manifests("claude-sonnet-4-6")).expect("written");
    served.until("bundle.loaded");
    let after = served.bundle().await;
    assert_ne!(after["digest"], before["digest"]);
    assert_eq!((&after["upToDate"], &after["reloads"]), (&Value::Bool(true), &Value::from(1)), "{after}");
    // Nothing has changed, and it is loaded all the same.
    served.signal("HUP");
    served.until("bundle.loaded");
    assert_eq!(served.bundle().await["reloads"], 2);
    served.signal("TERM");
    served.until("gateway.stopping");
}

#[test]
fn only_signed_bundles_are_served_to_whoever_asks_for_that() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("pai.yaml"), manifests("claude-haiku-4-5")).expect("written");
    let run = |arguments: &[&str]| {
        let output = pai(at).args(arguments).stdin(Stdio::null()).output().expect("started");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    assert_eq!(run(&["build", ".", "-o", "a.bundle"]).0, Some(0));
    assert_eq!(run(&["bundle", "keygen", "-o", "key"]).0, Some(0));
    let serve =
        |path: &str, key: &str| run(&[&["serve", path, "--public-key", key], LOOPBACK.as_slice()].concat());
    for (path, key, expected) in [
        ("a.bundle", "key.pub", "the bundle is not signed"),
        (".", "key.pub", "manifests are not signed"),
        ("a.bundle", "key", "this is a private key"),
        ("a.bundle", "missing", "public key `missing` cannot be read"),
        ("missing.bundle", "key.pub", "cannot be read"),
    ] {
        let (code, said) = serve(path, key);
        assert_eq!(code, Some(2), "{path} {key}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(run(&["bundle", "sign", "a.bundle", "--key", "key"]).0, Some(0));
    let served = Served::start(at, &["a.bundle", "--public-key", "key.pub", "--simulate"]);
    served.signal("TERM");
    served.until("gateway.stopping");
}
