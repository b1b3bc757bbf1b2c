//! Requests that do not fit now: those that wait for others to end, and those whose bound is far above the truth.

use std::time::{Duration, Instant};

use pai_bundle::limit::Scope;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::Account;
use pai_simulator::Scenario;
use serde_json::{Value, json};

use crate::support::{MANIFESTS, NOON, World, asking, hello, settled};

/// An agent's budget of so many tokens.
fn budget(tokens: u64) -> String {
    MANIFESTS
        .replace("maxPerDay: 400000", &format!("maxPerDay: {tokens}"))
        .replace("    maxPerRequest: 100000\n", "")
}

/// Prompts are sized by their bytes, so that holds are what the test says.
async fn world(manifests: &str, hold_wait: Duration) -> World {
    World::with(manifests, |settings| {
        settings.hold_wait = hold_wait;
        settings.ask_for_counts = false;
    })
    .await
}

/// What `hello` holds: its bytes, a frame, and its maximum of output.
fn held(body: &Value) -> u64 {
    body.to_string().len() as u64 + 200 + 100
}

#[tokio::test]
async fn a_request_waits_until_another_one_ends() {
    let hold = held(&hello(false));
    let world = world(&budget(hold + hold / 2), Duration::from_secs(30)).await;
    world.simulator.scenario(Scenario {
        output_tokens: 20,
        first_byte_delay: Duration::from_millis(300),
        ..Scenario::default()
    });
    let send = async || {
        let answer = world.message("coder", &hello(false)).send().await.expect("an answer");
        let status = answer.status();
        answer.bytes().await.expect("a body");
        status
    };
    let (first, second) = tokio::join!(send(), send());
    assert_eq!((first.as_u16(), second.as_u16()), (200, 200));
    world.settled().await;
    let entries = world.simulator.log().entries();
    assert_eq!(entries.len(), 2);
    assert_eq!(world.balance(Scope::Agent, "coder"), settled(world.simulator.log().reported_total()));
}

#[tokio::test]
async fn a_request_that_waits_past_midnight_is_recorded_in_the_day_that_it_is_charged_to() {
    let hold = held(&hello(false));
    let world = world(&budget(hold + hold / 2), Duration::from_secs(30)).await;
    world.simulator.push(Scenario { first_byte_delay: Duration::from_secs(20), ..Scenario::default() });
    let send = async || world.message("coder", &hello(false)).send().await.expect("an answer").status();
    let night = async {
        while world.simulator.log().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let waits = send();
        let tomorrow = async {
            // So that the other one stands in the queue by then.
            tokio::time::sleep(Duration::from_millis(300)).await;
            world.clock.set(UnixSeconds(NOON.0 + 12 * 3_600));
            send().await
        };
        tokio::join!(waits, tomorrow)
    };
    let (waited, next) = tokio::select! {
        _ = send() => panic!("the first one takes longer"),
        both = night => both,
    };
    assert_eq!((waited.as_u16(), next.as_u16()), (200, 200));
    let day = |record: &Value| record["day"].clone();
    let records = world.records(3).await;
    let served: Vec<_> = records.iter().filter(|record| record["outcome"] == "served").map(day).collect();
    assert_eq!(served, ["2026-11-24", "2026-11-24"]);
    let account = Account {
        scope: Scope::Agent,
        name: "default/coder".into(),
        day: UtcDay(UtcDay::containing(NOON).0 + 1),
    };
    let settled: u64 = records.iter().filter_map(|record| record["settled"]["total"].as_u64()).sum();
    let tomorrow = world.gateway.ledger().balance(&account).settled.tokens.0;
    assert!(tomorrow > 0 && settled >= tomorrow, "{records:?}");
}

#[tokio::test]
async fn waiting_ends_and_is_not_told_as_a_budget_that_is_used_up() {
    let hold = held(&hello(false));
    let world = world(&budget(hold + hold / 2), Duration::from_millis(100)).await;
    world.simulator.scenario(Scenario { first_byte_delay: Duration::from_secs(20), ..Scenario::default() });
    let first = world.message("coder", &hello(false)).send();
    let late = async {
        while world.simulator.log().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let started = Instant::now();
        let answer = world.message("coder", &hello(false)).send().await.expect("an answer");
        assert!(started.elapsed() >= Duration::from_millis(100));
        answer
    };
    let answer = tokio::select! {
        _ = first => panic!("the first one takes longer"),
        answer = late => answer,
    };
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "2");
    assert!(!answer.headers().contains_key("x-should-retry"), "SDKs come back");
    let error: Value = answer.json().await.expect("json");
    let (error, details) = (&error["error"], &error["error"]["details"]);
    assert_eq!((&error["type"], &details["error_code"]), (&json!("rate_limit_error"), &json!("budget_held")));
    assert_eq!(
        (&details["settled"], &details["held"], &details["asked"]),
        (&json!(0), &json!(hold), &json!(hold))
    );
    assert_eq!(
        (&details["policy"], &details["source"]),
        (&json!("base/agent-per-day"), &json!("pai.yaml:25:16"))
    );
    assert!(error["message"].as_str().is_some_and(|text| text.contains("held by requests in flight")));
    // The record of the first one, whose client has gone, may come before or after.
    let records = world.records(2).await;
    let refused = records.iter().find(|record| record["outcome"] == "refused").expect("a refusal");
    assert_eq!(refused["code"], "budget_held");
}

