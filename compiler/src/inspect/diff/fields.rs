//! Every field of the manifests that has a meaning, as text: what is compared to say which field a difference is about,
//! and what changed without any request being decided otherwise.

use std::collections::BTreeMap;

use pai_bundle::Bundle;
use pai_bundle::guard::{Enforcement, GuardBinding, GuardUse, OnError};
use pai_bundle::guard_spec;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::QualifiedName;
use pai_bundle::origin::{Origin, Places};
use pai_bundle::pattern::Pattern;
use pai_bundle::price::Price;
use pai_bundle::principal::{Credential, RateLimits};
use pai_bundle::provider::Provider;
use pai_bundle::provider::{ModelInfo, ResponsesApi, UnboundedRequests};
use pai_bundle::unit::Tokens;

use super::moment;
use super::wording;

/// A resource that fields belong to, in the order in which findings name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    Provider(QualifiedName),
    Agent(QualifiedName),
    AccessKey(QualifiedName),
    Guard(QualifiedName),
}

impl Subject {
    pub(super) fn describe(&self) -> String {
        let (sort, name) = match self {
            Self::Provider(name) => ("provider", name),
            Self::Agent(name) => ("agent", name),
            Self::AccessKey(name) => ("access key", name),
            Self::Guard(name) => ("guard", name),
        };
        format!("{sort} {}", wording::named(name))
    }
}

/// What a larger value of a field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Nature {
    /// Policies read it, so requests tell what it means.
    Decided,
    /// A limit beside the policies: more of it lets more through.
    Rate(Option<u64>),
    /// What is scanned and whether a hit refuses: less of it lets more through.
    Guards(Vec<GuardUse>),
    /// From which scores on a guard objects: a higher one lets more through.
    Hits(Box<GuardBinding>),
    /// What a failing classifier means.
    Failures(Option<OnError>),
    /// Where, how and with which credentials; nobody gains or loses anything.
    Beside,
}

/// A field's value, written so that equal meanings are equal texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) text: String,
    pub(super) nature: Nature,
    pub(super) origin: Origin,
}

