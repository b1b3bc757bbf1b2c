//! The one table of budgets. The ledger reads its amounts and the policies repeat them; a test holds the two together.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::NanoUsd;
use crate::name::{PolicyId, QualifiedName};
use crate::origin::Origin;
use crate::unit::Tokens;

/// Whose tokens an account counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// A provider's subscription, whoever uses it.
    Provider,
    /// A provider's use by access keys.
    ProviderExternal,
    /// An agent.
    Agent,
    /// An access key.
    AccessKey,
}

impl Scope {
    /// Every scope, in the order in which a denial names them.
    pub const ALL: [Self; 4] = [Self::Provider, Self::ProviderExternal, Self::Agent, Self::AccessKey];

    /// In messages and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::ProviderExternal => "provider-external",
            Self::Agent => "agent",
            Self::AccessKey => "access-key",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A cap on an account's tokens per UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Limit {
    /// Whose tokens.
    pub scope: Scope,
    /// Which provider, agent or key.
    pub name: QualifiedName,
    /// At most this many per UTC day.
    pub tokens_per_day: Tokens,
    /// The policy that says the same.
    pub policy: PolicyId,
    /// Where it was written.
    pub origin: Origin,
}

/// A cap on what an account's tokens cost per UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CostLimit {
    /// Whose cost.
    pub scope: Scope,
    /// Which agent or key.
    pub name: QualifiedName,
    /// At most this much per UTC day.
    pub nano_usd_per_day: NanoUsd,
    /// The policy that says the same.
    pub policy: PolicyId,
    /// Where it was written.
    pub origin: Origin,
}
