//! A `ModelProvider` as the gateway needs it: where it is, and which models lists show.

use std::collections::{BTreeMap, BTreeSet};

use pai_bundle::catalogue;
use pai_bundle::name::{ModelId, ModelRef, QualifiedName};
use pai_bundle::pattern::Pattern;
use pai_bundle::price::Price;
use pai_bundle::provider::{
    ExternalAccess, ModelInfo, Provider, ProviderKind, ResponsesApi, Retry, SecretRef, UnboundedRequests,
};

use super::guard;
use super::places::places;
use crate::graph::Graph;
use crate::manifest::quantity::{TokenCount, UsdPerMillion};
use crate::manifest::{self, ModelProvider, Resource};
use crate::source::Sources;

/// Every provider's models that manifests name.
pub(crate) type Models = BTreeMap<QualifiedName, BTreeSet<ModelId>>;

/// Collects what agents, fallbacks and allow lists name, and what the catalogue knows of native kinds.
pub(crate) fn models(graph: &Graph) -> Models {
    let mut models = Models::new();
    let mut add = |from: &QualifiedName, model: &ModelRef| {
        let provider = QualifiedName::new(from.namespace.clone(), model.provider.clone());
        models.entry(provider).or_default().insert(model.model.clone());
    };
    for agent in graph.agents.values() {
        agent.spec.models.iter().for_each(|model| add(&agent.name, model));
    }
    for provider in graph.providers.values() {
        provider.spec.fallbacks.iter().for_each(|model| add(&provider.name, model));
    }
    for provider in graph.providers.values() {
        let named = models.entry(provider.name.clone()).or_default();
        let spec = &provider.spec;
        let literal = spec.allowed_models.iter().filter(|pattern| !pattern.contains('*')).map(String::as_str);
        let native = catalogue::of_kind(spec.provider).filter(|_| spec.has_catalogue()).map(|known| known.id);
        let more = literal.chain(native).filter(|model| spec.offers(model).is_ok());
        named.extend(more.filter_map(|model| model.parse().ok()));
    }
    models
}

pub(super) fn lower(provider: &Resource<ModelProvider>, models: &Models, sources: &Sources) -> Provider {
    let spec = &provider.spec;
    let endpoint = spec.endpoint.as_deref().or(spec.provider.default_endpoint()).unwrap_or_default();
    let external = spec.external_access;
    let retry = spec.retry.unwrap_or_default();
    Provider {
        name: provider.name.clone(),
        kind: spec.provider,
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        api_version: spec.api_version.clone(),
        api_key: spec
            .api_key_secret_ref
            .as_ref()
            .map(|secret| SecretRef { name: secret.name.clone(), key: secret.key.clone() }),
        allowed_models: spec.allowed_models.iter().map(Pattern::new).collect(),
        denied_models: spec.denied_models.iter().map(Pattern::new).collect(),
        models: models.get(&provider.name).into_iter().flatten().cloned().collect(),
        max_tokens_per_day: spec.max_tokens_per_day.map(TokenCount::tokens),
        max_tokens_per_request: spec.max_tokens_per_request.map(TokenCount::tokens),
        external_access: ExternalAccess {
            enabled: external.is_some_and(|access| access.enabled),
            max_tokens_per_day: external.and_then(|access| access.max_tokens_per_day).map(TokenCount::tokens),
        },
        retry: Retry {
            max_attempts: retry.max_attempts,
            initial_backoff_ms: retry.initial_backoff_ms,
            max_backoff_ms: retry.max_backoff_ms,
        },
        fallbacks: spec.fallbacks.clone(),
        guards: guard::uses(&spec.guards),
        model_info: spec.model_info.iter().map(model_info).collect(),
        unbounded_requests: match spec.unbounded_requests {
            manifest::UnboundedRequests::Refuse => UnboundedRequests::Refuse,
            manifest::UnboundedRequests::Allow => UnboundedRequests::Allow,
        },
        responses: match spec.responses_api {
            Some(manifest::ResponsesApi::Native) => ResponsesApi::Native,
            None if spec.provider == ProviderKind::OpenAi && spec.endpoint.is_none() => ResponsesApi::Native,
            Some(manifest::ResponsesApi::Translated) | None => ResponsesApi::Translated,
        },
        endpoint_networks: spec.endpoint_networks.clone(),
        places: places(provider, sources),
    }
}

fn model_info(written: &manifest::ModelInfo) -> ModelInfo {
    let price = |prices: &manifest::Prices| {
        let input = prices.input.price();
        let or_input = |price: Option<UsdPerMillion>| price.map_or(input, UsdPerMillion::price);
        Price {
            input,
            cache_write_5m: or_input(prices.cache_write_5m),
            cache_write_1h: or_input(prices.cache_write_1h),
            cache_read: or_input(prices.cache_read),
            output: prices.output.price(),
        }
    };
    ModelInfo {
        model: Pattern::new(&written.model),
        context_tokens: written.context_tokens.map(TokenCount::tokens),
        max_output_tokens: written.max_output_tokens.map(TokenCount::tokens),
        price: written.usd_per_million_tokens.as_ref().map(price),
    }
}
