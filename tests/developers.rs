//! Developers' keys, side by side: budgets, rates and models of each hold under the load of all, and external use has a
//! budget apart from the agents'.

use std::collections::BTreeMap;

use pai_bundle::limit::Scope;
use serde_json::{Value, json};

use crate::support::{World, asking};

const HAIKU: &str = "claude-haiku-4-5";
const SONNET: &str = "claude-sonnet-4-6";

/// Alice has a small budget and one model; Bob has a rate and another model; Carol has nothing but the provider's.
const MANIFESTS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec:
  provider: anthropic
  apiKeySecretRef: {name: key}
  maxTokensPerDay: 10000000
  externalAccess: {enabled: true, maxTokensPerDay: 60000}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec: {models: [anthropic/claude-haiku-4-5]}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: alice}
spec: {providers: [anthropic], allowedModels: [claude-haiku-4-5], maxTokensPerDay: 600}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: bob}
spec: {providers: [anthropic], allowedModels: [claude-sonnet-4-6], maxTokensPerDay: 50000, maxRequestsPerMinute: 20}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: carol}
spec: {providers: [anthropic]}
";

/// Asks many times at once: how often each status and code came.
async fn ask(world: &World, name: &str, model: &str, times: usize) -> BTreeMap<(u16, String), usize> {
    let one = async || {
        let answer = world.message(name, &asking(model, "Hello", false)).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let said: Value = answer.json().await.expect("json");
        let code = said.pointer("/error/details/error_code").and_then(Value::as_str).unwrap_or_default();
        (status, code.to_owned())
    };
    let mut counted = BTreeMap::new();
    for answer in futures_util::future::join_all((0..times).map(|_| one())).await {
        *counted.entry(answer).or_default() += 1;
    }
    counted
}

fn served(answers: &BTreeMap<(u16, String), usize>) -> usize {
    answers.get(&(200, String::new())).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_rates_and_models_of_two_developers_hold_independently_under_load() {
    let world = World::with(MANIFESTS, |settings| settings.hold_wait = std::time::Duration::ZERO).await;
    let (alice, bob, alice_elsewhere, bob_elsewhere, agent) = tokio::join!(
        ask(&world, "alice", HAIKU, 60),
        ask(&world, "bob", SONNET, 60),
        ask(&world, "alice", SONNET, 20),
        ask(&world, "bob", HAIKU, 5),
        ask(&world, "coder", HAIKU, 60),
    );
    world.settled().await;
    // Models: each has the other's refused, and only that for that reason.
    assert_eq!(served(&alice_elsewhere), 0, "{alice_elsewhere:?}");
    assert!(alice_elsewhere.keys().all(|(status, _)| *status == 403), "{alice_elsewhere:?}");
    assert_eq!(served(&bob_elsewhere), 0, "{bob_elsewhere:?}");
    // Budget: Alice's ends before her requests do, and is never exceeded.
    let (alices, bobs) = (world.balance(Scope::AccessKey, "alice"), world.balance(Scope::AccessKey, "bob"));
    assert!(served(&alice) > 0 && served(&alice) < 60, "{alice:?}");
    assert!(alices.used().0 <= 600 && alices.used().0 > 0, "{alices:?}");
    assert!(alice.keys().all(|(status, _)| [200, 429].contains(status)), "{alice:?}");
    // Rate: Bob has twenty requests in this minute, whoever else asks, and whatever they were for.
    let of_bob = served(&bob)
        + bob_elsewhere
            .iter()
            .filter(|((status, _), _)| *status == 403)
            .map(|(_, count)| count)
            .sum::<usize>();
    assert_eq!(of_bob, 20, "{bob:?} {bob_elsewhere:?}");
    assert!(bobs.used().0 <= 50_000, "{bobs:?}");
    // Neither's end is anybody else's.
    assert_eq!(served(&agent), 60, "{agent:?}");
    let external = world.balance(Scope::ProviderExternal, "anthropic").used().0;
    assert_eq!(external, alices.used().0 + bobs.used().0, "external use is the keys' alone");
    let all = world.balance(Scope::Provider, "anthropic").used().0;
    assert_eq!(all, external + world.balance(Scope::Agent, "coder").used().0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_external_budget_ends_for_keys_and_not_for_agents() {
    let manifests = MANIFESTS.replace("maxTokensPerDay: 60000", "maxTokensPerDay: 1000");
    let world = World::with(&manifests, |settings| settings.hold_wait = std::time::Duration::ZERO).await;
    let (carol, agent) = tokio::join!(ask(&world, "carol", HAIKU, 80), ask(&world, "coder", HAIKU, 80));
    world.settled().await;
    assert!(served(&carol) > 0 && served(&carol) < 80, "{carol:?}");
    assert_eq!(served(&agent), 80, "{agent:?}");
    // What is left is too little for one more request of this size; Bob pays for Carol here, as the manifest says.
    let mut left = 1_000 - world.balance(Scope::ProviderExternal, "anthropic").used().0;
    while left > 0 && served(&ask(&world, "carol", HAIKU, 1).await) == 1 {
        world.settled().await;
        left = 1_000 - world.balance(Scope::ProviderExternal, "anthropic").used().0;
    }
    let refused = world.message("bob", &asking(SONNET, "Hello", false)).send().await.expect("an answer");
    assert_eq!(refused.status(), 429);
    let said: Value = refused.json().await.expect("json");
    assert_eq!(said["error"]["type"], json!("billing_error"), "{said}");
    assert_eq!(served(&ask(&world, "coder", HAIKU, 5).await), 5);
    assert!(world.balance(Scope::ProviderExternal, "anthropic").used().0 <= 1_000);
}
