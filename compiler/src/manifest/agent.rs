//! The `Agent` manifest: a workload inside, the models it may call, and how much.

use pai_bundle::name::ModelRef;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::credential::Credential;
use super::guard_use::GuardUse;
use super::quantity::{Count, TokenCount, Usd};
use super::workload::Workload;
use super::{Kind, Spec, cel, text};

impl Spec for Agent {
    const KIND: Kind = Kind::Agent;
    const NAME: &'static str = "Agent";
    const ABOUT: &'static str = "A workload and the models it may call. Fields that describe the workload itself are checked \
                                 and carried; the gateway does not act on them.";

    fn example() -> Value {
        json!({
            "models": ["anthropic/claude-sonnet-4-6", "anthropic/claude-haiku-4-5"],
            "tokens": { "maxPerDay": 500_000, "maxPerRequest": 150_000 },
            "rateLimits": { "maxRequestsPerMinute": 60, "maxConcurrentRequests": 4 },
        })
    }
}

/// What the agent may call and how much; and the workload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = conditions)]
pub(crate) struct Agent {
    /// Models as `provider/model`, where `provider` is a `ModelProvider`'s metadata.name. The first is the primary, the
    /// rest are fallbacks in this order.
    #[schemars(with = "Vec<text::ModelReference>", length(min = 1))]
    #[schemars(example = ["anthropic/claude-sonnet-4-6", "anthropic/claude-haiku-4-5"])]
    pub(crate) models: Vec<ModelRef>,
    /// Guards on top of those of the providers.
    #[serde(default)]
    #[schemars(example = GuardUse::example(), extend("default" = []))]
    pub(crate) guards: Vec<GuardUse>,
    /// The agent's own budget, within the providers' budgets.
    #[serde(default)]
    #[schemars(example = json!({"maxPerDay": 500_000, "maxPerRequest": 150_000}))]
    pub(crate) tokens: Option<TokenBudget>,
    /// How often, how many at once, and for how much money.
    #[serde(default)]
    #[schemars(example = json!({"maxRequestsPerMinute": 60, "maxConcurrentRequests": 4, "maxCostPerDayUSD": 12.5}))]
    pub(crate) rate_limits: Option<RateLimits>,
    /// Accepted tokens of this agent, as digests; `pai agent token create` makes one.
    #[serde(default)]
    #[schemars(example = Credential::example(), extend("default" = []))]
    pub(crate) credentials: Vec<Credential>,
    /// What the gateway does not act on.
    #[serde(flatten)]
    #[expect(dead_code, reason = "checked for its author, not acted on by the gateway")]
    workload: Workload,
}

/// Tokens that an agent may use.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TokenBudget {
    /// Tokens per UTC day.
    #[serde(default)]
    #[schemars(example = 500_000)]
    pub(crate) max_per_day: Option<TokenCount>,
    /// Tokens of one request: its input and the output that it asks for.
    #[serde(default)]
    #[schemars(example = 150_000)]
    pub(crate) max_per_request: Option<TokenCount>,
}

/// Rates, enforced by the gateway.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "fields are named as manifests name them")]
pub(crate) struct RateLimits {
    /// Requests in any minute.
    #[serde(default)]
    #[schemars(example = 60)]
    pub(crate) max_requests_per_minute: Option<Count>,
    /// Requests at the same time.
    #[serde(default)]
    #[schemars(example = 4)]
    pub(crate) max_concurrent_requests: Option<Count>,
    /// US dollars per UTC day, by the price table that pai ships and `modelInfo` of the providers. A model without a
    /// known price is charged at the highest one.
    #[serde(default, rename = "maxCostPerDayUSD")]
    #[schemars(example = 12.5)]
    pub(crate) max_cost_per_day_usd: Option<Usd>,
}

fn conditions(schema: &mut Schema) {
    let long_running =
        json!({ "properties": { "longRunning": { "const": true } }, "required": ["longRunning"] });
    let rules = json!([{
        "if": long_running,
        "then": {
            "required": ["harness", "image"],
            "properties": { "harness": { "const": "custom" }, "triggers": false },
        },
    }]);
    schema.insert("allOf".to_owned(), rules);
    cel::rules(
        schema,
        &[
            (
                "!has(self.longRunning) || !self.longRunning || (has(self.harness) && self.harness == 'custom')",
                "harness must be custom where longRunning is true",
            ),
            (
                "!has(self.longRunning) || !self.longRunning || has(self.image)",
                "image is required where longRunning is true",
            ),
            (
                "!has(self.longRunning) || !self.longRunning || !has(self.triggers)",
                "triggers have no effect where longRunning is true",
            ),
        ],
    );
    schema.insert("additionalProperties".to_owned(), json!(false));
}
