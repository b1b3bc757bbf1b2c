//! The resources of a bundle, written again as manifests: what a gateway serves, for commands that show it. A bundle has no
//! comments, no defaults that were written out, and nothing that the gateway does not act on.

use pai_bundle::Bundle;
use pai_bundle::guard::{Enforcement, GuardUse};
use pai_bundle::guard_spec;
use pai_bundle::name::QualifiedName;
use pai_bundle::origin::Places;
use pai_bundle::principal::{AccessKey, Agent, Credential};
use pai_bundle::provider::{ModelInfo, Provider, ProviderKind, ResponsesApi, Retry, UnboundedRequests};
use pai_bundle::unit::UnixSeconds;
use serde_json::{Map, Value, json};

use crate::manifest::Kind;
use crate::resources::Resource;

/// Every resource of a bundle, by kind and name.
pub fn resources(bundle: &Bundle) -> Vec<Resource> {
    let providers = bundle
        .providers
        .iter()
        .map(|one| resource(Kind::ModelProvider, &one.name, &one.places, &provider(one)));
    let agents = bundle.agents.iter().map(|one| resource(Kind::Agent, &one.name, &one.places, &agent(one)));
    let keys =
        bundle.access_keys.iter().map(|one| resource(Kind::AccessKey, &one.name, &one.places, &key(one)));
    let guards = bundle
        .guards
        .iter()
        .map(|one| resource(Kind::GuardBinding, &one.name, &one.places, &guard_spec::of(one)));
    let mut all: Vec<Resource> = providers.chain(agents).chain(keys).chain(guards).collect();
    all.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    all
}

fn resource(kind: Kind, name: &QualifiedName, places: &Places, spec: &Value) -> Resource {
    let manifest = json!({
        "apiVersion": "pai.io/v1",
        "kind": kind.as_str(),
        "metadata": { "name": name.name, "namespace": name.namespace },
        "spec": spec,
    });
    Resource { kind, name: name.clone(), origin: places.of(""), manifest }
}

/// Fields that are set; an empty list is one that is not.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(mut self, field: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => {}
            Value::Array(list) if list.is_empty() => {}
            Value::Object(members) if members.is_empty() => {}
            value => {
                self.0.insert(field.to_owned(), value);
            }
        }
        self
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn provider(from: &Provider) -> Value {
    let endpoint =
        Some(from.endpoint.as_str()).filter(|endpoint| from.kind.default_endpoint() != Some(*endpoint));
    // What is usual depends on whether it is OpenAI itself.
    let usual = match (from.kind, endpoint) {
        (ProviderKind::OpenAi, None) => ResponsesApi::Native,
        _ => ResponsesApi::Translated,
    };
    let external = &from.external_access;
    let external = Fields::default()
        .put("enabled", external.enabled)
        .put("maxTokensPerDay", json!(external.max_tokens_per_day))
        .done();
    let is_external = from.external_access.enabled || from.external_access.max_tokens_per_day.is_some();
    Fields::default()
        .put("provider", from.kind.as_str())
        .put("apiKeySecretRef", json!(from.api_key))
        .put("endpoint", json!(endpoint))
        .put("apiVersion", json!(from.api_version))
        .put("allowedModels", json!(from.allowed_models))
        .put("deniedModels", json!(from.denied_models))
        .put("maxTokensPerDay", json!(from.max_tokens_per_day))
        .put("maxTokensPerRequest", json!(from.max_tokens_per_request))
        .put("retry", retry(&from.retry))
        .put("fallbacks", json!(from.fallbacks))
        .put("guards", guards(&from.guards))
        .put("externalAccess", if is_external { external } else { Value::Null })
        .put("modelInfo", from.model_info.iter().map(model_info).collect::<Vec<_>>())
        .put("unboundedRequests", (from.unbounded_requests == UnboundedRequests::Allow).then_some("allow"))
        .put("responsesApi", (from.responses != usual).then(|| json!(from.responses)))
        .put("endpointNetworks", json!(from.endpoint_networks))
        .done()
}

