//! Threats 26 and 32 of the list in `threats`: callers do not see each other, and operators have a door of their own.
//! 31, a broken configuration, is in `live_edits` and `reload`.

use std::path::Path;

use pai_runtime::token::{Token, TokenKind};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::live_edits::pai;
use crate::support::{self, MANIFESTS, World, hello};

/// What operators ask, and how.
const GUARDED: [(&str, &str); 6] = [
    ("GET", "/status"),
    ("GET", "/usage"),
    ("GET", "/metrics"),
    ("GET", "/bundle"),
    ("POST", "/bundle"),
    ("GET", "/anything"),
];

async fn ask(world: &World, method: &str, path: &str, headers: &[(&str, String)]) -> reqwest::Response {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let url = format!("http://{}{path}", world.gateway.admin_address());
    let mut request = world.client.request(method, url);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.send().await.expect("an answer")
}

fn local_token(state: &Path) -> String {
    std::fs::read_to_string(state.join("admin-token")).expect("a token").trim().to_owned()
}

/// 32. Nothing but an admin token opens anything, however it is shown; probes need none, and only they.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_operator_gets_through_the_admin_door() {
    let world = World::of(MANIFESTS).await;
    let stranger = Token::mint(TokenKind::Admin).expect("a token");
    let local = local_token(world.state.path());
    let bearer = |text: &str| vec![("authorization", format!("Bearer {text}"))];
    let mut cases = vec![
        (vec![], 401, "no_token"),
        (bearer(world.token("coder")), 403, "wrong_credential"),
        (bearer(world.token("laptop")), 403, "wrong_credential"),
        (bearer("pak_"), 403, "wrong_credential"),
        (bearer(stranger.reveal()), 401, "unknown_token"),
        (bearer("pai_tok_x"), 401, "unknown_token"),
        (bearer(&local[..local.len() - 1]), 401, "unknown_token"),
        (bearer(""), 401, "unknown_token"),
        (vec![("authorization", format!("Basic {local}"))], 401, "unknown_token"),
        (vec![("authorization", local.clone())], 401, "unknown_token"),
        (vec![("cookie", format!("token={local}"))], 401, "no_token"),
    ];
    // Where callers' clients put keys: none of these is looked at here.
    for name in ["x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "x-forwarded-user"] {
        cases.push((vec![(name, local.clone())], 401, "no_token"));
    }
    cases.push(([bearer(&local), bearer(stranger.reveal())].concat(), 401, "no_token"));
    let digest = support::told(world.state.path(), "/status").await["bundle"]["digest"].to_string();
    for (headers, status, code) in &cases {
        for (method, path) in GUARDED {
            let answer = ask(&world, method, path, headers).await;
            assert_eq!(answer.status().as_u16(), *status, "{method} {path} {headers:?}");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert_eq!(answer.headers().contains_key("www-authenticate"), *status == 401);
            let said: Value = answer.json().await.expect("json");
            assert_eq!(said["code"], *code, "{method} {path} {headers:?}");
            let text = said.to_string();
            assert!(!text.contains(&local) && !text.contains(&digest), "{text}");
        }
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(ask(&world, "GET", path, &[]).await.status(), 200, "{path}");
    }
    for path in [
        "/readyz/",
        "//readyz",
        "/readyz/../status",
        "/READYZ",
        "/%72eadyz",
        "/livez%2f..%2fstatus",
        "/livez/status",
    ] {
        assert_eq!(ask(&world, "GET", path, &[]).await.status(), 401, "{path}");
    }
    assert_eq!(ask(&world, "GET", "/status", &bearer(&local)).await.status(), 200);
    assert_eq!(ask(&world, "GET", "/anything", &bearer(&local)).await.status(), 404);
    assert_eq!(ask(&world, "DELETE", "/bundle", &bearer(&local)).await.status(), 405);
}

