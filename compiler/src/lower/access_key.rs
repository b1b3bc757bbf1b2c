//! An `AccessKey` as entity data that the base rules read, and its daily limit.

use pai_bundle::limit::{Limit, Scope};
use pai_bundle::pattern::Pattern;
use pai_bundle::principal::{AccessKey, RateLimits};

use super::places::places;
use super::principal::{Daily, credentials, limit};
use crate::manifest::quantity::TokenCount;
use crate::manifest::{self, Resource};
use crate::source::Sources;

pub(super) fn lower(
    key: &Resource<manifest::AccessKey>,
    sources: &Sources,
    limits: &mut Vec<Limit>,
) -> AccessKey {
    let spec = &key.spec;
    let daily = Daily {
        scope: Scope::AccessKey,
        cap: spec.max_tokens_per_day,
        field: "/spec/maxTokensPerDay",
        rule: "base/key-per-day",
    };
    limits.extend(limit(key, &daily, sources));
    AccessKey {
        name: key.name.clone(),
        credentials: credentials(&spec.credentials),
        providers: spec.providers.clone(),
        allowed_models: spec.allowed_models.iter().map(Pattern::new).collect(),
        allowed_cidrs: spec.allowed_cidrs.clone(),
        expires: spec.expires.map(|moment| moment.0),
        max_tokens_per_day: spec.max_tokens_per_day.map(TokenCount::tokens),
        rate_limits: RateLimits {
            max_requests_per_minute: spec.max_requests_per_minute.map(|count| count.0),
            max_concurrent_requests: spec.max_concurrent_requests.map(|count| count.0),
            max_cost_per_day_micro_usd: spec.max_cost_per_day_usd.map(|usd| usd.micros),
        },
        places: places(key, sources),
    }
}
