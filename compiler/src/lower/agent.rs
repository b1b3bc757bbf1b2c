//! An `Agent` as entity data that the base rules read, and its daily limit.

use pai_bundle::limit::{Limit, Scope};
use pai_bundle::principal::{Agent, RateLimits};

use super::guard;
use super::places::places;
use super::principal::{Daily, credentials, limit};
use crate::manifest::quantity::TokenCount;
use crate::manifest::{self, Resource};
use crate::source::Sources;

pub(super) fn lower(agent: &Resource<manifest::Agent>, sources: &Sources, limits: &mut Vec<Limit>) -> Agent {
    let spec = &agent.spec;
    let per_day = spec.tokens.and_then(|tokens| tokens.max_per_day);
    let daily = Daily {
        scope: Scope::Agent,
        cap: per_day,
        field: "/spec/tokens/maxPerDay",
        rule: "base/agent-per-day",
    };
    limits.extend(limit(agent, &daily, sources));
    let rates = spec.rate_limits;
    Agent {
        name: agent.name.clone(),
        credentials: credentials(&spec.credentials),
        models: spec.models.clone(),
        max_tokens_per_day: per_day.map(TokenCount::tokens),
        max_tokens_per_request: spec.tokens.and_then(|tokens| tokens.max_per_request).map(TokenCount::tokens),
        rate_limits: RateLimits {
            max_requests_per_minute: rates
                .and_then(|rates| rates.max_requests_per_minute)
                .map(|count| count.0),
            max_concurrent_requests: rates
                .and_then(|rates| rates.max_concurrent_requests)
                .map(|count| count.0),
            max_cost_per_day_micro_usd: rates
                .and_then(|rates| rates.max_cost_per_day_usd)
                .map(|usd| usd.micros),
        },
        guards: guard::uses(&spec.guards),
        places: places(agent, sources),
    }
}
