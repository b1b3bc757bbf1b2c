//! The `ModelProvider` manifest: one LLM subscription and all its models.

use ipnet::IpNet;
use pai_bundle::name::ModelRef;
use pai_bundle::provider::ProviderKind;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::guard_use::GuardUse;
use super::quantity::{TokenCount, UsdPerMillion};
use super::secret_ref::SecretRef;
use super::{Kind, Spec, cel, text};

impl Spec for ModelProvider {
    const KIND: Kind = Kind::ModelProvider;
    const NAME: &'static str = "ModelProvider";
    const ABOUT: &'static str = "One LLM subscription and all its models. Agents name a model as `NAME/MODEL`, where NAME \
                                 is this resource's metadata.name.";

    fn example() -> Value {
        json!({
            "provider": "anthropic",
            "apiKeySecretRef": { "name": "anthropic-key", "key": "api-key" },
            "allowedModels": ["claude-*"],
            "maxTokensPerDay": 5_000_000,
            "maxTokensPerRequest": 200_000,
            "externalAccess": { "enabled": true, "maxTokensPerDay": 2_000_000 },
        })
    }
}

/// The subscription: where it is, what it may be used for, how much.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = conditions)]
pub(crate) struct ModelProvider {
    /// What kind of service this is. It decides the protocol, the URL and the header that carries the key.
    #[schemars(with = "ProviderKindText")]
    #[schemars(example = &"anthropic")]
    pub(crate) provider: ProviderKind,
    /// Which Secret holds the API key. The key itself never stands in a manifest.
    #[serde(default)]
    #[schemars(example = json!({"name": "anthropic-key", "key": "api-key"}))]
    pub(crate) api_key_secret_ref: Option<SecretRef>,
    /// Base URL. Required for `azure-openai` and `vllm`; with `openai` it names any compatible service, with its
    /// `/v1`. Otherwise the kind's own.
    #[serde(default)]
    #[schemars(with = "Option<text::HttpUrl>")]
    #[schemars(example = &"https://models.example.com/v1")]
    pub(crate) endpoint: Option<String>,
    /// The `api-version` query parameter of Azure's API. Required for `azure-openai`, and only there.
    #[serde(default)]
    #[schemars(with = "Option<text::NotEmpty>")]
    #[schemars(example = &"2024-10-21")]
    pub(crate) api_version: Option<String>,
    /// Models that may be called, without the provider's name; `*` stands for any characters. Left out or empty:
    /// all models.
    #[serde(default)]
    #[schemars(with = "Vec<text::ModelPattern>")]
    #[schemars(example = ["claude-sonnet-*", "claude-haiku-4-5"])]
    pub(crate) allowed_models: Vec<String>,
    /// Models that may not be called. They win over `allowedModels`.
    #[serde(default)]
    #[schemars(with = "Vec<text::ModelPattern>")]
    #[schemars(example = ["claude-opus-*"])]
    pub(crate) denied_models: Vec<String>,
    /// Tokens per UTC day, shared by everybody who uses this subscription. Left out: no cap.
    #[serde(default)]
    #[schemars(example = 5_000_000)]
    pub(crate) max_tokens_per_day: Option<TokenCount>,
    /// Tokens of one request: its input and the output that it asks for.
    #[serde(default)]
    #[schemars(example = 200_000)]
    pub(crate) max_tokens_per_request: Option<TokenCount>,
    /// What happens when the service answers 429 or 5xx, or cannot be reached.
    #[serde(default)]
    #[schemars(example = Retry::example(), extend("default" = Retry::example()))]
    pub(crate) retry: Option<Retry>,
    /// Models of other providers, as `provider/model`, that are tried in this order after the retries are used up. The
    /// caller must be allowed to call each of them.
    #[serde(default)]
    #[schemars(with = "Vec<text::ModelReference>")]
    #[schemars(example = ["anthropic-reserve/claude-sonnet-4-6"])]
    pub(crate) fallbacks: Vec<ModelRef>,
    /// Guards over all traffic of this provider.
    #[serde(default)]
    #[schemars(example = GuardUse::example(), extend("default" = []))]
    pub(crate) guards: Vec<GuardUse>,
    /// Opens the provider to access keys: laptops, CI jobs, scripts outside of the cluster.
    #[serde(default)]
    #[schemars(example = json!({"enabled": true, "maxTokensPerDay": 2_000_000}))]
    pub(crate) external_access: Option<ExternalAccess>,
    /// What pai should know of this subscription's models, where its own table does not have them or has them
    /// otherwise: bounds and prices. For each fact the first entry counts that matches the model and has it.
    #[serde(default)]
    #[schemars(example = json!([ModelInfo::example()]), extend("default" = []))]
    pub(crate) model_info: Vec<ModelInfo>,
    /// Whether requests are let through whose use nobody can bound beforehand, such as those with tools that the
    /// provider runs itself: `refuse` where any token or cost budget applies, or `allow`. One that is allowed holds one
    /// full call to the model and is charged what it used, which may be more than the budget had left.
    #[serde(default)]
    #[schemars(example = UnboundedRequests::Refuse, extend("default" = "refuse"))]
    pub(crate) unbounded_requests: UnboundedRequests,
    /// How the service is asked for what clients ask in OpenAI's Responses API: `native`, in the same API, or
    /// `translated`, in chat completions. Left out: native for OpenAI itself, translated for services behind an
    /// `endpoint`, few of which have that API.
    #[serde(default)]
    #[schemars(example = ResponsesApi::Native)]
    pub(crate) responses_api: Option<ResponsesApi>,
    /// Networks that the endpoint's name may lead to although they are not public, such as those of a cluster. Left out
    /// or empty: public addresses alone, and whatever an endpoint names that is an address itself or `localhost`.
    /// Addresses of a cloud's metadata service are never asked unless the endpoint is one.
    #[serde(default)]
    #[schemars(with = "Vec<text::Cidr>")]
    #[schemars(example = ["10.0.0.0/8"])]
    pub(crate) endpoint_networks: Vec<IpNet>,
}

