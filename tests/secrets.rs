//! `pai add secret`, `pai get secrets`, `pai delete secret`: what goes in is found, listed by name, and taken out again, and is
//! never printed.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use pai_bundle::provider::SecretRef;
use pai_runtime::secret::Secrets;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::processes::Process;

const VALUE: &str = "sk-value-that-nobody-prints";

/// Runs `pai` in a folder with a standard input; exit code, standard output, standard error.
fn pai(folder: &Path, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pai"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("PAI_STATE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ended");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!stdout.contains("nobody") && !stderr.contains("nobody"), "{arguments:?}: {stdout}{stderr}");
    (output.status.code().expect("an exit code"), stdout, stderr)
}

fn value(folder: &Path, name: &str, key: &str) -> Option<String> {
    let secrets = Secrets::new(None, &folder.join(".pai"));
    let wanted = SecretRef { name: name.into(), key: key.into() };
    secrets.find(&wanted).expect("readable").map(|found| found.expose_secret().to_owned())
}

#[test]
fn a_secret_goes_in_from_anywhere_is_listed_by_name_and_taken_out() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("key.txt"), format!("{VALUE}-file\n")).expect("written");
    let literal = format!("literal={VALUE}-literal");
    let (code, stdout, stderr) = pai(
        at,
        &[
            "add",
            "secret",
            "anthropic-key",
            "--from-literal",
            &literal,
            "--from-file",
            "api-key=key.txt",
            "--from-file",
            "key.txt",
            "--from-stdin",
            "piped",
        ],
        &format!("{VALUE}-piped\n"),
    );
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert_eq!(
        stderr.lines().filter(|line| line.starts_with("secret/anthropic-key added: ")).count(),
        4,
        "{stderr}"
    );
    for (key, from) in [("literal", "literal"), ("api-key", "file"), ("key.txt", "file"), ("piped", "piped")]
    {
        assert_eq!(value(at, "anthropic-key", key), Some(format!("{VALUE}-{from}")), "{key}");
    }
    let (_, _, stderr) = pai(at, &["add", "secret", "anthropic-key", "--from-stdin", "piped"], "sk-another");
    assert_eq!(stderr, "secret/anthropic-key replaced: piped\n");
    assert_eq!(value(at, "anthropic-key", "piped").as_deref(), Some("sk-another"));
    pai(at, &["add", "secret", "openai-key", "--from-stdin", "api-key"], VALUE);

    let (code, listed, stderr) = pai(at, &["get", "secrets"], "");
    assert_eq!((code, stderr.as_str()), (0, ""), "{listed}");
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "KEYS", "AGE"]);
    assert_eq!(lines[1][..2], ["anthropic-key", "api-key,key.txt,literal,piped"]);
    assert_eq!(lines[2][..2], ["openai-key", "api-key"]);
    assert!(lines[2][2].ends_with('s') && lines.len() == 3, "{listed}");
    let (_, names, _) = pai(at, &["get", "secrets", "-o", "name"], "");
    assert_eq!(names, "secret/anthropic-key\nsecret/openai-key\n");
    let (_, json, _) = pai(at, &["get", "secret/openai-key", "-o", "json"], "");
    let json: serde_json::Value = serde_json::from_str(&json).expect("json");
    assert_eq!(json["items"][0]["keys"], serde_json::json!(["api-key"]), "{json}");
    let (code, _, stderr) = pai(at, &["get", "secrets", "openai-kye"], "");
    assert!(code == 1 && stderr.contains("did you mean `openai-key`?"), "{stderr}");

    let (code, _, stderr) = pai(at, &["delete", "secret", "anthropic-key"], "");
    assert!(code == 2 && stderr.contains("--yes"), "{stderr}");
    let (code, _, stderr) = pai(at, &["delete", "secret", "anthropic-key", "openai-kye", "--yes"], "");
    assert!(code != 0 && stderr.contains("did you mean `openai-key`?"), "{stderr}");
    assert!(value(at, "anthropic-key", "piped").is_some(), "all of them or none");
    let (code, _, stderr) = pai(at, &["delete", "secret", "anthropic-key", "--yes"], "");
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(value(at, "anthropic-key", "piped"), None);
    assert_eq!(value(at, "openai-key", "api-key").as_deref(), Some(VALUE));
}