fn retry(from: &Retry) -> Value {
    if *from == Retry::default() {
        return Value::Null;
    }
    json!({
        "maxAttempts": from.max_attempts,
        "initialBackoffMs": from.initial_backoff_ms,
        "maxBackoffMs": from.max_backoff_ms,
    })
}

fn model_info(from: &ModelInfo) -> Value {
    let prices = from.price.map(|price| {
        json!({
            "input": usd(Some(price.input.0)),
            "output": usd(Some(price.output.0)),
            "cacheRead": usd(Some(price.cache_read.0)),
            "cacheWrite5m": usd(Some(price.cache_write_5m.0)),
            "cacheWrite1h": usd(Some(price.cache_write_1h.0)),
        })
    });
    Fields::default()
        .put("model", json!(from.model))
        .put("contextTokens", json!(from.context_tokens))
        .put("maxOutputTokens", json!(from.max_output_tokens))
        .put("usdPerMillionTokens", json!(prices))
        .done()
}

fn agent(from: &Agent) -> Value {
    let tokens = Fields::default()
        .put("maxPerDay", json!(from.max_tokens_per_day))
        .put("maxPerRequest", json!(from.max_tokens_per_request))
        .done();
    let rates = Fields::default()
        .put("maxRequestsPerMinute", json!(from.rate_limits.max_requests_per_minute))
        .put("maxConcurrentRequests", json!(from.rate_limits.max_concurrent_requests))
        .put("maxCostPerDayUSD", usd(from.rate_limits.max_cost_per_day_micro_usd))
        .done();
    Fields::default()
        .put("models", json!(from.models))
        .put("tokens", tokens)
        .put("rateLimits", rates)
        .put("guards", guards(&from.guards))
        .put("credentials", credentials(&from.credentials))
        .done()
}

fn key(from: &AccessKey) -> Value {
    Fields::default()
        .put("providers", json!(from.providers))
        .put("allowedModels", json!(from.allowed_models))
        .put("allowedCidrs", json!(from.allowed_cidrs))
        .put("expires", moment(from.expires))
        .put("maxTokensPerDay", json!(from.max_tokens_per_day))
        .put("maxCostPerDayUSD", usd(from.rate_limits.max_cost_per_day_micro_usd))
        .put("maxRequestsPerMinute", json!(from.rate_limits.max_requests_per_minute))
        .put("maxConcurrentRequests", json!(from.rate_limits.max_concurrent_requests))
        .put("credentials", credentials(&from.credentials))
        .done()
}

fn guards(from: &[GuardUse]) -> Value {
    let guard = |from: &GuardUse| {
        let scan = Fields::default()
            .put("prompts", from.scan.prompts.then_some(true))
            .put("responses", from.scan.responses.then_some(true))
            .put("system", from.scan.system.then_some(true))
            .put("toolResults", json!(from.scan.tool_results))
            .done();
        let enforcement = match from.enforcement {
            Enforcement::Enforce => "enforce",
            Enforcement::Audit => "audit",
        };
        json!({ "binding": from.binding, "scan": scan, "enforcement": enforcement })
    };
    from.iter().map(guard).collect()
}

fn credentials(from: &[Credential]) -> Value {
    let credential = |from: &Credential| {
        let fields = Fields::default().put("id", from.id.as_str()).put("digest", from.digest.as_str());
        fields.put("expires", moment(from.expires)).done()
    };
    from.iter().map(credential).collect()
}

fn moment(from: Option<UnixSeconds>) -> Value {
    let instant = from.and_then(|at| jiff::Timestamp::from_second(at.0).ok());
    instant.map_or(Value::Null, |instant| Value::String(instant.to_string()))
}

