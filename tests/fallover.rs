//! Other candidates, when one cannot answer: budget spent, provider failing. Each is decided and held on its own.

use std::time::Duration;

use pai_bundle::limit::Scope;
use pai_simulator::{Fault, Scenario};
use serde_json::Value;

use crate::support::{World, hello, settled};

const TWO: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: first}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  maxTokensPerDay: 200
  retry: {maxAttempts: 2, initialBackoffMs: 1, maxBackoffMs: 5}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: second}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  maxTokensPerDay: 100000
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: steady}
spec:
  models: [first/claude-sonnet-4-6, second/claude-haiku-4-5]
";

/// Room for everything at the first provider.
fn roomy() -> String {
    TWO.replace("maxTokensPerDay: 200\n", "maxTokensPerDay: 100000\n")
}

#[tokio::test]
async fn a_spent_budget_sends_the_request_to_the_next_provider() {
    let world = World::of(TWO).await;
    let response = world.message("steady", &hello(false)).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-pai-provider"], "second");
    assert_eq!(response.json::<Value>().await.expect("json")["model"], "claude-haiku-4-5");
    world.settled().await;
    assert_eq!(world.balance(Scope::Provider, "first"), settled(0));
    let reported = world.simulator.log().reported_total();
    assert_eq!(world.balance(Scope::Provider, "second"), settled(reported));
    let record = world.records(1).await.remove(0);
    assert_eq!(record["attempts"][0]["result"], "budget_exhausted");
    assert_eq!(record["attempts"][1]["result"], "answered");
}

#[tokio::test]
async fn a_failing_provider_is_retried_and_then_left() {
    let world = World::of(&roomy()).await;
    for status in [529, 500] {
        world.simulator.push(Scenario {
            fault: Some(Fault::Status { status, retry_after: None }),
            ..Scenario::default()
        });
    }
    let response = world.message("steady", &hello(true)).send().await.expect("an answer");
    assert_eq!(response.headers()["x-pai-provider"], "second");
    response.bytes().await.expect("a stream");
    world.settled().await;
    let record = world.records(1).await.remove(0);
    let results: Vec<_> =
        record["attempts"].as_array().expect("attempts").iter().map(|a| &a["result"]).collect();
    assert_eq!(results, ["529", "500", "answered"]);
    assert_eq!(world.balance(Scope::Provider, "first"), settled(0), "errors cost nothing");
}

#[tokio::test]
async fn a_provider_that_recovers_is_not_left() {
    let world = World::of(&roomy()).await;
    world.simulator.push(Scenario {
        fault: Some(Fault::Status { status: 529, retry_after: None }),
        ..Scenario::default()
    });
    let response = world.message("steady", &hello(false)).send().await.expect("an answer");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["x-pai-provider"]),
        (200, &"first".parse().expect("a value"))
    );
}

#[tokio::test]
async fn the_last_providers_own_refusal_is_passed_on_unchanged() {
    let world = World::of(&roomy()).await;
    world.simulator.scenario(Scenario {
        fault: Some(Fault::Status { status: 529, retry_after: Some(0) }),
        ..Scenario::default()
    });
    let response = world.message("steady", &hello(false)).send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 529);
    let body: Value = response.json().await.expect("json");
    assert_eq!(body["error"]["type"], "overloaded_error");
    assert_eq!(body["request_id"], "req_simulated_0001");
    world.settled().await;
    assert_eq!(world.balance(Scope::Agent, "steady"), settled(0));
}

#[tokio::test]
async fn a_wrong_request_is_the_clients_and_is_not_tried_elsewhere() {
    let world = World::of(&roomy()).await;
    world.simulator.push(Scenario {
        fault: Some(Fault::Status { status: 400, retry_after: None }),
        ..Scenario::default()
    });
    let response = world.message("steady", &hello(false)).send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 400);
    assert_eq!(world.simulator.log().len(), 1);
}

#[tokio::test]
async fn an_unreachable_provider_costs_nothing_and_is_said_so() {
    let nowhere = roomy().replace(", second/claude-haiku-4-5", "");
    let world = World::of(&nowhere).await;
    let World { simulator, gateway, client, tokens, .. } = world;
    simulator.stop().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let response = client
        .post(format!("http://{}/v1/messages", gateway.address()))
        .header("x-api-key", tokens[0].1.reveal())
        .json(&hello(false));
    let response = response.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 502);
    let body: Value = response.json().await.expect("json");
    assert_eq!(body["error"]["details"]["error_code"], "upstream_failed");
    assert_eq!(gateway.ledger().open_holds(), 0);
}
