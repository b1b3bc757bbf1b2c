//! Whatever fails, is spent or is down, and however it is asked for: no model is ever reached that its caller may not
//! use. Over generated workspaces, the providers' own log is held against a plain model of what the manifests mean.

use std::collections::{BTreeMap, BTreeSet};

use pai_bundle::pattern::Pattern;
use pai_simulator::Entry;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::World;

/// One provider of each kind in every workspace, so that a path in the log says whose it is: name, kind, the rest of
/// its manifest.
const PROVIDERS: [(&str, &str, &str); 6] = [
    ("a", "anthropic", "apiKeySecretRef: {name: k}"),
    ("o", "openai", "apiKeySecretRef: {name: k}, responsesApi: native"),
    ("g", "gemini", "apiKeySecretRef: {name: k}"),
    ("r", "openrouter", "apiKeySecretRef: {name: k}"),
    (
        "z",
        "azure-openai",
        "apiKeySecretRef: {name: k}, endpoint: 'https://z.example', apiVersion: '2024-10-21'",
    ),
    ("v", "vllm", "endpoint: 'http://v.example/v1'"),
];
const MODELS: [&str; 6] = ["fast", "fast-2", "large", "gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash"];
const PATTERNS: [&str; 7] = ["fast", "fast*", "*-2", "large", "claude-*", "*4*", "gemini-2.5-flash"];
/// What a request orders of whoever answers it.
const FAULTS: [&str; 10] = [
    "",
    "",
    "[[simulate: error=500]]",
    "[[simulate: error=529]]",
    "[[simulate: error=429 retry_after=7]]",
    "[[simulate: error=404]]",
    "[[simulate: error=401]]",
    "[[simulate: hangup]]",
    "[[simulate: html]]",
    "[[simulate: error_at_event=0]]",
];
const PATHS: [&str; 6] =
    ["messages", "messages/count_tokens", "chat/completions", "responses", "completions", "embeddings"];
const WORKSPACES: usize = 25;
const ASKS: usize = 10;

