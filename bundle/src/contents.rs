//! What is inside a bundle, in canonical order: the whole of what a gateway knows.

use serde::{Deserialize, Serialize};

use crate::guard::GuardBinding;
use crate::limit::{CostLimit, Limit};
use crate::policy::{Policy, Slice};
use crate::principal::{AccessKey, Agent};
use crate::provider::Provider;

/// A compiled workspace. Every list is sorted by name or id, so equal input gives equal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Bundle {
    /// LLM subscriptions.
    pub providers: Vec<Provider>,
    /// Agents.
    pub agents: Vec<Agent>,
    /// Access keys.
    pub access_keys: Vec<AccessKey>,
    /// Guards.
    pub guards: Vec<GuardBinding>,
    /// Daily budgets.
    pub limits: Vec<Limit>,
    /// The same in money.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cost_limits: Vec<CostLimit>,
    /// The vocabulary that all policies below were validated against.
    pub cedar_schema: String,
    /// Rules that every bundle starts from.
    pub base_policies: Vec<Policy>,
    /// Rules lowered from each provider's manifest.
    pub slices: Vec<Slice>,
    /// Rules of the workspace's own `policies/*.cedar`.
    pub authored_policies: Vec<Policy>,
    /// Guards that only record: forbids in form, each of one agent or one provider, and never part of a decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<Policy>,
}
