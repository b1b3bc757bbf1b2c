//! Who may ask: agents and access keys, with the digests of their credentials and their restrictions.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::guard::GuardUse;
use crate::money::NanoUsd;
use crate::name::{ModelRef, Name, QualifiedName};
use crate::origin::Places;
use crate::pattern::Pattern;
use crate::unit::{Tokens, UnixSeconds};

/// One accepted secret of a principal. The secret itself is nowhere: only its keyed digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Credential {
    /// Public id, the part of the token that is looked up and shown.
    pub id: String,
    /// Keyed digest, as `hmac-sha256:PEPPER:HEX`, where PEPPER tells which pepper was the key.
    pub digest: String,
    /// Not accepted from this instant on: how a rotated secret ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixSeconds>,
}

/// Limits on the rate of requests and of money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RateLimits {
    /// Requests in any minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests_per_minute: Option<u32>,
    /// Requests at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent_requests: Option<u32>,
    /// Cost per UTC day in millionths of a US dollar, as exact as manifests are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_per_day_micro_usd: Option<u64>,
}

impl RateLimits {
    /// Cost per UTC day, as the ledger counts.
    pub fn max_cost_per_day(&self) -> Option<NanoUsd> {
        self.max_cost_per_day_micro_usd.map(NanoUsd::from_micros)
    }
}

/// An `Agent`, as far as the gateway acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Agent {
    /// Namespace and name.
    pub name: QualifiedName,
    /// Accepted secrets.
    pub credentials: Vec<Credential>,
    /// Primary first, then fallbacks.
    pub models: Vec<ModelRef>,
    /// The agent's own tokens per UTC day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_day: Option<Tokens>,
    /// Input plus requested output of one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_request: Option<Tokens>,
    /// Rates.
    #[serde(default)]
    pub rate_limits: RateLimits,
    /// Guards on top of the providers' own.
    pub guards: Vec<GuardUse>,
    /// Where it was written.
    pub places: Places,
}

/// An `AccessKey`: external use by a person, a laptop, a CI job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccessKey {
    /// Namespace and name.
    pub name: QualifiedName,
    /// Accepted secrets.
    pub credentials: Vec<Credential>,
    /// The providers it opens, in the order in which a bare model id is looked for.
    pub providers: Vec<Name>,
    /// Allowed model patterns, matched against the bare id and against `provider/model`; empty allows all.
    pub allowed_models: Vec<Pattern>,
    /// Addresses it may be used from; empty allows all.
    pub allowed_cidrs: Vec<IpNet>,
    /// Not accepted from this instant on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixSeconds>,
    /// The key's own tokens per UTC day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens_per_day: Option<Tokens>,
    /// Rates.
    #[serde(default)]
    pub rate_limits: RateLimits,
    /// Where it was written.
    pub places: Places,
}
