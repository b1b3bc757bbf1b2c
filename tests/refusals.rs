//! What is refused: with which status, type and headers, naming which policy and manifest line, and that nothing
//! went upstream.

use pai_bundle::limit::Scope;
use pai_bundle::unit::UnixSeconds;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{MANIFESTS, NOON, World, asking, hello, settled};

/// The parts of a refusal that clients act on.
struct Refused {
    status: u16,
    kind: String,
    message: String,
    details: Value,
    should_retry: Option<String>,
    retry_after: Option<u64>,
}

async fn refused(response: Response) -> Refused {
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().expect("ascii").to_owned());
    let (should_retry, retry_after) = (header("x-should-retry"), header("retry-after"));
    let request_id = header("request-id").expect("every refusal can be found again");
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("an error object");
    assert_eq!(body["type"], "error");
    assert_eq!(body["request_id"], request_id.as_str());
    Refused {
        status,
        kind: body["error"]["type"].as_str().expect("a type").to_owned(),
        message: body["error"]["message"].as_str().expect("a message").to_owned(),
        details: body["error"]["details"].clone(),
        should_retry,
        retry_after: retry_after.map(|seconds| seconds.parse().expect("a number")),
    }
}

/// Sends one message that must be refused before anything goes upstream, with `policy` and `source` named.
async fn refusal(world: &World, name: &str, body: &Value, policy: &str, source: &str) -> Refused {
    let refused = refused(world.message(name, body).send().await.expect("an answer")).await;
    assert_eq!(refused.details["policy"], policy, "{}", refused.message);
    assert_eq!(refused.details["source"], source, "{}", refused.message);
    assert!(refused.message.contains(policy) && refused.message.contains(source), "{}", refused.message);
    assert_eq!(refused.should_retry.as_deref(), Some("false"));
    let log = world.simulator.log().entries();
    let sent = log.iter().filter(|entry| !entry.target.starts_with("/v1/messages/count_tokens")).count();
    assert_eq!(sent, 0, "something went upstream that costs");
    assert_eq!(world.gateway.ledger().open_holds(), 0);
    let record = world.records(1).await.pop().expect("a record");
    assert_eq!((&record["outcome"], &record["status"]), (&json!("refused"), &json!(refused.status)));
    let deciding = record["policies"].as_array().expect("policies");
    assert!(deciding.contains(&json!({ "policy": policy, "source": source })), "{record}");
    refused
}

#[tokio::test]
async fn a_denied_model_is_forbidden_by_the_line_that_denies_it() {
    let world = World::of(MANIFESTS).await;
    let body = asking("claude-opus-4-6", "hi", false);
    let policy = "ModelProvider/default/anthropic/deniedModels";
    let refused = refusal(&world, "laptop", &body, policy, "pai.yaml:9:3").await;
    assert_eq!((refused.status, refused.kind.as_str()), (403, "permission_error"));
    assert_eq!(refused.details["error_code"], "model_denied");
}

#[tokio::test]
async fn a_model_that_an_agent_does_not_list_is_forbidden() {
    let world = World::of(MANIFESTS).await;
    let body = asking("claude-haiku-3-5", "hi", false);
    let refused = refusal(&world, "coder", &body, "base/agent-models", "pai.yaml:21:3").await;
    assert_eq!((refused.status, refused.kind.as_str()), (403, "permission_error"));
    assert!(refused.message.contains("anthropic/claude-sonnet-4-6"), "{}", refused.message);
}

#[tokio::test]
async fn a_foreign_address_is_forbidden() {
    let manifests =
        MANIFESTS.replace("providers: [anthropic]", "providers: [anthropic]\n  allowedCidrs: [10.0.0.0/8]");
    let world = World::of(&manifests).await;
    let refused = refusal(&world, "laptop", &hello(false), "base/key-address", "pai.yaml:34:3").await;
    assert_eq!((refused.status, refused.kind.as_str()), (403, "permission_error"));
    assert!(refused.message.contains("127.0.0.1"), "{}", refused.message);
}