/// Fields by whose they are and their JSON pointer.
pub(super) type Fields = BTreeMap<(Subject, &'static str), Field>;

/// Every field of a bundle.
pub(super) fn fields(bundle: &Bundle) -> Fields {
    let mut all = Fields::new();
    for provider in &bundle.providers {
        of_provider(provider, &mut all);
    }
    for agent in &bundle.agents {
        let models: Vec<String> = agent.models.iter().map(ToString::to_string).collect();
        let mut of = Of { subject: Subject::Agent(agent.name.clone()), places: &agent.places, all: &mut all };
        of.put("/spec/models", models.join(", "), Nature::Decided);
        of.put("/spec/tokens/maxPerDay", cap(agent.max_tokens_per_day), Nature::Decided);
        of.put("/spec/tokens/maxPerRequest", cap(agent.max_tokens_per_request), Nature::Decided);
        of.rates(
            agent.rate_limits,
            [
                "/spec/rateLimits/maxRequestsPerMinute",
                "/spec/rateLimits/maxConcurrentRequests",
                "/spec/rateLimits/maxCostPerDayUSD",
            ],
        );
        of.put("/spec/guards", guards(&agent.guards), Nature::Guards(agent.guards.clone()));
        of.put("/spec/credentials", credentials(&agent.credentials), Nature::Beside);
    }
    for key in &bundle.access_keys {
        let providers: Vec<&str> = key.providers.iter().map(pai_bundle::name::Name::as_str).collect();
        let mut networks: Vec<String> = key.allowed_cidrs.iter().map(ToString::to_string).collect();
        networks.sort();
        networks.dedup();
        let mut of = Of { subject: Subject::AccessKey(key.name.clone()), places: &key.places, all: &mut all };
        of.put("/spec/providers", providers.join(", "), Nature::Decided);
        of.put("/spec/allowedModels", patterns(&key.allowed_models, "every model"), Nature::Decided);
        of.put("/spec/allowedCidrs", or(networks.join(", "), "everywhere"), Nature::Decided);
        of.put(
            "/spec/expires",
            key.expires.map_or_else(|| "never".to_owned(), moment::written),
            Nature::Decided,
        );
        of.put("/spec/maxTokensPerDay", cap(key.max_tokens_per_day), Nature::Decided);
        of.rates(
            key.rate_limits,
            ["/spec/maxRequestsPerMinute", "/spec/maxConcurrentRequests", "/spec/maxCostPerDayUSD"],
        );
        of.put("/spec/credentials", credentials(&key.credentials), Nature::Beside);
    }
    for guard in &bundle.guards {
        let mut of = Of { subject: Subject::Guard(guard.name.clone()), places: &guard.places, all: &mut all };
        let classifier = guard_spec::of(guard)["classifier"].to_string();
        of.put("/spec/classifier", classifier, Nature::Beside);
        let nature = || Nature::Hits(Box::new(guard.clone()));
        of.put("/spec/thresholds", thresholds(guard), nature());
        let on_error = match guard.on_error {
            Some(OnError::Deny) => "deny",
            Some(OnError::Allow) => "allow",
            None => "deny where it enforces",
        };
        of.put("/spec/onError", on_error.to_owned(), Nature::Failures(guard.on_error));
    }
    all
}

fn of_provider(provider: &Provider, all: &mut Fields) {
    let mut of = Of { subject: Subject::Provider(provider.name.clone()), places: &provider.places, all };
    let external = provider.external_access;
    let secret = provider.api_key.as_ref().map(|secret| format!("{}/{}", secret.name, secret.key));
    let fallbacks: Vec<String> = provider.fallbacks.iter().map(ToString::to_string).collect();
    let retry = provider.retry;
    of.put("/spec/provider", provider.kind.to_string(), Nature::Beside);
    of.put("/spec/endpoint", provider.endpoint.clone(), Nature::Beside);
    of.put("/spec/apiVersion", or(provider.api_version.clone().unwrap_or_default(), "none"), Nature::Beside);
    of.put("/spec/apiKeySecretRef", or(secret.unwrap_or_default(), "none"), Nature::Beside);
    of.put("/spec/allowedModels", patterns(&provider.allowed_models, "every model"), Nature::Decided);
    of.put("/spec/deniedModels", patterns(&provider.denied_models, "none"), Nature::Decided);
    of.put("/spec/maxTokensPerDay", cap(provider.max_tokens_per_day), Nature::Decided);
    of.put("/spec/maxTokensPerRequest", cap(provider.max_tokens_per_request), Nature::Decided);
    of.put("/spec/externalAccess/enabled", external.enabled.to_string(), Nature::Decided);
    of.put("/spec/externalAccess/maxTokensPerDay", cap(external.max_tokens_per_day), Nature::Decided);
    let retry = format!(
        "{} attempts, {} to {} ms",
        retry.max_attempts, retry.initial_backoff_ms, retry.max_backoff_ms
    );
    of.put("/spec/retry", retry, Nature::Beside);
    of.put("/spec/fallbacks", or(fallbacks.join(", "), "none"), Nature::Beside);
    of.put("/spec/guards", guards(&provider.guards), Nature::Guards(provider.guards.clone()));
    let infos: Vec<String> = provider.model_info.iter().map(model_info).collect();
    of.put("/spec/modelInfo", or(infos.join("; "), "none"), Nature::Beside);
    let (text, cap) = match provider.unbounded_requests {
        UnboundedRequests::Refuse => ("refuse", Some(0)),
        UnboundedRequests::Allow => ("allow", None),
    };
    of.put("/spec/unboundedRequests", text.to_owned(), Nature::Rate(cap));
    let responses = match provider.responses {
        ResponsesApi::Native => "native",
        ResponsesApi::Translated => "translated",
    };
    of.put("/spec/responsesApi", responses.to_owned(), Nature::Beside);
    let networks: Vec<String> = provider.endpoint_networks.iter().map(ToString::to_string).collect();
    of.put("/spec/endpointNetworks", or(networks.join(", "), "public"), Nature::Beside);
}

fn model_info(info: &ModelInfo) -> String {
    let mut text = info.model.to_string();
    for (what, tokens) in [("context", info.context_tokens), ("output", info.max_output_tokens)] {
        if let Some(tokens) = tokens {
            text.push_str(&format!(", {what} {tokens}"));
        }
    }
    if let Some(price) = info.price {
        let Price { input, cache_write_5m, cache_write_1h, cache_read, output } = price;
        let classes = [input, cache_write_5m, cache_write_1h, cache_read, output];
        // Pico-dollars per token are micro-dollars per million.
        let dollars = classes.map(|price| NanoUsd::from_micros(price.0).to_string());
        text.push_str(&format!(", {} USD per million tokens", dollars.join("/")));
    }
    text
}

struct Of<'a> {
    subject: Subject,
    places: &'a Places,
    all: &'a mut Fields,
}

