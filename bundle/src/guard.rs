//! Guards as manifests attach them: which binding scans what, and what a hit does.

use serde::{Deserialize, Serialize};

use crate::name::QualifiedName;
use crate::origin::Places;

/// What a guard reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scan {
    /// User turns.
    #[serde(default)]
    pub prompts: bool,
    /// Assistant turns of the answer.
    #[serde(default)]
    pub responses: bool,
    /// Results of these tools; `*` for all.
    #[serde(default)]
    pub tool_results: Vec<String>,
}

/// What a hit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// The request is refused.
    Enforce,
    /// The request passes and the hit is recorded.
    Audit,
}

/// One attachment of a guard to a provider or an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GuardUse {
    /// The `GuardBinding`'s name, of the same namespace.
    pub binding: String,
    /// What it reads.
    pub scan: Scan,
    /// What a hit does.
    pub enforcement: Enforcement,
}

/// A `GuardBinding`, kept as the manifest has it: `classifier` and `thresholds` of its spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GuardBinding {
    /// Namespace and name.
    pub name: QualifiedName,
    /// The manifest's `spec`.
    pub spec: serde_json::Value,
    /// Where it was written.
    pub places: Places,
}