/// How a service is asked for responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) enum ResponsesApi {
    /// In the same API.
    Native,
    /// In chat completions.
    Translated,
}

/// What becomes of requests that have no upper bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) enum UnboundedRequests {
    /// Refused where a budget applies.
    #[default]
    Refuse,
    /// Let through.
    Allow,
}

/// Facts about some models.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ModelInfo {
    /// Which models, without the provider's name; `*` stands for any characters.
    #[schemars(with = "text::ModelPattern")]
    #[schemars(example = &"llama-3.1-*")]
    pub(crate) model: String,
    /// The most tokens that a request may bring in. Left out: as pai's own table has it.
    #[serde(default)]
    #[schemars(example = 131_072)]
    pub(crate) context_tokens: Option<TokenCount>,
    /// The most tokens that an answer may have. Sent as the request's own maximum where it has none and a budget
    /// applies. Left out: as pai's own table has it.
    #[serde(default)]
    #[schemars(example = 8_192)]
    pub(crate) max_output_tokens: Option<TokenCount>,
    /// What a million tokens cost in US dollars. Left out: as pai's own table has it, and for a model that it does not
    /// have the highest price that it has.
    #[serde(default)]
    #[schemars(example = json!({"input": 0.1, "output": 0.4}))]
    pub(crate) usd_per_million_tokens: Option<Prices>,
}

impl ModelInfo {
    fn example() -> Value {
        json!({ "model": "llama-3.1-*", "contextTokens": 131_072, "maxOutputTokens": 8_192,
            "usdPerMillionTokens": { "input": 0.1, "output": 0.4 } })
    }
}

/// Prices by class.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Prices {
    /// Input that no cache had.
    #[schemars(example = 3)]
    pub(crate) input: UsdPerMillion,
    /// Output, thinking included.
    #[schemars(example = 15)]
    pub(crate) output: UsdPerMillion,
    /// Input read from a cache. Left out: as `input`.
    #[serde(default)]
    #[schemars(example = 0.3)]
    pub(crate) cache_read: Option<UsdPerMillion>,
    /// Input written to a cache for five minutes. Left out: as `input`.
    #[serde(default, rename = "cacheWrite5m")]
    #[schemars(example = 3.75)]
    pub(crate) cache_write_5m: Option<UsdPerMillion>,
    /// Input written to a cache for an hour. Left out: as `input`.
    #[serde(default, rename = "cacheWrite1h")]
    #[schemars(example = 6)]
    pub(crate) cache_write_1h: Option<UsdPerMillion>,
}

/// Attempts and waits.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Retry {
    /// Attempts in all, the first included. 1 means no retry.
    #[schemars(range(min = 1, max = 10))]
    #[schemars(example = 3)]
    pub(crate) max_attempts: u32,
    /// Longest wait before the second attempt, in milliseconds. It doubles from attempt to attempt.
    #[schemars(range(min = 1, max = 60_000))]
    #[schemars(example = 200)]
    pub(crate) initial_backoff_ms: u32,
    /// Longest wait before any attempt, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    #[schemars(example = 5000)]
    pub(crate) max_backoff_ms: u32,
}

