//! The same questions, asked of a running gateway over its socket and of its bundle offline: both give the same
//! outcome, by the same policy, from the same line, and name the same model. And `pai test` is content with cases that
//! say of each question what the gateway answered.

use std::net::IpAddr;

use pai_bundle::limit::Scope;
use pai_bundle::name::QualifiedName;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::Sources;
use pai_compiler::inspect::{self, Balances, Outcome, Question, Who};
use pai_runtime::Settings;
use pai_simulator::Scenario;
use serde_json::{Value, json};

use crate::support::{NOON, World};

const WORKSPACES: u64 = 10;
const QUESTIONS: u64 = 50;
/// Refusing rules, less those about names that no bundle has: every one of them must decide some question.
const RULES: usize = 13;
const MODELS: [&str; 7] = [
    "claude-haiku-4-5",
    "claude-sonnet-4-6",
    "claude-opus-4-6",
    "a/claude-haiku-4-5",
    "b/claude-sonnet-4-6",
    "default",
    "gpt-4o",
];
const ADDRESSES: [&str; 3] = ["10.1.2.3", "192.0.2.7", "2001:db8::1"];

/// A few well-mixed bits from a number: the same on every run.
fn pick(seed: &mut u64, among: u64) -> u64 {
    // splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % among
}

fn one_of<T: Copy>(seed: &mut u64, all: &[T]) -> T {
    let place = pick(seed, all.len() as u64);
    all[usize::try_from(place).expect("small")]
}

/// A field that is there in half of all workspaces.
fn maybe(seed: &mut u64, field: &str, values: &[&str]) -> String {
    if pick(seed, 2) == 0 { String::new() } else { format!("{field}: {}\n", one_of(seed, values)) }
}

fn manifests(seed: &mut u64) -> String {
    let caps = ["600", "1500", "4000"];
    let head =
        |kind, name| format!("---\napiVersion: pai.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n");
    let mut text = String::new();
    for name in ["a", "b"] {
        text += &(head("ModelProvider", name) + "  provider: anthropic\n  apiKeySecretRef: {name: k}\n");
        text += &maybe(seed, "  allowedModels", &["['claude-*']", "[claude-haiku-4-5, claude-sonnet-4-6]"]);
        text += &maybe(seed, "  deniedModels", &["['claude-opus-*']", "['*-4-6']"]);
        text += &maybe(seed, "  maxTokensPerDay", &caps);
        text += &maybe(seed, "  maxTokensPerRequest", &["450", "520"]);
        if pick(seed, 4) > 0 {
            text += "  externalAccess:\n    enabled: true\n";
            text += &maybe(seed, "    maxTokensPerDay", &["600", "900"]);
        }
    }
    for name in ["coder", "helper"] {
        let lists =
            ["[a/claude-haiku-4-5, b/claude-haiku-4-5]", "[b/claude-haiku-4-5]", "[a/claude-haiku-4-5]"];
        text += &(head("Agent", name) + "  models: " + one_of(seed, &lists) + "\n");
        let limits = maybe(seed, "    maxPerDay", &caps) + &maybe(seed, "    maxPerRequest", &["450", "520"]);
        if !limits.is_empty() {
            text += &format!("  tokens:\n{limits}");
        }
    }
    for name in ["laptop", "job"] {
        text +=
            &(head("AccessKey", name) + "  providers: " + one_of(seed, &["[a]", "[b, a]", "[a, b]"]) + "\n");
        text += &maybe(seed, "  allowedModels", &["['*haiku*']", "['b/*', claude-haiku-4-5]"]);
        text += &maybe(seed, "  allowedCidrs", &["[10.0.0.0/8]", "['2001:db8::/32', 192.0.2.0/24]"]);
        text += &maybe(seed, "  expires", &["2026-11-23T12:30:00Z", "2026-12-01T00:00:00Z"]);
        text += &maybe(seed, "  maxTokensPerDay", &caps);
    }
    text
}

/// The next workspace that has no errors: what is refused at build time is not asked about.
fn workspace(seed: &mut u64) -> (String, inspect::World) {
    loop {
        let text = manifests(seed);
        let compiled = pai_compiler::compile(&Sources::new([("pai.yaml", text.as_str())]));
        if let Some(bundle) = compiled.bundle {
            return (text, inspect::World::new(bundle).expect("a world"));
        }
    }
}

struct Asked {
    name: &'static str,
    body: Value,
    address: &'static str,
    question: Question,
}

fn question(seed: &mut u64, world: &World, now: UnixSeconds) -> Asked {
    let name = one_of(seed, &["coder", "helper", "laptop", "job"]);
    let qualified: QualifiedName = format!("default/{name}").parse().expect("a name");
    let is_agent = matches!(name, "coder" | "helper");
    let who = if is_agent { Who::Agent(qualified) } else { Who::AccessKey(qualified) };
    let model = one_of(seed, &MODELS);
    let max_tokens = one_of(seed, &[60_u64, 130, 220]);
    let body = json!({ "model": model, "max_tokens": max_tokens,
                       "messages": [{ "role": "user", "content": "Hello there" }] });
    let address = one_of(seed, &ADDRESSES);
    let mut used = Balances::default();
    for provider in ["a", "b"] {
        for scope in [Scope::Provider, Scope::ProviderExternal] {
            let tokens = world.balance(scope, provider).used();
            used.0.insert((scope, format!("default/{provider}").parse().expect("a name")), tokens);
        }
    }
    used.0.insert((who.scope(), who.name().clone()), world.balance(who.scope(), name).used());
    let question = Question {
        // What the gateway holds for such a body: its bytes, a frame, and max_tokens (runtime/src/bound.rs).
        tokens: Tokens(body.to_string().len() as u64 + 200 + max_tokens),
        address: address.parse::<IpAddr>().expect("an address"),
        used,
        ..Question::new(who, model, now)
    };
    Asked { name, body, address, question }
}