impl Of<'_> {
    fn put(&mut self, pointer: &'static str, text: String, nature: Nature) {
        let field = Field { text, nature, origin: self.places.of(pointer) };
        self.all.insert((self.subject.clone(), pointer), field);
    }

    fn rates(&mut self, rates: RateLimits, [per_minute, concurrent, cost]: [&'static str; 3]) {
        for (pointer, value) in [
            (per_minute, rates.max_requests_per_minute.map(u64::from)),
            (concurrent, rates.max_concurrent_requests.map(u64::from)),
        ] {
            self.put(pointer, wording::cap(value), Nature::Rate(value));
        }
        let cap = rates.max_cost_per_day();
        let text = cap.map_or_else(|| wording::cap(None), |cap| format!("{cap} USD"));
        self.put(cost, text, Nature::Rate(cap.map(|cap| cap.0)));
    }
}

fn cap(tokens: Option<Tokens>) -> String {
    wording::cap(tokens.map(|tokens| tokens.0))
}

fn or(text: String, empty: &str) -> String {
    if text.is_empty() { empty.to_owned() } else { text }
}

/// In order, since their order means nothing.
fn patterns(patterns: &[Pattern], empty: &str) -> String {
    let mut texts: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
    texts.sort_unstable();
    texts.dedup();
    or(texts.join(", "), empty)
}

fn thresholds(guard: &GuardBinding) -> String {
    let texts = guard.thresholds.iter().map(|(label, threshold)| format!("{label} from {threshold}"));
    or(texts.collect::<Vec<_>>().join(", "), "none")
}

fn guards(uses: &[GuardUse]) -> String {
    let mut texts: Vec<String> = uses
        .iter()
        .map(|guard| {
            let mut read: Vec<String> = Vec::new();
            read.extend(guard.scan.prompts.then(|| "prompts".to_owned()));
            read.extend(guard.scan.system.then(|| "system".to_owned()));
            read.extend(guard.scan.responses.then(|| "responses".to_owned()));
            let mut tools = guard.scan.tool_results.clone();
            tools.sort();
            read.extend(tools.into_iter().map(|tool| format!("results of {tool}")));
            let does = match guard.enforcement {
                Enforcement::Enforce => "refuses",
                Enforcement::Audit => "records",
            };
            format!("{} {does} by {}", guard.binding, or(read.join(" and "), "nothing"))
        })
        .collect();
    texts.sort();
    or(texts.join("; "), "none")
}

/// Public ids, with a part of the digest: that a secret was replaced is said, which one it is is not.
fn credentials(credentials: &[Credential]) -> String {
    let mut texts: Vec<String> = credentials
        .iter()
        .map(|credential| {
            let short: String =
                credential.digest.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
            let end =
                credential.expires.map(|at| format!(" until {}", moment::written(at))).unwrap_or_default();
            format!("{} (…{short}){end}", credential.id)
        })
        .collect();
    texts.sort();
    or(texts.join(", "), "none")
}