/// Millionths of a dollar as manifests write dollars.
fn usd(micros: Option<u64>) -> Value {
    let number = micros
        .and_then(|micros| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000).parse::<f64>().ok());
    json!(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Sources, compile};

    const EVERYTHING: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec: {provider: anthropic, apiKeySecretRef: {name: k}, externalAccess: {enabled: true, maxTokensPerDay: 7}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: openai, namespace: blue}
spec: {provider: openai, apiKeySecretRef: {name: k, key: other}}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: gpu}
spec:
  provider: vllm
  endpoint: http://gpu.internal:8000/v1
  allowedModels: [llama-*, qwen]
  deniedModels: [llama-secret]
  maxTokensPerDay: 5_000_000
  maxTokensPerRequest: 20000
  retry: {maxAttempts: 1}
  fallbacks: [anthropic/claude-haiku-4-5]
  guards: [{binding: injection, enforcement: audit, scan: {prompts: true, toolResults: [search]}}]
  modelInfo:
    - {model: llama-*, contextTokens: 131072, maxOutputTokens: 8192, usdPerMillionTokens: {input: 0.1, output: 0.4}}
  unboundedRequests: allow
  responsesApi: native
  endpointNetworks: [10.0.0.0/8]
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models: [gpu/llama-3, anthropic/claude-haiku-4-5]
  tokens: {maxPerDay: 1000, maxPerRequest: 900}
  rateLimits: {maxRequestsPerMinute: 60, maxConcurrentRequests: 4, maxCostPerDayUSD: 12.34}
  guards: [{binding: injection, enforcement: enforce, scan: {responses: true}}]
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec:
  providers: [anthropic]
  allowedModels: [claude-haiku-*]
  allowedCidrs: [10.0.0.0/8]
  expires: 2027-01-31
  maxTokensPerDay: 500
  maxCostPerDayUSD: 0.01
  maxRequestsPerMinute: 5
  maxConcurrentRequests: 2
  credentials: [{id: abcdefghijkl, digest: 'hmac-sha256:00000000:0000000000000000000000000000000000000000000000000000000000000000', expires: 2027-01-01T12:00:00Z}]
---
apiVersion: pai.io/v1
kind: GuardBinding
metadata: {name: injection}
spec: {classifier: {endpoint: http://prompt-guard:8000/classify, endpointNetworks: [10.96.0.0/12]}, thresholds: {injection: 0.8}}
";

    fn bundle(files: &[(String, String)]) -> Bundle {
        let compiled = compile(&Sources::new(files.iter().cloned()));
        compiled.bundle.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
    }

    fn without_places(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("places");
                members.values_mut().for_each(without_places);
            }
            Value::Array(list) => list.iter_mut().for_each(without_places),
            _ => {}
        }
    }

    /// What the gateway acts on, without places.
    fn meaning(bundle: &Bundle) -> Value {
        let mut value = json!([bundle.providers, bundle.agents, bundle.access_keys, bundle.guards]);
        without_places(&mut value);
        value
    }

    #[test]
    fn what_is_written_again_compiles_to_the_same() {
        let first = bundle(&[("all.yaml".to_owned(), EVERYTHING.to_owned())]);
        let listed = resources(&first);
        assert_eq!(listed.len(), 6);
        let files: Vec<_> = listed
            .iter()
            .enumerate()
            .map(|(number, resource)| (format!("{number}.yaml"), resource.manifest.to_string()))
            .collect();
        assert_eq!(meaning(&bundle(&files)), meaning(&first));
    }

    #[test]
    fn what_was_not_written_is_not_shown() {
        let first = bundle(&[("all.yaml".to_owned(), EVERYTHING.to_owned())]);
        let listed = resources(&first);
        let provider = &listed[0];
        assert_eq!(
            (provider.name.to_string().as_str(), provider.origin.to_string().as_str()),
            ("blue/openai", "all.yaml:6:1")
        );
        assert_eq!(
            provider.manifest["spec"],
            json!({ "provider": "openai", "apiKeySecretRef": { "name": "k", "key": "other" } })
        );
    }
}