/// A provider's manifest, as far as it varies.
#[derive(Debug, Clone)]
struct Offer {
    allowed: Vec<&'static str>,
    denied: Vec<&'static str>,
    spent: bool,
    down: bool,
    external: bool,
    /// Only at providers that come later, since circles are errors.
    fallbacks: Vec<(usize, &'static str)>,
}

/// All providers, an agent and a key.
#[derive(Debug, Clone)]
struct Workspace {
    offers: Vec<Offer>,
    agent: Vec<(usize, &'static str)>,
    key_providers: Vec<usize>,
    key_allowed: Vec<&'static str>,
    asks: Vec<Ask>,
}

/// A request.
#[derive(Debug, Clone)]
struct Ask {
    by_key: bool,
    path: &'static str,
    stream: bool,
    model: String,
    /// Names what the caller lists, of all that it lists, in place of `model`.
    aim: Option<usize>,
    fault: &'static str,
}

fn some_of<T: Clone + std::fmt::Debug + 'static>(
    all: &[T],
    most: usize,
) -> impl Strategy<Value = Vec<T>> + use<T> {
    prop::sample::subsequence(all.to_vec(), 0..=most)
}

fn references() -> Vec<(usize, &'static str)> {
    (0..PROVIDERS.len()).flat_map(|provider| MODELS.map(|model| (provider, model))).collect()
}

fn offers() -> impl Strategy<Value = Offer> {
    let lists = (some_of(&PATTERNS, 3), some_of(&PATTERNS, 2));
    (lists, prop::bool::weighted(0.2), prop::bool::weighted(0.15), any::<bool>(), some_of(&references(), 4))
        .prop_map(|((allowed, denied), spent, down, external, fallbacks)| {
            let mut offer = Offer { allowed, denied, spent, down, external, fallbacks };
            // A provider that offers nothing is an error of its own.
            if !MODELS.iter().any(|model| offer.offers(model)) {
                offer.allowed.clear();
                offer.denied.clear();
            }
            offer
        })
}

/// Names as callers write them, and as those write them who look for a way around.
fn names() -> impl Strategy<Value = String> {
    let parts = (0..PROVIDERS.len(), prop::sample::select(MODELS.to_vec()));
    (parts, 0..14_u8).prop_map(|((provider, model), form)| {
        let name = PROVIDERS[provider].0;
        match form {
            0..4 => format!("{name}/{model}"),
            4..6 => model.to_owned(),
            6 => "default".to_owned(),
            7 => String::new(),
            8 => format!("{name}/{model}").to_uppercase(),
            9 => format!("{name}/{model} "),
            10 => format!("{name}/../{model}"),
            11 => format!("{name}//{model}"),
            12 => format!("{name}/{}", model.replace('a', "\u{430}")),
            _ => format!("{name}/{model}:x?y#z%2f"),
        }
    })
}

fn asks() -> impl Strategy<Value = Ask> {
    let path = prop::sample::select(PATHS.to_vec());
    let aim = prop::option::weighted(0.6, 0..1_000_usize);
    (any::<bool>(), path, any::<bool>(), names(), aim, prop::sample::select(FAULTS.to_vec()))
        .prop_map(|(by_key, path, stream, model, aim, fault)| Ask { by_key, path, stream, model, aim, fault })
}

fn workspaces() -> impl Strategy<Value = Workspace> {
    let offers = prop::collection::vec(offers(), PROVIDERS.len());
    let agent = prop::sample::subsequence(references(), 1..6).prop_shuffle();
    let providers: Vec<usize> = (0..PROVIDERS.len()).collect();
    let key = (some_of(&providers, 4), some_of(&PATTERNS, 3));
    let asks = prop::collection::vec(asks(), ASKS);
    (offers, agent, key, asks).prop_map(
        |(mut offers, mut agent, (mut key_providers, mut key_allowed), mut asks)| {
            let lists: Vec<Offer> = offers.clone();
            for (at, offer) in offers.iter_mut().enumerate() {
                offer.fallbacks.retain(|(to, model)| *to > at && lists[*to].offers(model));
            }
            // What a list names and nobody offers, and a key that opens nothing, are errors of their own.
            agent.retain(|(provider, model)| lists[*provider].offers(model));
            if agent.is_empty() {
                let first = MODELS.iter().find(|model| lists[0].offers(model));
                agent.extend(first.map(|model| (0, *model)));
            }
            if !key_providers.iter().any(|at| lists[*at].external) {
                offers[0].external = true;
                key_providers.push(0);
            }
            let opens = |at: &usize, allowed: &[&str]| {
                offers[*at].external
                    && MODELS.iter().any(|model| lists[*at].offers(model) && matches(allowed, model))
            };
            if !key_providers.iter().any(|at| opens(at, &key_allowed)) {
                key_allowed.clear();
            }
            key_providers.sort_unstable();
            key_providers.dedup();
            let of_key: Vec<_> =
                references().into_iter().filter(|(provider, _)| key_providers.contains(provider)).collect();
            for ask in &mut asks {
                let listed = if ask.by_key { &of_key } else { &agent };
                if let Some((provider, model)) = ask.aim.and_then(|at| listed.get(at % listed.len().max(1))) {
                    ask.model = format!("{}/{model}", PROVIDERS[*provider].0);
                }
            }
            Workspace { offers, agent, key_providers, key_allowed, asks }
        },
    )
}

fn matches(patterns: &[&str], model: &str) -> bool {
    patterns.iter().any(|pattern| Pattern::new(*pattern).matches(model))
}

impl Offer {
    fn offers(&self, model: &str) -> bool {
        (self.allowed.is_empty() || matches(&self.allowed, model)) && !matches(&self.denied, model)
    }
}

impl Workspace {
    /// What the manifests mean: whether a request of this caller may ever be at this provider with this model.
    fn permits(&self, by_key: bool, provider: usize, model: &str, spends: bool) -> bool {
        let offer = &self.offers[provider];
        let principal = if by_key {
            offer.external
                && self.key_providers.contains(&provider)
                && (self.key_allowed.is_empty() || matches(&self.key_allowed, model))
        } else {
            self.agent.contains(&(provider, model_of_the_pool(model)))
        };
        principal && offer.offers(model) && !(spends && offer.spent)
    }

