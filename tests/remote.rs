//! Logged in to a gateway as its administrator: what `pai get`, `describe`, `usage` and `status` are about, and what still is
//! about a folder.

use std::fs;

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

/// A person in such a folder, logged in as administrator (`prod`) and then as developer (`dev`), which is in use.
fn operating(world: &World) -> Person {
    let mut person = Person::new();
    fs::create_dir(person.path(".git")).expect("a folder");
    fs::write(person.path("pai.yaml"), HERE).expect("written");
    let token = presence::find(world.state.path()).expect("a gateway").token;
    let token = token.expose_secret();
    let admin = world.gateway.admin_address().to_string();
    person.log_in(&admin, token, &["--context", "prod"]);
    person.log_in(&world.gateway.address().to_string(), world.token("laptop"), &["--context", "dev"]);
    person.hide(&token, "[token]");
    person.hide(&public_id(token), "[admin]");
    person.hide(&world.simulator.base_url("anthropic").expect("a URL"), "https://simulator");
    for (name, hidden) in [("laptop", "[laptop]"), ("coder", "[coder]")] {
        person.hide(&public_id(world.token(name)), hidden);
    }
    person.hide(&admin, "gateway:8081");
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_the_gateway_and_a_developer_the_folder() {
    let world = World::of(MANIFESTS).await;
    let person = operating(&world);
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
    run(&["describe", "access-key", "laptop"]);
    run(&["gateway", "env"]);
    expect("client/remote.txt", session);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_and_status_are_the_gateways() {
    let world = World::of(MANIFESTS).await;
    let person = operating(&world);
    world.message("laptop", &hello(false)).send().await.expect("an answer").bytes().await.expect("a body");
    world.settled().await;
    let usage = person.pai(&["usage", "--context", "prod", "--from", "2026-11-23", "--to", "2026-11-23"]);
    assert!(
        usage.code == 0 && usage.printed.contains("laptop") && usage.said.contains("(context prod)"),
        "{usage:?}"
    );
    let status = person.pai(&["status", "--context", "prod"]);
    assert!(status.code == 0 && !status.printed.is_empty(), "{status:?}");
    let here = person.pai(&["usage", "."]);
    assert!(here.code == 2 && here.said.contains("no ledger"), "{here:?}");
    let models = person.pai(&["usage", "--context", "prod", "--by", "model"]);
    assert!(models.code == 2 && models.said.contains("does not hand out"), "{models:?}");
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
