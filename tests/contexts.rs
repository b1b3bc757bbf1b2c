//! `pai login`, `pai logout` and `pai context`: what works is kept, what does not is said, and nobody else can read it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use pai_runtime::token::{Token, TokenKind};
use serde_json::Value;

use crate::person::{Person, expect, public_id};
use crate::support::{MANIFESTS, World};

/// A person before a gateway, whose addresses and ids are hidden.
fn before(world: &World) -> Person {
    let mut person = Person::new();
    person.hide(&world.gateway.address(), "gateway:8080");
    person.hide(&world.gateway.admin_address(), "gateway:8081");
    for (name, hidden) in [("laptop", "[laptop]"), ("coder", "[coder]")] {
        person.hide(&public_id(world.token(name)), hidden);
    }
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_in_is_kept_and_shown_without_the_credential() {
    let world = World::of(MANIFESTS).await;
    let person = before(&world);
    let url = world.gateway.address().to_string();
    let mut session = String::new();
    let (key, token) = (world.token("laptop"), world.token("coder"));
    let mut run = |arguments: &[&str], input: &str| session.push_str(&person.session(arguments, input));
    run(&["context", "list"], "");
    run(&["gateway", "env"], "");
    run(&["login", &url, "--stdin"], &format!("{key}\n"));
    run(&["login", &format!("http://{url}/v1/"), "--stdin", "--context", "robot"], token);
    run(&["context", "list"], "");
    run(&["context", "list", "-o", "json"], "");
    run(&["context", "list", "-o", "name"], "");
    run(&["context", "show"], "");
    run(&["context", "show", &url, "-o", "json"], "");
    run(&["context", "use", &url], "");
    run(&["context", "use", "robbot"], "");
    run(&["login", &url, "--stdin", "--context", "robot"], key);
    run(&["login", &url, "--stdin", "--context", "no good"], key);
    run(&["context", "delete", "robot"], "");
    run(&["context", "delete", "robot", "--yes"], "");
    run(&["logout"], "");
    run(&["logout"], "");
    for secret in [key, token] {
        assert!(!session.contains(secret), "{session}");
    }
    expect("client/contexts.txt", session);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_does_not_work_is_told_why_and_not_kept() {
    let world = World::of(MANIFESTS).await;
    let mut person = before(&world);
    let url = world.gateway.address().to_string();
    let admin = world.gateway.admin_address().to_string();
    let key = world.token("laptop").to_owned();
    let unknown = Token::mint(TokenKind::AccessKey).expect("a token");
    let operator = Token::mint(TokenKind::Admin).expect("a token");
    let gone =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    person.hide(&gone, "gone:1");
    let other = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    person.hide(&other, "other:1");
    let moved =
        answering("HTTP/1.1 308 Moved\r\nlocation: https://new.example/\r\ncontent-length: 0\r\n\r\n");
    person.hide(&moved, "moved:1");
    let mut session = String::new();
    let mut run = |arguments: &[&str], input: &str| session.push_str(&person.session(arguments, input));
    run(&["login", &url, "--stdin"], unknown.reveal());
    run(&["login", &url, "--stdin"], &key[..key.len() - 1]);
    run(&["login", &url, "--stdin"], "sk-ant-of-somebody");
    run(&["login", &url, "--stdin"], "");
    run(&["login", &url], "");
    run(&["login", &admin, "--stdin"], &key);
    run(&["login", &url, "--stdin"], operator.reveal());
    run(&["login", &gone, "--stdin"], &key);
    run(&["login", &other, "--stdin"], &key);
    run(&["login", &moved, "--stdin"], &key);
    run(&["login", &format!("https://{url}"), "--stdin"], &key);
    run(&["login", "nowhere.invalid", "--stdin"], &key);
    run(&["login", "https://me@gateway", "--stdin"], &key);
    assert!(!person.path(".pai").exists(), "nothing was saved");
    for secret in [unknown.reveal(), operator.reveal(), &key, "sk-ant"] {
        assert!(!session.contains(secret), "{session}");
    }
    expect("client/login-errors.txt", session);

    // By name, and of the wrong kind; not in the golden file, since the credential stands in the command.
    for (option, credential, help) in
        [("--token", key.as_str(), "--access-key"), ("--access-key", operator.reveal(), "--token")]
    {
        let done = person.pai(&["login", &url, option, credential]);
        assert!(done.code == 2 && done.said.contains(help) && !done.said.contains(credential), "{done:?}");
    }
    let done = person.pai(&["login", &url, "--access-key", &key]);
    assert_eq!(done.code, 0, "{done:?}");
}

/// A server that gives every request one answer, for as long as the test runs.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_is_not_shown_to_what_is_no_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (seen, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let _ = seen.send(String::from_utf8_lossy(&request[..length]).into_owned());
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nwelcome");
        }
    });
    let key = Token::mint(TokenKind::AccessKey).expect("a token");
    let done = Person::new().with_input("pai", &["login", &address, "--stdin"], key.reveal());
    assert_eq!(done.code, 1, "{done:?}");
    let requests: Vec<String> = requests.try_iter().collect();
    assert!(
        !requests.is_empty() && requests.iter().all(|request| !request.contains(key.id())),
        "{requests:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_owner_can_read_the_file_and_a_wider_one_is_refused() {
    let world = World::of(MANIFESTS).await;
    let person = before(&world);
    person.log_in(&world.gateway.address().to_string(), world.token("laptop"), &[]);
    let mode =
        |name: &str| fs::metadata(person.path(name)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(".pai"), mode(".pai/config.json")), (0o700, 0o600));
    let key = world.token("laptop").to_owned();
    for entry in fs::read_dir(person.path(".pai")).expect("a folder") {
        let entry = entry.expect("an entry");
        let holds = fs::read_to_string(entry.path()).expect("text").contains(&key);
        assert_eq!(holds, entry.file_name() == "config.json", "{entry:?}");
    }
    let mut session = String::new();
    for (name, mode, right) in [(".pai/config.json", 0o640, 0o600), (".pai", 0o755, 0o700)] {
        fs::set_permissions(person.path(name), fs::Permissions::from_mode(mode)).expect("changed");
        session.push_str(&person.session(&["context", "list"], ""));
        session.push_str(&person.session(&["context", "use", "x"], ""));
        fs::set_permissions(person.path(name), fs::Permissions::from_mode(right)).expect("changed");
    }
    for wrong in [
        "{",
        "{\"version\": 2, \"current\": null, \"contexts\": []}",
        "{\"version\": 1, \"current\": \"pak_secret\", \"contexts\": \"pak_secret\"}",
    ] {
        fs::write(person.path(".pai/config.json"), wrong).expect("written");
        session.push_str(&person.session(&["context", "list"], ""));
    }
    assert!(!session.contains("pak_secret"), "{session}");
    expect("client/config-errors.txt", session);
}

