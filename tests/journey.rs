//! What a well-behaved client gets: the provider's bytes, the provider's headers, and exact books.

use pai_bundle::limit::Scope;
use pai_bundle::unit::Tokens;
use pai_simulator::Scenario;
use reqwest::Method;
use serde_json::Value;

use crate::support::{MANIFESTS, PROVIDER_KEY, World, asking, hello, settled};

#[tokio::test]
async fn a_message_arrives_as_sent_and_is_answered_as_given() {
    let world = World::of(MANIFESTS).await;
    let body = "{ \"max_tokens\":50 ,\"future\": {\"b\":1,\"a\":[ ]},\"model\":\"claude-sonnet-4-6\",\n \
        \"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9llo 🙂\"}] }";
    let response = world
        .request(Method::POST, "/v1/messages?beta=true", "coder")
        .header("anthropic-beta", "b-2")
        .header("anthropic-beta", "a-1")
        .header("anthropic-future", "kept")
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["request-id"], "req_simulated_0001");
    assert_eq!(response.headers()["x-pai-provider"], "anthropic");
    assert_eq!(response.headers()["x-pai-model"], "claude-sonnet-4-6");
    for withheld in ["set-cookie", "anthropic-ratelimit-tokens-remaining"] {
        assert!(!response.headers().contains_key(withheld), "{withheld}");
    }
    let answer: Value = response.json().await.expect("json");
    assert!(answer["content"][0]["text"].as_str().expect("text").starts_with("[simulated]"));

    let entry = world.simulator.log().entries().remove(0);
    assert_eq!(entry.target, "/v1/messages?beta=true");
    assert_eq!(entry.body, body.as_bytes());
    let betas: Vec<_> = entry.headers.iter().filter(|(name, _)| name == "anthropic-beta").collect();
    assert_eq!(betas.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["b-2", "a-1"]);
    assert_eq!(entry.header("anthropic-future"), Some("kept"));
    assert_eq!(entry.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(entry.header("x-api-key"), Some(PROVIDER_KEY));
    let token = world.token("coder");
    assert!(entry.headers.iter().all(|(_, value)| !value.contains(token)), "our credential went upstream");
}

#[tokio::test]
async fn only_the_models_bytes_change_when_a_provider_is_named() {
    let world = World::of(MANIFESTS).await;
    let body = "{\"model\": \"anthropic/claude-haiku-4-5\",\"max_tokens\":5,  \"messages\":[]}";
    let request = world.request(Method::POST, "/ext/v1/messages", "laptop").body(body);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    let entry = world.simulator.log().entries().remove(0);
    assert_eq!(entry.body, body.replace("anthropic/", "").as_bytes());
}

