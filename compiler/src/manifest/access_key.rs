//! The `AccessKey` manifest: external use by a person, a laptop, a CI job.

use ipnet::IpNet;
use pai_bundle::name::Name;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::credential::Credential;
use super::quantity::{Count, Moment, TokenCount, Usd};
use super::{Kind, Spec, text};

impl Spec for AccessKey {
    const KIND: Kind = Kind::AccessKey;
    const NAME: &'static str = "AccessKey";
    const ABOUT: &'static str = "External use of providers by a person, a laptop or a CI job. It holds digests and restrictions, \
                                 never the secret, so it can live in git. Restrictions can only narrow what the providers permit.";

    fn example() -> Value {
        json!({
            "providers": ["anthropic"],
            "allowedModels": ["claude-haiku-*"],
            "allowedCidrs": ["10.0.0.0/8"],
            "expires": "2027-01-31",
            "maxTokensPerDay": 1_000_000,
        })
    }
}

/// What the key opens, and its restrictions.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AccessKey {
    /// metadata.name of each `ModelProvider` that the key opens, in the order in which a bare model id is looked for.
    #[schemars(with = "Vec<text::ResourceName>", length(min = 1))]
    #[schemars(example = ["anthropic"])]
    pub(crate) providers: Vec<Name>,
    /// Models that the key may call, as `model` or `provider/model`; `*` stands for any characters. Left out or empty:
    /// all that the providers allow.
    #[serde(default)]
    #[schemars(with = "Vec<text::ModelPattern>")]
    #[schemars(example = ["claude-haiku-*", "anthropic/claude-sonnet-4-6"])]
    pub(crate) allowed_models: Vec<String>,
    /// Address ranges that the key may be used from. Left out or empty: everywhere.
    #[serde(default)]
    #[schemars(with = "Vec<text::Cidr>")]
    #[schemars(example = ["10.0.0.0/8", "2001:db8::/32"])]
    pub(crate) allowed_cidrs: Vec<IpNet>,
    /// Not accepted from this day (its start in UTC) or time on.
    #[serde(default)]
    #[schemars(example = &"2027-01-31", example = &"2027-01-31T18:00:00Z")]
    pub(crate) expires: Option<Moment>,
    /// The key's own tokens per UTC day, within the providers' budgets.
    #[serde(default)]
    #[schemars(example = 1_000_000)]
    pub(crate) max_tokens_per_day: Option<TokenCount>,
    /// US dollars per UTC day, by the price table that pai ships and `modelInfo` of the providers. A model without a
    /// known price is charged at the highest one.
    #[serde(default, rename = "maxCostPerDayUSD")]
    #[schemars(example = 12.5)]
    pub(crate) max_cost_per_day_usd: Option<Usd>,
    /// Requests in any minute.
    #[serde(default)]
    #[schemars(example = 60)]
    pub(crate) max_requests_per_minute: Option<Count>,
    /// Requests at the same time.
    #[serde(default)]
    #[schemars(example = 4)]
    pub(crate) max_concurrent_requests: Option<Count>,
    /// Accepted secrets, as digests; `pai access-key create` and `rotate` make them.
    #[serde(default)]
    #[schemars(example = Credential::example(), extend("default" = []))]
    pub(crate) credentials: Vec<Credential>,
}