impl Default for Retry {
    fn default() -> Self {
        let retry = pai_bundle::provider::Retry::default();
        Self {
            max_attempts: retry.max_attempts,
            initial_backoff_ms: retry.initial_backoff_ms,
            max_backoff_ms: retry.max_backoff_ms,
        }
    }
}

impl Retry {
    /// The defaults, as editors and the reference show them.
    fn example() -> Value {
        let retry = Self::default();
        json!({
            "maxAttempts": retry.max_attempts,
            "initialBackoffMs": retry.initial_backoff_ms,
            "maxBackoffMs": retry.max_backoff_ms,
        })
    }
}

/// Use from outside, by access key.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(transform = only_where_enabled)]
pub(crate) struct ExternalAccess {
    /// Whether access keys may use this provider.
    #[schemars(example = true)]
    pub(crate) enabled: bool,
    /// Tokens per UTC day for all access keys together. They count against the provider's own cap as well.
    #[serde(default)]
    #[schemars(example = 2_000_000)]
    pub(crate) max_tokens_per_day: Option<TokenCount>,
}

/// The kinds as a plain list, so that a wrong one is answered with the right ones.
#[derive(Debug, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
#[expect(dead_code, reason = "stands for the bundle's type in the schema")]
enum ProviderKindText {
    /// Anthropic's API: the Claude models.
    Anthropic,
    /// OpenAI's API, and with an `endpoint` any service compatible with it.
    #[serde(rename = "openai")]
    OpenAi,
    /// Google's Gemini API.
    Gemini,
    /// OpenRouter: models of many vendors under one key.
    #[serde(rename = "openrouter")]
    OpenRouter,
    /// Azure OpenAI. Model ids are deployment names.
    #[serde(rename = "azure-openai")]
    AzureOpenAi,
    /// A vLLM server. It needs no key.
    Vllm,
}

/// A budget for nobody would mislead.
fn only_where_enabled(schema: &mut Schema) {
    let closed = json!({ "properties": { "enabled": { "const": false } }, "required": ["enabled"] });
    schema.insert("if".to_owned(), closed);
    schema.insert("then".to_owned(), json!({ "properties": { "maxTokensPerDay": false } }));
    cel::rules(
        schema,
        &[(
            "self.enabled || !has(self.maxTokensPerDay)",
            "maxTokensPerDay has no effect where enabled is false",
        )],
    );
}

/// What one kind requires and another does not have.
fn conditions(schema: &mut Schema) {
    let is =
        |kinds: Value| json!({ "properties": { "provider": { "enum": kinds } }, "required": ["provider"] });
    let no_endpoint = json!({
        "properties": { "provider": { "enum": ["openai"] } },
        "required": ["provider"],
        "not": { "required": ["endpoint"] },
    });
    let rules = json!([
        { "if": is(json!(["azure-openai", "vllm"])), "then": { "required": ["endpoint"] } },
        {
            "if": is(json!(["azure-openai"])),
            "then": { "required": ["apiVersion"] },
            "else": { "properties": { "apiVersion": false } },
        },
        {
            "if": is(json!(["anthropic", "gemini", "openrouter", "azure-openai"])),
            "then": { "required": ["apiKeySecretRef"] },
        },
        { "if": no_endpoint, "then": { "required": ["apiKeySecretRef"] } },
    ]);
    schema.insert("allOf".to_owned(), rules);
    cel::rules(
        schema,
        &[
            (
                "!(self.provider in ['azure-openai', 'vllm']) || has(self.endpoint)",
                "endpoint is required where provider is azure-openai or vllm",
            ),
            (
                "self.provider != 'azure-openai' || has(self.apiVersion)",
                "apiVersion is required where provider is azure-openai",
            ),
            (
                "self.provider == 'azure-openai' || !has(self.apiVersion)",
                "apiVersion has no effect where provider is not azure-openai",
            ),
            (
                "!(self.provider in ['anthropic', 'gemini', 'openrouter', 'azure-openai']) || has(self.apiKeySecretRef)",
                "apiKeySecretRef is required, except for vllm and for openai with an endpoint",
            ),
            (
                "self.provider != 'openai' || has(self.endpoint) || has(self.apiKeySecretRef)",
                "apiKeySecretRef is required where provider is openai and there is no endpoint",
            ),
        ],
    );
}
