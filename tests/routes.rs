//! The route table, walked: nothing reaches a provider without a credential, a decision and a meter.

use pai_protocol::{Dialect, Family};
use pai_runtime::surface::{Audience, Meter, Operation, ROUTES};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{MANIFESTS, World, hello};

/// Providers for every dialect that a client may speak.
const PROVIDERS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  deniedModels: [claude-opus-*]
  externalAccess: {enabled: true}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai}
spec:
  provider: openai
  apiKeySecretRef: {name: key}
  deniedModels: [o1]
  responsesApi: native
  externalAccess: {enabled: true}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models: [anthropic/claude-sonnet-4-6, openai/gpt-4o]
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec:
  providers: [anthropic, openai]
";

/// A path that the route's pattern matches.
fn concrete(pattern: &str) -> String {
    pattern.replace("{*model}", "claude-haiku-4-5").replace("{*rest}", "batch_1/results")
}

/// A small request, and one to a model that no policy allows.
fn requests(dialect: Dialect) -> [Value; 2] {
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    let (allowed, denied, rest) = match dialect {
        Dialect::Messages => {
            ("claude-sonnet-4-6", "claude-opus-4-6", json!({ "max_tokens": 50, "messages": messages }))
        }
        Dialect::Chat => ("gpt-4o", "o1", json!({ "messages": messages })),
        Dialect::Completions => ("gpt-4o", "o1", json!({ "prompt": "Hello" })),
        Dialect::Responses | Dialect::Embeddings | Dialect::Gemini => {
            ("gpt-4o", "o1", json!({ "input": "Hello" }))
        }
    };
    [allowed, denied].map(|model| {
        let mut body = rest.clone();
        body["model"] = json!(model);
        body
    })
}

#[tokio::test]
async fn every_path_but_the_probes_wants_a_credential() {
    let world = World::of(MANIFESTS).await;
    for route in ROUTES {
        for method in route.methods {
            let request = world.client.request(method.clone(), world.url(&concrete(route.path)));
            let status = request.json(&hello(false)).send().await.expect("an answer").status().as_u16();
            let expected = if route.audience == Audience::Anyone { 200 } else { 401 };
            assert_eq!(status, expected, "{method} {}", route.path);
        }
    }
    assert_eq!(world.simulator.log().len(), 0);
}

#[tokio::test]
async fn every_path_that_reaches_a_provider_is_decided_and_metered() {
    let world = World::of(PROVIDERS).await;
    let mut sent = 0;
    for route in ROUTES {
        let Operation::Forward { dialect, action, meter } = route.operation else { continue };
        let name = if route.audience == Audience::External { "laptop" } else { "coder" };
        let [allowed, denied] = requests(dialect);
        // Decided: a model that no policy allows does not go through.
        let refused = world.request(Method::POST, route.path, name).json(&denied).send().await;
        assert_eq!(refused.expect("an answer").status(), 403, "{}", route.path);
        assert_eq!(world.simulator.log().len(), 0, "{}", route.path);
        // Metered: what is spent is counted before the next request is answered.
        let answered = world.request(Method::POST, route.path, name).json(&allowed).send().await;
        assert_eq!(answered.expect("an answer").status(), 200, "{}", route.path);
        world.settled().await;
        sent += 2;
        let counted = world.records(sent).await.pop().expect("a record");
        let reported = world.simulator.log().entries()[0].reported.map(|reported| reported.total());
        assert_eq!(counted["settled"]["total"].as_u64(), reported, "{}", route.path);
        assert_eq!(meter == Meter::Reported, action.spends(), "{}", route.path);
        world.simulator.log().clear();
    }
}

#[tokio::test]
async fn what_nobody_could_meter_is_refused_and_says_so() {
    let world = World::of(MANIFESTS).await;
    for route in ROUTES {
        let Operation::Unmetered { what } = route.operation else { continue };
        let name = if route.audience == Audience::External { "laptop" } else { "coder" };
        let answer =
            world.request(Method::POST, &concrete(route.path), name).json(&hello(false)).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 403, "{}", route.path);
        assert_eq!(answer.headers()["x-should-retry"], "false", "{}", route.path);
        let body: Value = answer.json().await.expect("json");
        let message = body["error"]["message"].as_str().expect("a message");
        assert!(message.contains(what), "{message}");
        assert_eq!(body["error"]["details"]["error_code"], "unmetered", "{body}");
        assert_eq!(body["type"] == "error", route.family == Some(Family::Anthropic), "{body}");
    }
    assert_eq!(world.simulator.log().len(), 0);
}

/// The status of a request whose target is sent as it stands: HTTP clients tidy paths up before they send them.
async fn status_of(world: &World, method: &str, target: &str) -> u16 {
    let body = hello(false).to_string();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {}\r\nanthropic-version: 2023-06-01\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        world.token("coder"),
        body.len()
    );
    let mut socket = TcpStream::connect(world.gateway.address()).await.expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // The gateway may close before it has read everything.
    let _ = socket.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    text.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("{target}: {text}"))
}

#[tokio::test]
async fn nothing_else_is_routed() {
    let world = World::of(MANIFESTS).await;
    for target in [
        "/v1/complete",
        "/v1/messages/other",
        "/v1/files",
        "/v1/images/generations",
        "/v1/messages/",
        "/ext/v1/messages/",
        "//v1/messages",
        "/v1//messages",
        "/v1/./messages",
        "/x/../v1/messages",
        "/v1/%6dessages",
        "/v1%2fmessages",
        "/V1/messages",
        "/v1/messages;x",
        "/v1/messages%00",
        "/ext/ext/v1/messages",
        "/admin",
        "/readyz",
        "/metrics",
        "*",
    ] {
        let status = status_of(&world, "POST", target).await;
        assert!([400, 404, 405].contains(&status), "{target}: {status}");
    }
    for method in ["PUT", "DELETE", "GET", "PATCH"] {
        assert_eq!(status_of(&world, method, "/v1/messages").await, 405, "{method}");
    }
    assert_eq!(world.simulator.log().len(), 0);
    assert_eq!(status_of(&world, "POST", "/v1/messages").await, 200, "the plain path is routed");
    assert_eq!(status_of(&world, "POST", "http://gateway/v1/messages").await, 200, "as is its absolute form");
}

#[tokio::test]
async fn headers_never_choose_an_upstream_or_a_principal() {
    let world = World::of(MANIFESTS).await;
    let canary = pai_simulator::Simulator::start(pai_simulator::Settings::default()).await.expect("a canary");
    let mut body = hello(false);
    body["api_base"] = json!(canary.url());
    body["base_url"] = json!(canary.url());
    let mut request = world.message("laptop", &body);
    for name in ["x-portkey-custom-host", "x-pai-upstream", "x-forwarded-host", "forwarded", "x-original-url"]
    {
        request = request.header(name, canary.url());
    }
    let response = request.header("x-pai-principal", "coder").send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(canary.log().len(), 0);
    let entry = world.simulator.log().entries().remove(0);
    assert!(entry.headers.iter().all(|(name, _)| !name.starts_with("x-pai-") && name != "x-forwarded-host"));
    assert_eq!(world.records(1).await[0]["principal"], "access key default/laptop");
}
