//! Budgets in money: what an answer costs by the price table, and that nothing is spent beyond a cap.

use std::collections::BTreeSet;

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_simulator::Scenario;
use serde_json::{Value, json};

use crate::support::{MANIFESTS, World, asking, hello};

/// The usual manifests, with a cap of so many dollars on `coder` and on `laptop`.
fn capped(dollars: &str) -> String {
    MANIFESTS
        .replace(
            "    maxPerRequest: 100000\n",
            &format!("    maxPerRequest: 100000\n  rateLimits: {{maxCostPerDayUSD: {dollars}}}\n"),
        )
        .replace(
            "  maxTokensPerDay: 300000\n",
            &format!("  maxTokensPerDay: 300000\n  maxCostPerDayUSD: {dollars}\n"),
        )
}

#[tokio::test]
async fn each_class_of_tokens_costs_its_price() {
    let world = World::of(MANIFESTS).await;
    world.simulator.scenario(Scenario {
        output_tokens: 50,
        cache_write_5m: 300,
        cache_write_1h: 20,
        cache_read: 1_000,
        ..Scenario::default()
    });
    let mut expected = 0;
    for stream in [false, true] {
        let response = world.message("coder", &hello(stream)).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("a whole body");
        world.settled().await;
        let reported = world.simulator.log().entries().last().expect("a request").reported.expect("usage");
        // Dollars per million tokens of claude-sonnet-4-6, as its list has them: in nano-dollars per token.
        expected += reported.input * 3_000 + 300 * 3_750 + 20 * 6_000 + 1_000 * 300 + 50 * 15_000;
        assert_eq!(world.spent(Scope::Agent, "coder"), NanoUsd(expected));
        assert_eq!(world.spent(Scope::Provider, "anthropic"), NanoUsd(expected));
    }
    let record = world.records(2).await.pop().expect("a record");
    assert_eq!(record["settled"]["cost_usd"].to_string(), NanoUsd(expected / 2).to_string());
}

#[tokio::test]
async fn a_cap_on_money_is_never_crossed_and_its_refusal_names_the_line() {
    let world = World::of(&capped("0.01")).await;
    world.simulator.scenario(Scenario { output_tokens: 100, ..Scenario::default() });
    for (name, scope, policy, source) in [
        ("coder", Scope::Agent, "base/agent-cost-per-day", "pai.yaml:27:34"),
        ("laptop", Scope::AccessKey, "base/key-cost-per-day", "pai.yaml:36:21"),
    ] {
        let body = asking("claude-sonnet-4-6", "Hello there", false);
        let (served, refusal) = loop_until_refused(&world, name, &body).await;
        let error = &refusal["error"];
        assert_eq!((&error["type"], &error["details"]["policy"]), (&json!("billing_error"), &json!(policy)));
        assert_eq!(error["details"]["source"], source, "{error}");
        assert_eq!(error["details"]["error_code"], "cost_budget_exhausted");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(" of 0.01 USD")), "{error}");
        let spent = world.spent(scope, name);
        assert!(spent <= NanoUsd(10_000_000), "{name} has spent {spent} USD");
        // 100 tokens of output and a short prompt are some 0.0016 dollars, the bound is below 0.004.
        assert!(served >= 4 && spent > NanoUsd(6_000_000), "{served} for {spent} USD");
        // A cheaper model still has room.
        let cheaper = asking("claude-haiku-4-5", "Hello there", false);
        while world.message(name, &cheaper).send().await.expect("an answer").status() == 200 {
            world.settled().await;
        }
        assert!(world.spent(scope, name) <= NanoUsd(10_000_000));
    }
    assert_eq!(world.gateway.ledger().breaches(), 0);
}

async fn loop_until_refused(world: &World, name: &str, body: &Value) -> (usize, Value) {
    for served in 0.. {
        let response = world.message(name, body).send().await.expect("an answer");
        let status = response.status();
        let answer: Value = response.json().await.expect("json");
        if status == 429 {
            return (served, answer);
        }
        assert_eq!(status, 200, "{answer}");
        world.settled().await;
    }
    unreachable!("counts for ever")
}

#[tokio::test]
async fn a_model_without_a_price_costs_what_the_dearest_does_unless_the_provider_says() {
    let unknown = "claude-sonnet-9";
    let manifests = MANIFESTS.replace("anthropic/claude-haiku-4-5", &format!("anthropic/{unknown}"));
    let own = "  modelInfo:\n    - model: claude-sonnet-9*\n      maxOutputTokens: 1000\n      usdPerMillionTokens: {input: 2, output: 10}\n";
    for (manifests, [input, output]) in [
        (manifests.clone(), [15_000, 60_000]),
        (manifests.replace("  deniedModels:", &format!("{own}  deniedModels:")), [2_000, 10_000]),
    ] {
        let world = World::of(&manifests).await;
        let response =
            world.message("coder", &asking(unknown, "Hello", false)).send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        response.bytes().await.expect("a body");
        world.settled().await;
        let reported = world.simulator.log().entries().last().expect("a request").reported.expect("usage");
        let expected = reported.input * input + reported.output * output;
        assert_eq!(world.spent(Scope::Agent, "coder"), NanoUsd(expected));
    }
}

#[tokio::test]
async fn a_maximum_of_output_is_sent_only_where_a_budget_rests_on_it() {
    let unlimited: BTreeSet<&str> =
        ["maxTokensPerDay", "maxTokensPerRequest", "maxPerDay", "maxPerRequest"].into();
    let without: String = MANIFESTS
        .split_inclusive('\n')
        .filter(|line| !unlimited.iter().any(|cap| line.contains(cap)) && line.trim() != "tokens:")
        .collect();
    let own = "  modelInfo: [{model: claude-haiku-*, maxOutputTokens: 777}]\n  deniedModels:";
    let body = r#"{ "messages" : [{"role":"user","content":"Hello"}], "model": "claude-haiku-4-5"}"#;
    for (manifests, sent) in [
        (MANIFESTS.to_owned(), format!(r#"{{"max_tokens":64000,{}"#, &body[1..])),
        (MANIFESTS.replace("  deniedModels:", own), format!(r#"{{"max_tokens":777,{}"#, &body[1..])),
        (without, body.to_owned()),
    ] {
        let world = World::of(&manifests).await;
        let request = world.request(reqwest::Method::POST, "/v1/messages", "coder").body(body);
        request.header("content-type", "application/json").send().await.expect("an answer");
        let entry = world.simulator.log().entries().pop().expect("a request");
        assert_eq!(String::from_utf8_lossy(&entry.body), sent, "{manifests}");
    }
}

#[tokio::test]
async fn what_is_left_is_told_only_where_that_is_asked_for() {
    let silent = World::of(&capped("5")).await;
    let answer = silent.message("coder", &hello(false)).send().await.expect("an answer");
    assert!(!answer.headers().keys().any(|name| name.as_str().starts_with("x-pai-budget")));

    let world = World::with(&capped("5"), |settings| settings.budget_headers = true).await;
    let answer = world.message("coder", &hello(false)).send().await.expect("an answer");
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    let tokens: u64 = header("x-pai-budget-remaining-tokens").parse().expect("a number");
    let dollars: NanoUsd = header("x-pai-budget-remaining-usd").parse().expect("dollars");
    // The agent's own cap of 400,000 is the tightest; this request's hold is taken off.
    assert!((398_000..400_000).contains(&tokens), "{tokens}");
    assert!(dollars < NanoUsd(5_000_000_000) && dollars > NanoUsd(4_990_000_000), "{dollars}");
}
