//! One LLM subscription as the gateway needs it: where it is, how it is reached, what it may be used for.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::catalogue;
use crate::guard::GuardUse;
use crate::name::{ModelId, ModelRef, QualifiedName};
use crate::origin::Places;
use crate::pattern::Pattern;
use crate::price::Price;
use crate::unit::Tokens;

/// What kind of backend a provider is; decides its protocol, its URL and its credential header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// Anthropic's API.
    Anthropic,
    /// OpenAI's API, and with an `endpoint` any service compatible with it.
    #[serde(rename = "openai")]
    OpenAi,
    /// Google's Gemini API.
    Gemini,
    /// OpenRouter.
    #[serde(rename = "openrouter")]
    OpenRouter,
    /// Azure OpenAI; model ids are deployment names.
    #[serde(rename = "azure-openai")]
    AzureOpenAi,
    /// A vLLM server.
    Vllm,
}

impl ProviderKind {
    /// Every kind, in the order in which lists show them.
    pub const ALL: [Self; 6] =
        [Self::Anthropic, Self::OpenAi, Self::Gemini, Self::OpenRouter, Self::AzureOpenAi, Self::Vllm];

    /// As manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Gemini => "gemini",
            Self::OpenRouter => "openrouter",
            Self::AzureOpenAi => "azure-openai",
            Self::Vllm => "vllm",
        }
    }

    /// The base URL where the manifest gives none; `None` where it must give one.
    pub fn default_endpoint(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com"),
            Self::OpenRouter => Some("https://openrouter.ai/api/v1"),
            Self::AzureOpenAi | Self::Vllm => None,
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a secret; never holds one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// The Secret's name.
    pub name: String,
    /// The key within it.
    pub key: String,
}

/// How often and how patiently an upstream is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Retry {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Longest wait before the second attempt, in milliseconds; doubles from there.
    pub initial_backoff_ms: u32,
    /// Longest wait before any attempt, in milliseconds.
    pub max_backoff_ms: u32,
}

impl Default for Retry {
    /// The defaults of the public documentation: 3 attempts, 200 ms, 5 s.
    fn default() -> Self {
        Self { max_attempts: 3, initial_backoff_ms: 200, max_backoff_ms: 5_000 }
    }
}

/// Whether and how much access keys may use a provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExternalAccess {
    /// Whether access keys may use it at all.
    pub enabled: bool,
    /// Tokens per UTC day for all of them together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_day: Option<Tokens>,
}

/// A `ModelProvider`, compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Provider {
    /// Namespace and name.
    pub name: QualifiedName,
    /// Backend kind.
    pub kind: ProviderKind,
    /// Base URL, without a trailing slash; the kind's own where the manifest gave none.
    pub endpoint: String,
    /// `api-version` query parameter of Azure's dated API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Which secret is the key; `None` for servers that need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// Allowed model patterns; empty allows all.
    pub allowed_models: Vec<Pattern>,
    /// Denied model patterns; they win.
    pub denied_models: Vec<Pattern>,
    /// Model ids that manifests or the catalogue name, sorted: what model lists can show, and what has an
    /// entity of its own in policy decisions. Others are decided as the provider's placeholder.
    pub models: Vec<ModelId>,
    /// Tokens per UTC day, all users together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_day: Option<Tokens>,
    /// Input plus requested output of one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_request: Option<Tokens>,
    /// Access for holders of access keys.
    pub external_access: ExternalAccess,
    /// Retries.
    pub retry: Retry,
    /// Tried, in order, after retries are used up.
    pub fallbacks: Vec<ModelRef>,
    /// Baseline guards.
    pub guards: Vec<GuardUse>,
    /// What is known of its models better than the catalogue knows it; the first entry that matches a model and
    /// says something counts for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub model_info: Vec<ModelInfo>,
    /// What becomes of requests that have no upper bound.
    #[serde(default, skip_serializing_if = "UnboundedRequests::is_default")]
    pub unbounded_requests: UnboundedRequests,
    /// Whether it is asked for responses in OpenAI's Responses API, or in chat completions.
    #[serde(default, skip_serializing_if = "ResponsesApi::is_default")]
    pub responses: ResponsesApi,
    /// Networks that the endpoint's name may lead to besides public ones. An endpoint that is an address, or a name of
    /// this machine, names its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoint_networks: Vec<IpNet>,
    /// Where it was written.
    pub places: Places,
}

/// How a provider is asked for what a client asks in OpenAI's Responses API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResponsesApi {
    /// In its own API: chat completions, messages, `generateContent`.
    #[default]
    Translated,
    /// In the same API, with the same bytes.
    Native,
}

impl ResponsesApi {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Translated
    }
}

/// What becomes of requests whose use nobody can bound beforehand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnboundedRequests {
    /// Refused where a budget applies.
    #[default]
    Refuse,
    /// Let through, with one full call to the model held.
    Allow,
}

impl UnboundedRequests {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Refuse
    }
}

/// What is known of some of a provider's models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelInfo {
    /// Which.
    pub model: Pattern,
    /// The most tokens that a request may bring in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<Tokens>,
    /// The most tokens that an answer may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<Tokens>,
    /// What they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// What bounds and prices of one model come from: the provider's manifest, else the catalogue, else what no model
/// exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFacts {
    /// The most tokens that a request may bring in; `None` where nobody says.
    pub context_tokens: Option<u64>,
    /// The most tokens that an answer may have.
    pub output_tokens: u64,
    /// List prices.
    pub price: Price,
    /// Whether the prices are the model's own, and not the highest that are known.
    pub is_priced: bool,
}

impl Provider {
    /// What is known of one of its models.
    pub fn facts(&self, model: &str) -> ModelFacts {
        let known = catalogue::find(model);
        let own = self.model_info.iter().filter(|info| info.model.matches(model));
        let (mut context, mut output, mut price) = (None, None, None);
        for info in own {
            context = context.or(info.context_tokens);
            output = output.or(info.max_output_tokens);
            price = price.or(info.price);
        }
        let listed = price.or(known.map(|known| known.price));
        ModelFacts {
            context_tokens: context.map(|tokens| tokens.0).or(known.map(|known| known.context_tokens)),
            output_tokens: output
                .map(|tokens| tokens.0)
                .or(known.map(|known| known.output_tokens))
                .unwrap_or(catalogue::UNKNOWN_OUTPUT_TOKENS),
            price: listed.unwrap_or(catalogue::UNKNOWN_PRICE),
            is_priced: listed.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_written_one_way() {
        for kind in ProviderKind::ALL {
            let text = serde_json::to_value(kind).expect("a string");
            assert_eq!(text, kind.as_str());
        }
    }
}