#[tokio::test]
async fn an_expired_key_is_unauthenticated_from_its_second_on() {
    let manifests = MANIFESTS
        .replace("providers: [anthropic]", "providers: [anthropic]\n  expires: 2026-11-23T12:00:01Z");
    let world = World::of(&manifests).await;
    assert_eq!(world.message("laptop", &hello(false)).send().await.expect("an answer").status(), 200);
    world.simulator.log().clear();
    world.clock.set(UnixSeconds(NOON.0 + 1));
    let response = world.message("laptop", &hello(false)).send().await.expect("an answer");
    let refused = refused(response).await;
    assert_eq!((refused.status, refused.kind.as_str()), (401, "authentication_error"));
    assert_eq!(refused.details["policy"], "base/key-expired");
    assert_eq!(refused.details["source"], "pai.yaml:34:12");
    assert_eq!(refused.should_retry.as_deref(), Some("false"));
    assert_eq!(world.simulator.log().len(), 0);
}

#[tokio::test]
async fn a_provider_that_is_not_open_is_forbidden_to_keys() {
    let closed = "---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: inside}\nspec:\n  provider: anthropic\n  \
        apiKeySecretRef: {name: anthropic-key}\n  externalAccess:\n    enabled: false\n";
    let manifests = MANIFESTS.replace("providers: [anthropic]", "providers: [anthropic, inside]") + closed;
    let world = World::of(&manifests).await;
    let body = asking("inside/claude-haiku-4-5", "hi", false);
    let refused = refusal(&world, "laptop", &body, "base/key-external", "pai.yaml:43:14").await;
    assert_eq!((refused.status, refused.kind.as_str()), (403, "permission_error"));
}

#[tokio::test]
async fn a_request_over_the_per_request_cap_is_forbidden() {
    let world = World::of(MANIFESTS).await;
    let mut body = hello(false);
    body["max_tokens"] = json!(200_001);
    let refused = refusal(
        &world,
        "laptop",
        &body,
        "ModelProvider/default/anthropic/maxTokensPerRequest",
        "pai.yaml:11:24",
    )
    .await;
    assert_eq!((refused.status, refused.kind.as_str()), (403, "permission_error"));
    assert_eq!(refused.details["error_code"], "request_too_large");
}

#[tokio::test]
async fn a_spent_budget_is_refused_until_midnight_and_fresh_thereafter() {
    let world = World::of(&MANIFESTS.replace("maxTokensPerDay: 300000", "maxTokensPerDay: 1000")).await;
    let mut body = hello(false);
    body["max_tokens"] = json!(990);
    let refused = refusal(&world, "laptop", &body, "base/key-per-day", "pai.yaml:34:20").await;
    assert_eq!((refused.status, refused.kind.as_str()), (429, "billing_error"));
    assert_eq!(refused.retry_after, Some(43_200));
    assert_eq!(refused.details["resets_at"], "2026-11-24T00:00:00Z");
    assert_eq!(world.balance(Scope::AccessKey, "laptop"), settled(0));

    // Spend what there is: the budget holds for the day, and no longer.
    world.simulator.scenario(pai_simulator::Scenario { output_tokens: 500, ..Default::default() });
    body["max_tokens"] = json!(500);
    let send = async |body: &Value| world.message("laptop", body).send().await.expect("an answer").status();
    assert_eq!(send(&body).await, 200);
    world.settled().await;
    assert_eq!(send(&body).await, 429);
    world.clock.set(UnixSeconds(NOON.0 + 43_199));
    assert_eq!(send(&body).await, 429);
    world.clock.set(UnixSeconds(NOON.0 + 43_200));
    assert_eq!(send(&body).await, 200);
    // A clock that steps back does not open the old day again.
    world.clock.set(NOON);
    assert_eq!(send(&body).await, 429);
}

#[tokio::test]
async fn credentials_that_are_absent_unknown_mistyped_or_misplaced_are_unauthenticated() {
    let world = World::of(MANIFESTS).await;
    let stranger =
        pai_runtime::token::Token::mint(pai_runtime::token::TokenKind::AccessKey).expect("a token");
    let admin = pai_runtime::token::Token::mint(pai_runtime::token::TokenKind::Admin).expect("a token");
    let mistyped = world.token("laptop").replace('_', "-");
    let (key, agent) = (world.token("laptop"), world.token("coder"));
    let cases = [
        ("/ext/v1/messages", None, "no_credential"),
        ("/ext/v1/messages", Some(stranger.reveal()), "unknown_credential"),
        ("/ext/v1/messages", Some(mistyped.as_str()), "unknown_credential"),
        ("/ext/v1/messages", Some("sk-something-else"), "unknown_credential"),
        ("/ext/v1/messages", Some(agent), "wrong_surface"),
        ("/v1/messages", Some(key), "wrong_surface"),
        ("/v1/messages", Some(admin.reveal()), "wrong_surface"),
        ("/ext/v1/messages", Some(admin.reveal()), "wrong_surface"),
    ];
    for (path, token, code) in cases {
        let mut request = world.client.post(world.url(path)).json(&hello(false));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let refused = refused(request.send().await.expect("an answer")).await;
        assert_eq!(
            (refused.status, refused.kind.as_str()),
            (401, "authentication_error"),
            "{path} {token:?}"
        );
        assert_eq!(refused.details["error_code"], code, "{path} {token:?}");
        assert_eq!(refused.should_retry.as_deref(), Some("false"));
        if let Some(token) = token {
            assert!(!refused.message.contains(token), "the credential is echoed");
        }
    }
    assert_eq!(world.simulator.log().len(), 0);
}

