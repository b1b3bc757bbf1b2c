//! Logged in to a gateway as its administrator: what `pai get`, `describe`, `usage` and `status` are about, and what still is
//! about a folder.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use pai_runtime::presence;
use secrecy::ExposeSecret;

use crate::person::{Person, expect, public_id};
use crate::support::{MANIFESTS, World, hello};

/// A folder that has other manifests than the gateway.
const HERE: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: here}
spec: {provider: vllm, endpoint: 'http://localhost:8000/v1', allowedModels: [m]}
";

/// A person in such a folder.
fn person() -> Person {
    let person = Person::new();
    fs::create_dir(person.path(".git")).expect("a folder");
    fs::write(person.path("pai.yaml"), HERE).expect("written");
    person
}

/// Logs in as administrator (`prod`) of the gateway with that state folder, and hides the credential.
fn operate(person: &mut Person, state: &Path) {
    let found = presence::find(state).expect("a gateway");
    let (token, admin) = (found.token.expose_secret(), found.address.to_string());
    person.log_in(&admin, token, &["--context", "prod"]);
    person.hide(&public_id(token), "[admin]");
    person.hide(&admin, "gateway:8081");
}

/// `pai serve --simulate` of a folder, ended when dropped.
struct Served {
    child: Child,
    url: String,
    key: String,
}

impl Served {
    fn start(person: &Person, folder: &str) -> Self {
        let mut command = person.command("pai");
        command.args([
            "serve",
            folder,
            "--simulate",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("started");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let mut find = |before: &str| {
            let line = lines.by_ref().find(|line| line.starts_with(before)).expect("it says so");
            line.split_whitespace()
                .find(|word| word.starts_with("http://") || word.starts_with("pak_"))
                .map(str::to_owned)
        };
        let url = find("pai is serving on").expect("a URL").trim_end_matches(',').to_owned();
        let key = find("access key").expect("a key");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, key }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_administrator_sees_the_gateway_and_a_developer_the_folder() {
    let mut person = person();
    // Hidden, so that it is no part of the workspace around it.
    fs::create_dir(person.path(".served")).expect("a folder");
    fs::write(person.path(".served/team.yaml"), MANIFESTS).expect("written");
    let served = Served::start(&person, ".served");
    let state = person.path(".served/.pai");
    operate(&mut person, &state);
    person.log_in(&served.url, &served.key, &["--context", "dev"]);
    let mut session = String::new();
    let mut run = |arguments: &[&str]| session.push_str(&person.session(arguments, ""));
    // A developer's context shows nothing of a gateway.
    run(&["get", "model-providers", "-o", "name"]);
    run(&["get", "agents", "--context", "dev"]);
    run(&["context", "use", "prod"]);
    run(&["get", "model-providers"]);
    run(&["get", "mp", "anthropic", "-o", "wide", "--no-headers"]);
    run(&["get", "agent", "codr"]);
    run(&["get", "access-keys", "-o", "name"]);
    run(&["get", "model-providers", "-o", "name", "--workspace", "."]);
    run(&["get", "agents", "--context", "prod", "--workspace", "."]);
    run(&["describe", "model-provider", "anthropic"]);
    run(&["gateway", "env"]);
    expect("client/remote.txt", session);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_and_status_are_the_gateways() {
    let world = World::of(MANIFESTS).await;
    let mut person = person();
    operate(&mut person, world.state.path());
    world.message("laptop", &hello(false)).send().await.expect("an answer").bytes().await.expect("a body");
    world.settled().await;
    let usage = person.pai(&["usage", "--context", "prod", "--since", "2026-11-23", "--until", "2026-11-23"]);
    assert!(
        usage.code == 0 && usage.printed.contains("laptop") && usage.said.contains("(context prod)"),
        "{usage:?}"
    );
    let status = person.pai(&["status", "--context", "prod"]);
    assert!(status.code == 0 && !status.printed.is_empty(), "{status:?}");
    let here = person.pai(&["usage", "."]);
    assert!(here.code == 2 && here.said.contains("no ledger"), "{here:?}");
    let models = person.pai(&["usage", "--context", "prod", "--by", "model"]);
    assert!(models.code == 2 && models.said.contains("which a gateway does not hand"), "{models:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_no_gateway_made_is_not_kept() {
    use pai_runtime::token::{Token, TokenKind};
    let world = World::of(MANIFESTS).await;
    let person = Person::new();
    let stranger = Token::mint(TokenKind::Admin).expect("a token");
    let admin = world.gateway.admin_address().to_string();
    let done = person.with_input("pai", &["login", &admin, "--stdin"], stranger.reveal());
    assert!(done.code == 1 && done.said.contains("nothing was saved"), "{done:?}");
    assert!(!person.path(".pai").exists());
}