    fn manifests(&self, number: usize) -> String {
        let head = |kind: &str, name: &str| {
            format!(
                "---\napiVersion: pai.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: w{number}}}\nspec: "
            )
        };
        let list = |values: &[String]| {
            let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
            format!("[{}]", quoted.join(", "))
        };
        let texts =
            |values: &[&str]| list(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        let named = |references: &[(usize, &str)]| {
            let names =
                references.iter().map(|(provider, model)| format!("{}/{model}", PROVIDERS[*provider].0));
            list(&names.collect::<Vec<_>>())
        };
        let mut text = String::new();
        for (offer, (name, kind, rest)) in self.offers.iter().zip(PROVIDERS) {
            text += &head("ModelProvider", name);
            text += &format!(
                "{{provider: {kind}, {rest}, allowedModels: {}, deniedModels: {}, fallbacks: {}, \
                 externalAccess: {{enabled: {}}}, retry: {{maxAttempts: 2, initialBackoffMs: 1, maxBackoffMs: 1}}{}}}\n",
                texts(&offer.allowed),
                texts(&offer.denied),
                named(&offer.fallbacks),
                offer.external,
                if offer.spent { ", maxTokensPerDay: 1" } else { "" },
            );
        }
        text += &head("Agent", &format!("agent-{number}"));
        text += &format!("{{models: {}}}\n", named(&self.agent));
        text += &head("AccessKey", &format!("key-{number}"));
        let providers: Vec<&str> = self.key_providers.iter().map(|at| PROVIDERS[*at].0).collect();
        text +=
            &format!("{{providers: {}, allowedModels: {}}}\n", texts(&providers), texts(&self.key_allowed));
        text
    }
}

/// Agents list models of the pool and no others.
fn model_of_the_pool(model: &str) -> &'static str {
    MODELS.iter().find(|known| **known == model).copied().unwrap_or("none of the pool")
}

impl Ask {
    fn spends(&self) -> bool {
        self.path != "messages/count_tokens"
    }