/// The question as a case of `pai test`.
fn case(asked: &Asked, expected: &str) -> String {
    let question = &asked.question;
    let who = if matches!(question.who, Who::Agent(_)) { "agent" } else { "key" };
    let at = jiff::Timestamp::from_second(question.at.0).expect("a time");
    let used = question.used.0.iter().map(|((scope, name), tokens)| {
        let scope = match scope {
            Scope::Provider => "provider",
            Scope::ProviderExternal => "external",
            Scope::Agent => "agent",
            Scope::AccessKey => "key",
        };
        format!("{scope}/{}: {tokens}", name.name)
    });
    let used: Vec<String> = used.collect();
    format!(
        "  - {{{who}: {}, model: {}, tokens: {}, address: '{}', at: '{at}', used: {{{}}}, {expected}}}\n",
        asked.name,
        question.model,
        question.tokens,
        asked.address,
        used.join(", ")
    )
}

/// Runs the cases as people do.
fn passes(manifests: &str, cases: &str) {
    let folder = tempfile::TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("pai.yaml"), manifests).expect("written");
    std::fs::write(folder.path().join("gateway.test.yaml"), cases).expect("written");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pai"));
    let output = command.args(["test", "."]).current_dir(folder.path()).output().expect("started");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    let all_passed = said.contains(&format!("\n{QUESTIONS} passed, 0 failed\n"));
    assert!(output.status.success() && all_passed, "{manifests}\n{cases}\n{said}");
}

#[tokio::test]
async fn a_gateway_and_its_bundle_give_the_same_answers() {
    let mut seed = 1;
    let [mut allowed, mut led_on] = [0, 0];
    let mut policies = std::collections::BTreeSet::new();
    for _ in 0..WORKSPACES {
        let (text, offline) = workspace(&mut seed);
        let behind_proxy = |settings: &mut Settings| {
            settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
            // What a provider counts, no bundle can know.
            settings.ask_for_counts = false;
        };
        let world = World::with(&text, behind_proxy).await;
        // Answers as long as they may be, so that budgets fill up.
        world.simulator.scenario(Scenario { output_tokens: 1_000, ..Scenario::default() });
        let mut cases = "cases:\n".to_owned();
        for number in 0..QUESTIONS {
            // Halfway through, keys that end at 12:30 have ended.
            let now = if number < QUESTIONS / 2 { NOON } else { UnixSeconds(NOON.0 + 3_600) };
            world.clock.set(now);
            world.settled().await;
            let asked = question(&mut seed, &world, now);
            let answer = offline.ask(&asked.question);
            let response = world
                .message(asked.name, &asked.body)
                .header("x-forwarded-for", asked.address)
                .send()
                .await
                .expect("an answer");
            let told = |name: &str| {
                response.headers().get(name).map(|value| value.to_str().expect("text").to_owned())
            };
            let by = told("x-pai-provider").zip(told("x-pai-model"));
            let status = response.status().as_u16();
            let shown = response.json::<Value>().await.expect("json");
            let context = format!("{text}\n{:#?}\n{answer:#?}\n{status} {shown:#}", asked.question);
            let details = &shown["error"]["details"];
            let expected = match (&by, details["policy"].as_str()) {
                (Some((provider, model)), _) => format!("expect: allowed, servedBy: '{provider}/{model}'"),
                (None, Some(policy)) => format!("expect: refused, by: '{policy}'"),
                (None, None) => "expect: refused, by: unknown_model".to_owned(),
            };
            cases += &case(&asked, &expected);
            match &answer.outcome {
                Outcome::Allowed(place) => {
                    let served = answer.served_by().expect("a candidate");
                    let expected = (served.provider.name.to_string(), served.model.to_string());
                    assert_eq!((status, by), (200, Some(expected)), "{context}");
                    allowed += 1;
                    led_on += usize::from(*place > 0);
                }
                Outcome::Refused(_) => {
                    let first = &answer.denial().expect("a denial").first;
                    assert!([401, 403, 429].contains(&status), "{context}");
                    assert_eq!(details["policy"], first.policy.as_str(), "{context}");
                    assert_eq!(details["source"], first.origin.to_string(), "{context}");
                    assert_eq!(details["error_code"], first.code.as_str(), "{context}");
                    policies.insert(first.policy.as_str().rsplit('/').next().map(str::to_owned));
                }
                Outcome::NoProvider(_) => assert_eq!(status, 403, "{context}"),
                Outcome::UnknownPrincipal => panic!("{context}"),
            }
        }
        passes(&text, &cases);
    }
    // The questions are worth asking only if they reach most rules.
    assert!(allowed > 60 && led_on > 0 && policies.len() == RULES, "{allowed} {led_on} {policies:?}");
}
