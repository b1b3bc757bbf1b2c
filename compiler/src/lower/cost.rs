//! Daily budgets in money: of agents and access keys, by the base rules that read them.

use pai_bundle::limit::{CostLimit, Scope};
use pai_bundle::name::PolicyId;
use pai_bundle::principal::{AccessKey, Agent};

/// Of an agent.
pub(crate) const AGENT_FIELD: &str = "/spec/rateLimits/maxCostPerDayUSD";
/// Of an access key.
pub(crate) const KEY_FIELD: &str = "/spec/maxCostPerDayUSD";

/// The table of these principals' budgets, in the order of scopes and names.
pub(crate) fn limits(agents: &[Agent], access_keys: &[AccessKey]) -> Vec<CostLimit> {
    let of_agents = agents.iter().filter_map(|agent| {
        Some(CostLimit {
            scope: Scope::Agent,
            name: agent.name.clone(),
            nano_usd_per_day: agent.rate_limits.max_cost_per_day()?,
            policy: PolicyId::new("base/agent-cost-per-day"),
            origin: agent.places.of(AGENT_FIELD),
        })
    });
    let of_keys = access_keys.iter().filter_map(|key| {
        Some(CostLimit {
            scope: Scope::AccessKey,
            name: key.name.clone(),
            nano_usd_per_day: key.rate_limits.max_cost_per_day()?,
            policy: PolicyId::new("base/key-cost-per-day"),
            origin: key.places.of(KEY_FIELD),
        })
    });
    of_agents.chain(of_keys).collect()
}