#[tokio::test]
async fn a_stream_passes_unchanged_and_is_counted_in_every_account() {
    let world = World::of(MANIFESTS).await;
    let scenario = Scenario {
        output_tokens: 40,
        cache_read: 2,
        cache_write_1h: 1,
        unknown_parts: true,
        ..Scenario::default()
    };
    world.simulator.push(scenario.clone());
    world.simulator.push(scenario);
    let through = world.message("laptop", &hello(true)).send().await.expect("an answer");
    assert_eq!(through.headers()["content-type"], "text/event-stream; charset=utf-8");
    let through = through.text().await.expect("a stream");
    let direct = world
        .client
        .post(format!("{}/v1/messages", world.simulator.url()))
        .header("x-api-key", "x")
        .header("anthropic-version", "2023-06-01")
        .json(&hello(true));
    assert_eq!(through, direct.send().await.expect("an answer").text().await.expect("a stream"));
    world.settled().await;
    let reported = world.simulator.log().entries()[0].reported.expect("usage").total();
    for (scope, name) in
        [(Scope::Provider, "anthropic"), (Scope::ProviderExternal, "anthropic"), (Scope::AccessKey, "laptop")]
    {
        assert_eq!(world.balance(scope, name), settled(reported), "{scope}");
    }
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

#[tokio::test]
async fn compressed_answers_are_counted_and_passed_on_packed() {
    let world = World::of(MANIFESTS).await;
    world.simulator.scenario(Scenario { gzip: true, output_tokens: 33, ..Scenario::default() });
    let response = world
        .message("coder", &hello(false))
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(&response.bytes().await.expect("bytes")[..2], [0x1f, 0x8b]);
    world.settled().await;
    let reported = world.simulator.log().entries()[0].reported.expect("usage").total();
    assert_eq!(world.balance(Scope::Agent, "coder"), settled(reported));
}

#[tokio::test]
async fn a_record_tells_everything_and_no_prompt() {
    let world = World::of(MANIFESTS).await;
    let body = asking("claude-haiku-4-5", "the canary sings", false);
    world.message("laptop", &body).send().await.expect("an answer").bytes().await.expect("a body");
    let record = world.records(1).await.remove(0);
    assert_eq!(record["principal"], "access key default/laptop");
    assert_eq!(record["requested"], "claude-haiku-4-5");
    assert_eq!(record["provider"], "default/anthropic");
    assert_eq!(record["outcome"], "served");
    assert_eq!(record["policies"][0]["policy"], "base/use");
    assert_eq!(record["settled"]["output"], 12);
    assert_eq!(record["settled"]["estimated"], false);
    assert_eq!(record["accounts"].as_array().map(Vec::len), Some(3));
    assert_eq!(record["accounts"][2]["limit"], 300_000);
    assert!(
        record["held"].as_u64().expect("a number") > record["settled"]["total"].as_u64().expect("a number")
    );
    assert!(record["bundle"].as_str().expect("a digest").starts_with("sha256:"));
    let text = record.to_string();
    assert!(
        !text.contains("canary") && !text.contains(world.token("laptop")) && !text.contains(PROVIDER_KEY)
    );
}

#[tokio::test]
async fn counting_tokens_is_free_and_works_without_budget() {
    let world = World::of(
        &MANIFESTS
            .replace("maxPerDay: 400000", "maxPerDay: 1")
            .replace("maxPerRequest: 100000", "maxPerRequest: 1"),
    )
    .await;
    let request = world.request(Method::POST, "/v1/messages/count_tokens", "coder").json(&hello(false));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert!(response.json::<Value>().await.expect("json")["input_tokens"].as_u64().expect("a number") > 0);
    assert_eq!(world.balance(Scope::Agent, "coder"), settled(0));
}

#[tokio::test]
async fn the_model_list_is_what_the_caller_may_use() {
    let world = World::of(MANIFESTS).await;
    let list = async |path: &str, name: &str| {
        let response = world.request(Method::GET, path, name).send().await.expect("an answer");
        response.json::<Value>().await.expect("json")
    };
    let ids = |list: &Value| -> Vec<String> {
        let data = list["data"].as_array().expect("a list");
        data.iter().map(|model| model["id"].as_str().expect("an id").to_owned()).collect()
    };
    let agents = list("/v1/models?limit=1000", "coder").await;
    assert_eq!(
        ids(&agents),
        [
            "claude-sonnet-4-6",
            "claude-haiku-4-5",
            "anthropic/claude-sonnet-4-6",
            "anthropic/claude-haiku-4-5"
        ]
    );
    let external = ids(&list("/ext/v1/models", "laptop").await);
    assert!(external.iter().all(|id| !id.contains("opus")), "{external:?}");
    let first = list("/v1/models?limit=3", "coder").await;
    assert_eq!((&first["has_more"], &first["last_id"]), (&Value::Bool(true), &first["data"][2]["id"]));
    let rest = list("/v1/models?after_id=anthropic/claude-sonnet-4-6", "coder").await;
    assert_eq!(ids(&rest), ["anthropic/claude-haiku-4-5"]);
    let one = list("/v1/models/anthropic/claude-haiku-4-5", "coder").await;
    assert_eq!(one["display_name"], "Claude Haiku 4.5");
    assert_eq!(world.simulator.log().len(), 0, "no provider is asked for lists");
}

#[tokio::test]
async fn totals_survive_a_restart_exactly() {
    let world = World::of(MANIFESTS).await;
    for _ in 0..3 {
        world.message("coder", &hello(true)).send().await.expect("an answer").bytes().await.expect("a body");
    }
    world.settled().await;
    let before = world.balance(Scope::Agent, "coder");
    assert!(before.settled > Tokens(0));
    let world = world.restart().await;
    assert_eq!(world.balance(Scope::Agent, "coder"), before);
    assert_eq!(world.balance(Scope::Provider, "anthropic"), before);
}

#[tokio::test]
async fn health_is_told_on_the_admin_listener_only() {
    let world = World::of(MANIFESTS).await;
    let get = async |address, path: &str| {
        world.client.get(format!("http://{address}{path}")).send().await.expect("an answer")
    };
    let ready = get(world.gateway.admin_address(), "/readyz").await;
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.json::<Value>().await.expect("json")["ready"], true);
    assert_eq!(get(world.gateway.admin_address(), "/livez").await.status(), 200);
    assert_eq!(get(world.gateway.address(), "/readyz").await.status(), 404);
}