#[tokio::test]
async fn two_different_credentials_are_refused_and_one_sent_twice_is_not() {
    let world = World::of(MANIFESTS).await;
    let (key, other) = (world.token("laptop"), "pak_other");
    for (first, second) in
        [("x-api-key", "api-key"), ("x-goog-api-key", "x-api-key"), ("api-key", "x-goog-api-key")]
    {
        let request = world.client.post(world.url("/ext/v1/messages")).json(&hello(false));
        let response = request.header(first, key).header(second, other).send().await.expect("an answer");
        assert_eq!(refused(response).await.status, 400);
    }
    assert_eq!(world.simulator.log().len(), 0);
    let request = world.client.post(world.url("/ext/v1/messages")).json(&hello(false));
    let twice = request.header("x-api-key", key).bearer_auth(key).header("anthropic-version", "2023-06-01");
    assert_eq!(twice.send().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn what_cannot_be_bounded_is_refused_where_a_budget_applies() {
    let world = World::of(MANIFESTS).await;
    let mut body = hello(false);
    body["tools"] = json!([{ "type": "web_search_20250305", "name": "web_search" }]);
    let refused = refused(world.message("laptop", &body).send().await.expect("an answer")).await;
    assert_eq!((refused.status, refused.details["error_code"].as_str()), (403, Some("unbounded_request")));
    assert!(refused.message.contains("web_search_20250305"), "{}", refused.message);
    assert_eq!(world.simulator.log().len(), 0);
}

#[tokio::test]
async fn bodies_that_are_too_large_or_no_json_are_refused() {
    let world = World::of(MANIFESTS).await;
    let post = |body: Vec<u8>| world.request(Method::POST, "/ext/v1/messages", "laptop").body(body);
    let large = refused(post(vec![b' '; 32 * 1024 * 1024 + 1]).send().await.expect("an answer")).await;
    assert_eq!((large.status, large.kind.as_str()), (413, "request_too_large"));
    for body in ["", "[]", "{\"model\":\"a\",\"model\":\"b\",\"messages\":[]}"] {
        let refused = refused(post(body.into()).send().await.expect("an answer")).await;
        assert_eq!((refused.status, refused.kind.as_str()), (400, "invalid_request_error"), "{body}");
    }
    assert_eq!(world.simulator.log().len(), 0);
}

#[tokio::test]
async fn a_models_provider_is_named_when_there_is_none() {
    let two = "---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: second}\nspec:\n  provider: anthropic\n  \
        apiKeySecretRef: {name: anthropic-key}\n  externalAccess: {enabled: true}\n";
    let manifests = MANIFESTS.replace("providers: [anthropic]", "providers: [anthropic, second]") + two;
    let world = World::of(&manifests).await;
    let response =
        world.message("laptop", &asking("mistral-large", "hi", false)).send().await.expect("an answer");
    let refused = refused(response).await;
    assert_eq!((refused.status, refused.details["error_code"].as_str()), (403, Some("unknown_model")));
    assert!(refused.message.contains("anthropic/claude-"), "{}", refused.message);
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let manifests =
        MANIFESTS.replace("providers: [anthropic]", "providers: [anthropic]\n  maxRequestsPerMinute: 2");
    let world = World::of(&manifests).await;
    for _ in 0..2 {
        assert_eq!(world.message("laptop", &hello(false)).send().await.expect("an answer").status(), 200);
    }
    let refused = refused(world.message("laptop", &hello(false)).send().await.expect("an answer")).await;
    assert_eq!((refused.status, refused.kind.as_str()), (429, "rate_limit_error"));
    assert!(refused.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)));
    assert_eq!(refused.should_retry, None, "it is worth trying again");
    assert_eq!(refused.details["source"], "pai.yaml:34:25");
}