    fn body(&self) -> Value {
        let prompt = format!("Hello there {}", self.fault);
        let mut body = match self.path {
            "embeddings" | "responses" => json!({ "input": prompt }),
            "completions" => json!({ "prompt": prompt }),
            _ => json!({ "messages": [{ "role": "user", "content": prompt }] }),
        };
        if self.path == "messages" {
            body["max_tokens"] = json!(50);
        }
        if self.stream && !matches!(self.path, "embeddings" | "messages/count_tokens") {
            body["stream"] = json!(true);
        }
        if !self.model.is_empty() {
            body["model"] = json!(self.model);
        }
        body
    }
}

/// Which provider a request reached, with which model, and whether it spends there.
fn reached(entry: &Entry) -> (usize, String, bool) {
    let path = entry.target.split('?').next().unwrap_or_default();
    let kind = match path {
        _ if path.starts_with("/v1/messages") => "anthropic",
        _ if path.starts_with("/v1beta/") => "gemini",
        _ if path.starts_with("/api/v1/") => "openrouter",
        _ if path.starts_with("/openai/") => "azure-openai",
        _ if path.starts_with("/vllm/") => "vllm",
        _ => "openai",
    };
    let provider = PROVIDERS.iter().position(|(_, known, _)| *known == kind).expect("a kind");
    let counts = path.ends_with("/count_tokens") || path.ends_with(":countTokens");
    let in_path = match kind {
        "gemini" => {
            path.strip_prefix("/v1beta/models/").and_then(|rest| rest.rsplit_once(':')).map(|(id, _)| id)
        }
        "azure-openai" => path.strip_prefix("/openai/deployments/").and_then(|rest| rest.split('/').next()),
        _ => None,
    };
    let model = in_path.map_or_else(
        || {
            let body: Value = serde_json::from_slice(&entry.body).expect("json");
            body["model"].as_str().unwrap_or_default().to_owned()
        },
        |text| percent_decode_str(text).decode_utf8_lossy().into_owned(),
    );
    (provider, model, !counts)
}

/// What a case has seen, so that it is known to have looked.
#[derive(Debug, Default)]
struct Seen {
    reached: usize,
    by_another_provider: usize,
    answered: usize,
    refused: usize,
    refusals: BTreeMap<String, usize>,
}

async fn ask_all(workspaces: &[Workspace]) -> Seen {
    let text: String =
        workspaces.iter().enumerate().map(|(number, workspace)| workspace.manifests(number)).collect();
    let down: BTreeSet<String> = workspaces
        .iter()
        .enumerate()
        .flat_map(|(number, workspace)| {
            let offers = workspace.offers.iter().zip(PROVIDERS).filter(|(offer, _)| offer.down);
            offers.map(move |(_, (name, ..))| format!("w{number}/{name}"))
        })
        .collect();
    let nobody_listens = "http://127.0.0.1:9/v1";
    let alter = |bundle: &mut pai_bundle::Bundle| {
        for provider in &mut bundle.providers {
            if down.contains(&provider.name.to_string()) {
                nobody_listens.clone_into(&mut provider.endpoint);
            }
        }
    };
    let world = World::altered(&text, alter, |_| {}).await;
    let mut seen = Seen::default();
    for (number, workspace) in workspaces.iter().enumerate() {
        for ask in &workspace.asks {
            let (name, base) = if ask.by_key { ("key", "/ext/v1/") } else { ("agent", "/v1/") };
            let path = format!("{base}{}", ask.path);
            let request = world.request(reqwest::Method::POST, &path, &format!("{name}-{number}"));
            let answer = request.json(&ask.body()).send().await.expect("an answer");
            let status = answer.status().as_u16();
            // It may be cut.
            let text = answer.bytes().await.unwrap_or_default();
            if status != 200 {
                let said: Value = serde_json::from_slice(&text).unwrap_or_default();
                let code =
                    said.pointer("/error/details/error_code").and_then(Value::as_str).unwrap_or("theirs");
                *seen.refusals.entry(format!("{status} {code}")).or_default() += 1;
            }
            let providers = check(workspace, ask, &world.simulator.log().entries());
            // Nothing vacuous: what is asked for by its full name, allowed, and in order is answered by it alone.
            let wanted = ask.model.split_once('/').and_then(|(name, model)| {
                Some((PROVIDERS.iter().position(|(known, ..)| *known == name)?, model))
            });
            let is_in_order = wanted.is_some_and(|(provider, model)| {
                workspace.permits(ask.by_key, provider, model, ask.spends())
                    && !workspace.offers[provider].down
            });
            let is_known_everywhere = matches!(ask.path, "messages" | "chat/completions" | "responses");
            if is_in_order
                && is_known_everywhere
                && ask.fault.is_empty()
                && MODELS.contains(&wanted.expect("it").1)
            {
                assert_eq!(status, 200, "{ask:?} in {workspace:?}");
                assert_eq!(providers, [wanted.expect("it").0], "{ask:?} in {workspace:?}");
            }
            seen.reached += providers.len();
            seen.by_another_provider +=
                usize::from(providers.iter().any(|at| Some(*at) != wanted.map(|it| it.0)));
            *(if status == 200 { &mut seen.answered } else { &mut seen.refused }) += 1;
            world.simulator.log().clear();
        }
    }
    world.settled().await;
    assert_eq!(world.gateway.ledger().breaches(), 0);
    seen
}

/// Holds what a request reached against the plain model; the providers that it spent at, in order.
fn check(workspace: &Workspace, ask: &Ask, log: &[Entry]) -> Vec<usize> {
    let mut providers = Vec::new();
    for entry in log {
        let (provider, model, spends) = reached(entry);
        assert!(
            workspace.permits(ask.by_key, provider, &model, spends),
            "{ask:?} has reached {}/{model} by {}, in {workspace:#?}",
            PROVIDERS[provider].0,
            entry.target,
        );
        if spends {
            providers.push(provider);
        }
    }
    providers
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_reached_that_its_caller_may_not_use(
        workspaces in prop::collection::vec(workspaces(), WORKSPACES),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let seen = runtime.block_on(ask_all(&workspaces));
        let asked = WORKSPACES * ASKS;
        prop_assert!(seen.reached > asked / 8 && seen.answered > asked / 16, "{:?}", seen);
        prop_assert!(seen.by_another_provider > asked / 40 && seen.refused > asked / 8, "{:?}", seen);
    }
}