#[tokio::test(flavor = "multi_thread")]
async fn pai_config_names_another_file() {
    let world = World::of(MANIFESTS).await;
    let person = before(&world);
    let elsewhere = person.path("deep/er/mine.json");
    let url = world.gateway.address().to_string();
    let mut login = person.command("pai");
    login.args(["login", &url, "--access-key", world.token("laptop")]).env("PAI_CONFIG", &elsewhere);
    assert!(login.output().expect("started").status.success());
    let config: Value = serde_json::from_slice(&fs::read(&elsewhere).expect("a file")).expect("json");
    assert_eq!(config["current"], url);
    assert!(!person.path(".pai").exists());
    assert_eq!(fs::metadata(&elsewhere).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_at_the_same_time_lose_nothing() {
    let world = World::of(MANIFESTS).await;
    let person = before(&world);
    let url = world.gateway.address().to_string();
    let key = world.token("laptop").to_owned();
    let logins: Vec<_> = (0..8)
        .map(|number| {
            let mut command = person.command("pai");
            command.args(["login", &url, "--access-key", &key, "--context", &format!("c{number}")]);
            command.spawn().expect("started")
        })
        .collect();
    for mut login in logins {
        assert!(login.wait().expect("ended").success());
    }
    let names = person.pai(&["context", "list", "-o", "name"]).printed;
    assert_eq!(names.lines().collect::<Vec<_>>(), ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]);
}
