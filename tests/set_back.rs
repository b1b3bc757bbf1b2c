//! Providers that keep failing are asked after the others and once, and never refused for it.

use std::time::Duration;

use pai_runtime::settings::SetBack;
use pai_simulator::{Fault, Scenario};
use serde_json::{Value, json};

use crate::support::{self, World, hello};

const TWO: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: first}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  retry: {maxAttempts: 2, initialBackoffMs: 1, maxBackoffMs: 5}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: second}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: one}
spec:
  models: [first/claude-sonnet-4-6, second/claude-haiku-4-5]
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: other}
spec:
  models: [first/claude-sonnet-4-6, second/claude-haiku-4-5]
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: faithful}
spec:
  models: [first/claude-sonnet-4-6]
";

const HOUR: Duration = Duration::from_secs(3_600);

async fn world(manifests: &str, time: Duration) -> World {
    World::with(manifests, |settings| {
        settings.upstream.set_back = SetBack { first: time, longest: time };
    })
    .await
}

fn fail(world: &World, times: usize, status: u16) {
    for _ in 0..times {
        let fault = Some(Fault::Status { status, retry_after: None });
        world.simulator.push(Scenario { fault, ..Scenario::default() });
    }
}

/// Status, and which provider answered.
async fn ask(world: &World, name: &str) -> (u16, String) {
    let response = world.message(name, &hello(false)).send().await.expect("an answer");
    let provider = response.headers().get("x-pai-provider").and_then(|value| value.to_str().ok());
    let answer = (response.status().as_u16(), provider.unwrap_or_default().to_owned());
    response.bytes().await.expect("a body");
    answer
}

/// What came of each attempt of the latest request.
async fn attempts(world: &World, records: usize) -> Vec<String> {
    let record = world.records(records).await.pop().expect("a record");
    let attempts = record["attempts"].as_array().expect("attempts").iter();
    attempts
        .map(|attempt| {
            let provider = attempt["candidate"].as_str().and_then(|name| name.split('/').nth(1));
            format!("{}: {}", provider.unwrap_or_default(), attempt["result"].as_str().unwrap_or_default())
        })
        .collect()
}

async fn breakers(world: &World) -> Value {
    support::told(world.state.path(), "/status").await["breakers"].clone()
}

/// Two callers see the first provider fail five times.
async fn open(world: &World) {
    fail(world, 2, 529);
    assert_eq!(ask(world, "one").await, (200, "second".to_owned()));
    fail(world, 2, 500);
    assert_eq!(ask(world, "other").await, (200, "second".to_owned()));
    fail(world, 1, 503);
    assert_eq!(ask(world, "one").await, (200, "second".to_owned()));
    assert_eq!(
        attempts(world, 3).await,
        ["first: 503", "second: answered"],
        "the fifth failure is not followed by a retry"
    );
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_asked_last_and_once() {
    let world = world(TWO, HOUR).await;
    open(&world).await;
    let state = breakers(&world).await;
    assert_eq!(
        (&state[0]["provider"], &state[0]["state"]),
        (&json!("default/first"), &json!("open")),
        "{state}"
    );
    assert_eq!(state[0]["failures"], 5);

    world.simulator.log().clear();
    assert_eq!(ask(&world, "other").await, (200, "second".to_owned()));
    assert_eq!(world.simulator.log().len(), 1, "the failing one is left in peace");
    assert_eq!(attempts(&world, 4).await, ["first: set back: breaker open", "second: answered"]);
}

#[tokio::test]
async fn where_there_is_no_other_it_is_asked_all_the_same() {
    let world = world(TWO, HOUR).await;
    open(&world).await;
    world.simulator.log().clear();
    fail(&world, 1, 529);
    assert_eq!(ask(&world, "faithful").await, (529, "first".to_owned()));
    assert_eq!(world.simulator.log().len(), 1, "one attempt instead of two");
    // Its answer closes the breaker at once.
    assert_eq!(ask(&world, "faithful").await, (200, "first".to_owned()));
    assert_eq!(ask(&world, "one").await, (200, "first".to_owned()));
    assert_eq!(breakers(&world).await, json!([]));
}

#[tokio::test]
async fn it_is_asked_when_the_others_cannot_answer() {
    // No request fits the second one.
    let tight = TWO.replace(
        "metadata: {name: second}\nspec:\n",
        "metadata: {name: second}\nspec:\n  maxTokensPerRequest: 10\n",
    );
    let world = world(&tight, HOUR).await;
    for (caller, failures) in [("one", 2), ("other", 2), ("one", 1)] {
        fail(&world, failures, 500);
        assert_eq!(ask(&world, caller).await.0, 500);
    }
    assert_eq!(ask(&world, "other").await, (200, "first".to_owned()));
    let told = attempts(&world, 4).await;
    assert_eq!(told[0], "first: set back: breaker open");
    assert_eq!((told.len(), told[2].as_str()), (3, "first: answered"), "{told:?}");
}

#[tokio::test]
async fn one_callers_failures_are_no_reason_to_set_it_back() {
    let world = world(TWO, HOUR).await;
    for _ in 0..4 {
        fail(&world, 2, 500);
        assert_eq!(ask(&world, "one").await, (200, "second".to_owned()));
    }
    assert_eq!(breakers(&world).await[0]["state"], "closed");
    assert_eq!(ask(&world, "other").await, (200, "first".to_owned()));
}

#[tokio::test]
async fn refusals_of_requests_are_no_failures() {
    let world = world(TWO, HOUR).await;
    for status in [400, 401, 413, 429, 429, 429] {
        let fault = Some(Fault::Status { status, retry_after: None });
        world.simulator.scenario(Scenario { fault, ..Scenario::default() });
        for caller in ["one", "other"] {
            assert_eq!(ask(&world, caller).await.0, status);
        }
    }
    assert_eq!(breakers(&world).await, json!([]));
}

#[tokio::test]
async fn after_its_time_it_is_tried_in_its_usual_place() {
    let world = world(TWO, Duration::from_millis(1)).await;
    open(&world).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(breakers(&world).await[0]["state"], "half-open");
    assert_eq!(ask(&world, "other").await, (200, "first".to_owned()));
    assert_eq!(attempts(&world, 4).await, ["first: answered"]);
    assert_eq!(breakers(&world).await, json!([]));
}

#[tokio::test]
async fn a_provider_that_nobody_can_connect_to_is_set_back_for_one_caller_too() {
    let world = world(TWO, HOUR).await;
    let World { simulator, gateway, client, tokens, state, .. } = world;
    simulator.stop().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let token = &tokens.iter().find(|(name, _)| name == "faithful").expect("an agent").1;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let request = client
            .post(format!("http://{}/v1/messages", gateway.address()))
            .header("x-api-key", token.reveal())
            .json(&hello(false));
        statuses.push(request.send().await.expect("an answer").status().as_u16());
    }
    assert_eq!(statuses, [502; 4]);
    gateway.shutdown().await.expect("a clean stop");
    let records = std::fs::read_to_string(state.path().join("records.jsonl")).expect("records");
    let attempts: Vec<usize> =
        records.lines().map(|line| line.matches("\"upstream_failed\"}").count()).collect();
    assert_eq!(attempts, [2, 2, 1, 1], "the fifth failure is the last that is followed by none");
}