/// 32. The other way round, too: an operator is no caller, and callers' listener knows nothing of operators' paths.
#[tokio::test(flavor = "multi_thread")]
async fn an_admin_token_opens_nothing_for_callers() {
    let world = World::of(MANIFESTS).await;
    let local = local_token(world.state.path());
    for path in ["/v1/messages", "/ext/v1/messages", "/v1/models"] {
        for (name, value) in [("x-api-key", local.clone()), ("authorization", format!("Bearer {local}"))] {
            let request = world.client.post(world.url(path)).header(name, value).json(&hello(false));
            assert_eq!(request.send().await.expect("an answer").status().as_u16() / 100, 4, "{path} {name}");
        }
    }
    for (method, path) in GUARDED {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = world.client.request(method, world.url(path)).bearer_auth(&local);
        assert_eq!(request.send().await.expect("an answer").status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.simulator.log().len(), 0);
    assert!(pai_runtime::Settings::default().admin_listen.ip().is_loopback());
}

/// 26. Of usage, budgets and models of others a caller is told nothing, whatever it asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_learns_nothing_of_others() {
    let two = format!(
        "{MANIFESTS}---\napiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: other-team}}\nspec: {{providers: [anthropic], \
         allowedModels: [claude-haiku-4-5]}}\n"
    );
    let world = World::of(&two).await;
    let answer = world.message("laptop", &hello(false)).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("all of it");
    for path in [
        "usage",
        "status",
        "bundle",
        "keys",
        "access-keys/laptop",
        "budgets",
        "logs",
        "files",
        "files/file_1",
        "batches",
        "messages/batches",
        "messages/batches/msgbatch_1",
        "messages/batches/msgbatch_1/results",
        "responses/resp_1",
        "fine_tuning/jobs",
        "organizations/usage_report/messages",
        "organizations/api_keys",
        "threads/thread_1",
        "assistants",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let url = world.url(&format!("/ext/v1/{path}"));
            let request =
                world.client.request(method.clone(), url).header("x-api-key", world.token("other-team"));
            let answer = request.send().await.expect("an answer");
            let status = answer.status().as_u16();
            assert!([400, 403, 404, 405].contains(&status), "{method} {path}: {status}");
            let text = answer.text().await.expect("text");
            assert!(!text.contains("laptop") && !text.contains("coder"), "{method} {path}: {text}");
        }
    }
    let request = world.request(Method::GET, "/ext/v1/models", "other-team");
    let models = request.send().await.expect("an answer").text().await.expect("text");
    assert!(models.contains("claude-haiku-4-5") && !models.contains("claude-sonnet"), "{models}");
    let request = world.message("other-team", &hello(false));
    let refused = request.send().await.expect("an answer").text().await.expect("text");
    assert!(!refused.contains("laptop") && !refused.contains("coder"), "{refused}");
    assert_eq!(world.simulator.log().len(), 1, "the first request alone");
}

/// Tokens of people: from the moment they are made to the moment they are taken away, at a gateway that runs.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_people_open_the_door_until_they_are_revoked() {
    let world = World::of(MANIFESTS).await;
    let state = world.state.path().display().to_string();
    let here = world.state.path();
    let run = |arguments: &[&str]| pai(&[arguments, &["--state", &state]].concat(), here);
    assert_eq!(run(&["admin-token", "list"]), (0, "there are no admin tokens\n".to_owned()));
    let (code, said) = run(&["admin-token", "create", "alice"]);
    assert_eq!(code, 0, "{said}");
    let token =
        said.split_whitespace().find(|word| word.starts_with("pai_tok_")).expect("a token").to_owned();
    let bearer = [("authorization", format!("Bearer {token}"))];
    assert_eq!(ask(&world, "GET", "/status", &bearer).await.status(), 200);
    let (code, said) = run(&["admin-token", "create", "alice"]);
    assert!(code == 2 && said.contains("already"), "{said}");
    let (code, listed) = run(&["admin-token", "list"]);
    assert!(code == 0 && listed.contains("alice") && !listed.contains(&token), "{listed}");
    let (_, listed) = run(&["admin-token", "list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).expect("json");
    assert_eq!(
        (&listed[0]["name"], listed[0]["id"].as_str()),
        (&Value::from("alice"), token.split('_').nth(2))
    );
    let (code, said) = run(&["admin-token", "revoke", "bob"]);
    assert!(code == 2 && said.contains("there are alice"), "{said}");
    assert_eq!(run(&["admin-token", "revoke", "alice"]).0, 0);
    assert_eq!(ask(&world, "GET", "/status", &bearer).await.status(), 401);
}

/// The local token is its owner's alone, of one run alone, and gone with it.
#[tokio::test(flavor = "multi_thread")]
async fn the_local_token_is_private_and_of_one_run() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::of(MANIFESTS).await;
    let path = world.state.path().join("admin-token");
    let first = local_token(world.state.path());
    let mode = std::fs::metadata(&path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let world = world.restart().await;
    assert_ne!(local_token(world.state.path()), first);
    let answer = ask(&world, "GET", "/status", &[("authorization", format!("Bearer {first}"))]).await;
    assert_eq!(answer.status(), 401);
    let World { gateway, state, .. } = world;
    gateway.shutdown().await.expect("a clean stop");
    assert!(!path.exists());
    let (code, said) = pai(&["status", "--state", &state.path().display().to_string()], state.path());
    assert!(code == 2 && said.contains("no gateway runs on"), "{said}");
}
