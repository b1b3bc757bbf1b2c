//! A gateway with two providers, and requests that end in every way there is.

use std::time::Duration;

use pai_runtime::settings::SetBack;
use pai_simulator::{Cut, Fault, Scenario};
use serde_json::{Value, json};

use crate::support::guarded::{ATTACK, HOUSE};
use crate::support::{World, asking, hello};

/// Two providers, the second of which is asked where the first fails; a guard; a budget that is spent.
const TWO: &str = "\
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: first}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  maxTokensPerDay: 1000000
  retry: {maxAttempts: 1}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: second}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  externalAccess: {enabled: true}
  retry: {maxAttempts: 1}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models: [first/claude-sonnet-4-6, second/claude-haiku-4-5]
  guards:
    - {binding: house, scan: {prompts: true, toolResults: ['*']}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: faithful}
spec:
  models: [first/claude-sonnet-4-6]
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: spent}
spec:
  models: [first/claude-sonnet-4-6]
  tokens: {maxPerDay: 10}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec:
  providers: [second]
  maxCostPerDayUSD: 5
";

const HOUR: Duration = Duration::from_secs(3_600);

pub(super) async fn world() -> World {
    World::with(&format!("{HOUSE}{TWO}"), |settings| {
        settings.upstream.set_back = SetBack { first: HOUR, longest: HOUR };
    })
    .await
}

/// The status of one request, whose answer is read as far as it goes.
pub(super) async fn ask(world: &World, name: &str, body: &Value) -> u16 {
    let answer = world.message(name, body).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let _ = answer.bytes().await;
    status
}

pub(super) fn failing(fault: Fault) -> Scenario {
    Scenario { fault: Some(fault), ..Scenario::default() }
}

/// More than any bound of the request.
fn too_much() -> Scenario {
    let said = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "hi" }],
        "usage": { "input_tokens": 5, "output_tokens": 90_000 } });
    Scenario { verbatim: Some(said.to_string().into()), ..Scenario::default() }
}

/// One request for each end that there is, with caches and searches; how many records they leave.
pub(super) async fn all_ends(world: &World) -> usize {
    let (plain, stream) = (hello(false), hello(true));
    let mut count = 0;
    for (scenario, name, body, status) in [
        (Scenario::default(), "faithful", &plain, 200),
        (
            Scenario { cache_read: 300, cache_write_5m: 20, cache_write_1h: 1, ..Scenario::default() },
            "faithful",
            &stream,
            200,
        ),
        (Scenario { cut: Some(Cut::Events(4)), ..Scenario::default() }, "faithful", &stream, 200),
        (failing(Fault::Status { status: 400, retry_after: None }), "faithful", &plain, 400),
        (failing(Fault::Status { status: 429, retry_after: None }), "faithful", &plain, 429),
        (failing(Fault::Garbage), "faithful", &stream, 200),
        // The first is charged in full, the second answers.
        (failing(Fault::Hangup), "coder", &plain, 200),
        (Scenario { cut: Some(Cut::Events(1)), ..Scenario::default() }, "coder", &stream, 200),
        (too_much(), "faithful", &plain, 200),
        (Scenario::default(), "laptop", &asking("claude-haiku-4-5", "Hello", false), 200),
    ] {
        world.simulator.push(scenario);
        assert_eq!(ask(world, name, body).await, status, "{name}, request {count}");
        count += 1;
        world.records(count).await;
    }
    for (name, body, status) in [
        ("coder", &asking("claude-sonnet-4-6", ATTACK, false), 403),
        ("coder", &asking("no-such-model", "Hello", false), 403),
        ("spent", &plain, 429),
        ("laptop", &json!({ "model": 7 }), 400),
    ] {
        assert_eq!(ask(world, name, body).await, status, "{name}: {body}");
        count += 1;
    }
    let stranger = world.client.post(world.url("/v1/messages")).header("x-api-key", "nonsense").json(&plain);
    assert_eq!(stranger.send().await.expect("an answer").status(), 401);
    // Gone in the middle.
    world.simulator.push(Scenario { event_delay: Duration::from_millis(200), ..Scenario::default() });
    let mut left = world.message("faithful", &stream).send().await.expect("a beginning");
    assert!(left.chunk().await.expect("a piece").is_some());
    drop(left);
    world.settled().await;
    count + 2
}