#[test]
fn what_is_no_secret_is_refused_whole_and_not_repeated() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("bytes"), [0xff, 0xfe, 0x00]).expect("written");
    std::fs::write(at.join("empty"), "\n").expect("written");
    let good = format!("good={VALUE}");
    for (arguments, expected) in [
        (vec!["a", "--from-literal", VALUE], "takes KEY=VALUE"),
        (vec!["a", "--from-literal", &good, "--from-file", "k=missing"], "`missing` cannot be read"),
        (vec!["a", "--from-literal", &good, "--from-file", "k=bytes"], "it is no text"),
        (vec!["a", "--from-literal", &good, "--from-file", "k=empty"], "a/k is empty"),
        (vec!["a", "--from-literal", &good, "--from-literal", "good=again"], "is given twice"),
        (vec!["a", "--from-literal", &good, "--from-literal", "../k=x"], "cannot be the name of a secret"),
        (vec!["../a", "--from-literal", &good], "cannot be the name of a secret"),
        (vec!["a", "--from-literal", &good, "--from-stdin", "k"], "is not one line of text"),
        (vec!["a"], "required"),
    ] {
        let arguments: Vec<&str> = ["add", "secret"].into_iter().chain(arguments).collect();
        let (code, stdout, stderr) = pai(at, &arguments, "two\nlines");
        let said: String = stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!at.join(".pai/sealed").exists(), "{arguments:?}: something was stored");
    }
}

/// A program that is killed while it stores leaves the old value or the new one, and a store that opens.
#[test]
fn a_kill_while_a_secret_is_stored_loses_nothing() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    pai(at, &["add", "secret", "a", "--from-stdin", "k"], "sk-round-0");
    for round in 1..=12_u32 {
        let before = value(at, "a", "k").expect("a value");
        let mut child = Command::new(env!("CARGO_BIN_EXE_pai"))
            .args(["add", "secret", "a", "--from-literal", &format!("k=sk-round-{round}")])
            .current_dir(at)
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        std::thread::sleep(std::time::Duration::from_millis(u64::from(round * 3)));
        let _ = child.kill();
        child.wait().expect("gone");
        let after = value(at, "a", "k").expect("a value");
        assert!(after == before || after == format!("sk-round-{round}"), "{before} {after}");
    }
    Secrets::new(None, &at.join(".pai")).prepare().expect("it starts");
}

/// The keychain is asked through its own command; a script stands in for it.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_keychain_is_asked_where_that_was_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a folder");
    let program = folder.path().join("secret-tool");
    let script = format!(
        "#!/bin/sh\nenv > \"{0}/environment\"\ncase \"$*\" in\n  'lookup service pai account anthropic-key/api-key') printf %s {VALUE} ;;\n  \
         *broken*) echo 'no keyring here' >&2; exit 1 ;;\n  *) exit 1 ;;\nesac\n",
        folder.path().display()
    );
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let manifests = |name: &str| {
        format!(
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: anthropic, apiKeySecretRef: {{name: {name}}}}}\n"
        )
    };
    let start = |name: &str, keychain: Option<&str>| {
        let workspace = folder.path().join(format!("of-{name}"));
        std::fs::create_dir_all(&workspace).expect("a folder");
        std::fs::write(workspace.join("a.yaml"), manifests(name)).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
        command.arg("serve").arg(&workspace).args([
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
        command.env("PATH", path).env("PAI_SECRET_OTHER_API_KEY", VALUE).env_remove("PAI_KEYCHAIN");
        command.env_remove("PAI_LOG").envs(keychain.map(|value| ("PAI_KEYCHAIN", value)));
        Process::of(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a gateway"))
    };
    let serve = async |name: &str, keychain: Option<&str>| {
        let mut gateway = start(name, keychain);
        gateway.url().await;
        gateway.terminate();
        gateway.wait().1
    };
    let found = serve("anthropic-key", Some("1")).await;
    assert!(found.contains("pai is serving") && !found.contains("secret.missing"), "{found}");
    let environment = std::fs::read_to_string(folder.path().join("environment")).expect("it was asked");
    assert!(!environment.contains("PAI_SECRET"), "it inherits no secrets: {environment}");
    let missing = serve("another-key", Some("true")).await;
    assert!(missing.contains("secret.missing") && missing.contains("the keychain"), "{missing}");
    let unasked = serve("anthropic-key", None).await;
    assert!(unasked.contains("secret.missing") && !unasked.contains("the keychain"), "{unasked}");
    let broken: String = start("broken", Some("1"))
        .wait()
        .1
        .replace('│', " ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(broken.contains("no keyring here") && !broken.contains("pai is serving"), "{broken}");
}