#[tokio::test]
async fn a_wait_in_vain_falls_over_to_the_next_candidate() {
    let hold = held(&hello(false));
    let second = "---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: reserve}\n\
                  spec: {provider: anthropic, apiKeySecretRef: {name: key}}\n";
    let manifests = MANIFESTS
        .replace("    - anthropic/claude-haiku-4-5\n", "    - reserve/claude-haiku-4-5\n")
        .replace("maxTokensPerDay: 1000000", &format!("maxTokensPerDay: {}", hold + hold / 2))
        .replace("  maxTokensPerRequest: 200000\n", "")
        .replace("    maxTokensPerDay: 500000\n", "")
        + second;
    let world = world(&manifests, Duration::from_millis(100)).await;
    world.simulator.push(Scenario { first_byte_delay: Duration::from_secs(20), ..Scenario::default() });
    let first = world.message("coder", &hello(false)).send();
    let next = async {
        while world.simulator.log().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.message("coder", &hello(false)).send().await.expect("an answer")
    };
    let answer = tokio::select! {
        _ = first => panic!("the first one takes longer"),
        answer = next => answer,
    };
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["x-pai-provider"], "reserve");
}

#[tokio::test]
async fn a_prompt_whose_bytes_do_not_fit_is_counted_once() {
    // 4,000 bytes of text, and a thousand tokens in the simulator's count.
    let long = asking("claude-sonnet-4-6", &"four".repeat(1_000), false);
    let world = World::of(&budget(2_000).replace("    - anthropic/claude-haiku-4-5\n", "")).await;
    let count = |path: &str| {
        world.simulator.log().entries().iter().filter(|entry| entry.target.starts_with(path)).count()
    };
    let send = async || world.message("coder", &long).send().await.expect("an answer").status();
    assert_eq!(send().await, 200);
    world.settled().await;
    assert_eq!((count("/v1/messages/count_tokens"), count("/v1/messages")), (1, 2));
    let question = world.simulator.log().entries().remove(0);
    let body: Value = serde_json::from_slice(&question.body).expect("json");
    assert_eq!(body, json!({ "model": "claude-sonnet-4-6", "messages": long["messages"] }));
    assert_eq!(question.header("x-api-key"), Some(crate::support::PROVIDER_KEY));
    let record = world.records(1).await.remove(0);
    assert!(record["held"].as_u64().is_some_and(|held| (1_100..1_300).contains(&held)), "{record}");
    assert!(world.balance(Scope::Agent, "coder").settled.0 > 1_000);

    // The rest is too small even for the truth; and the prompt has been counted.
    assert_eq!(send().await, 429);
    assert_eq!(count("/v1/messages/count_tokens"), 1, "remembered");
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

#[tokio::test]
async fn without_a_count_the_bound_decides() {
    let long = asking("claude-sonnet-4-6", &"four".repeat(1_000), false);
    let unasked = world(&budget(2_000), Duration::ZERO).await;
    let answer = unasked.message("coder", &long).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), unasked.simulator.log().len()), (429, 0));

    // Not even the output fits: nobody has to count.
    let world = World::of(&budget(2_000)).await;
    let mut large = long.clone();
    large["max_tokens"] = json!(2_001);
    let answer = world.message("coder", &large).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), world.simulator.log().len()), (429, 0));

    // A provider that will not count, here for want of a version, does not make the refusal another one.
    let unversioned = world.client.post(world.url("/v1/messages")).header("x-api-key", world.token("coder"));
    let answer = unversioned.json(&long).send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
    let asked: Vec<_> = world.simulator.log().entries().into_iter().map(|entry| entry.status).collect();
    assert_eq!(asked, [400, 400], "once for each candidate");
    assert_eq!(world.gateway.ledger().open_holds(), 0);
}

#[tokio::test]
async fn what_has_no_bound_is_let_through_only_where_the_provider_says_so() {
    let mut search = hello(false);
    search["tools"] = json!([{ "type": "web_search_20250305", "name": "web_search" }]);
    let refusing = World::of(MANIFESTS).await;
    let answer = refusing.message("coder", &search).send().await.expect("an answer");
    assert_eq!(answer.status(), 403);

    let allow = "  unboundedRequests: allow\n  deniedModels:";
    let manifests = MANIFESTS
        .replace("  deniedModels:", allow)
        .replace("  maxTokensPerRequest: 200000\n", "")
        .replace("    maxPerRequest: 100000\n", "")
        .replace("maxPerDay: 400000", "maxPerDay: 5000000")
        .replace("maxTokensPerDay: 1000000", "maxTokensPerDay: 5000000");
    let world = World::of(&manifests).await;
    let answer = world.message("coder", &search).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect("a body");
    world.settled().await;
    let record = world.records(1).await.remove(0);
    assert_eq!(record["held"], 1_000_000 + 100, "one full call to the model");
    assert_eq!(world.balance(Scope::Agent, "coder"), settled(world.simulator.log().reported_total()));
}
