//! How a provider or an agent attaches a guard.

use pai_bundle::guard;
use pai_bundle::name::Name;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::text;

/// A guard, what it reads, and what a hit does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GuardUse {
    /// `metadata.name` of a `GuardBinding` in the same namespace.
    #[schemars(with = "text::ResourceName")]
    #[schemars(example = &"prompt-guard")]
    pub(crate) binding: Name,
    /// What the guard reads.
    #[schemars(example = json!({"prompts": true, "toolResults": ["*"]}))]
    pub(crate) scan: Scan,
    /// What a hit does.
    #[serde(default)]
    #[schemars(example = &"audit", extend("default" = "enforce"))]
    pub(crate) enforcement: Enforcement,
}

impl GuardUse {
    /// What editors and the reference show of a list of them.
    pub(super) fn example() -> Value {
        json!([{ "binding": "prompt-guard", "scan": { "prompts": true }, "enforcement": "audit" }])
    }
}

/// What a guard reads. Everything that is left out is not read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Scan {
    /// What users write.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) prompts: bool,
    /// What the model answers.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) responses: bool,
    /// The instructions that stand before the conversation. They are the application's own, and rules made for what
    /// comes from outside raise false alarms there.
    #[serde(default)]
    #[schemars(example = true)]
    pub(crate) system: bool,
    /// Results of these tools, read when they come in with the next request. `*` stands for any characters, so `["*"]`
    /// is all tools and `["mcp__*"]` those of MCP servers.
    #[serde(default)]
    #[schemars(with = "Vec<text::NotEmpty>")]
    #[schemars(example = ["*"], example = ["mcp__*", "WebFetch"])]
    pub(crate) tool_results: Vec<String>,
}

impl Scan {
    /// As the bundle has it.
    pub(crate) fn lowered(&self) -> guard::Scan {
        guard::Scan {
            prompts: self.prompts,
            responses: self.responses,
            system: self.system,
            tool_results: self.tool_results.clone(),
        }
    }

    /// What is read, as `context.guard.hits` names it behind the binding's name.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.lowered().targets().map(|target| target.to_string()).collect()
    }
}

/// What a hit does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Enforcement {
    /// The request is refused with 403.
    #[default]
    Enforce,
    /// The request passes, and the hit is recorded.
    Audit,
}
