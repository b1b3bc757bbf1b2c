//! The most tokens that can be used on one UTC day: by each principal, with each provider, and in all.

use std::collections::{BTreeMap, BTreeSet};

use pai_bundle::name::QualifiedName;
use pai_bundle::unit::Tokens;
use pai_policies::candidate::Directory;

use super::access::{can_spend, principals, providers};
use super::points::Setting;
use super::report::WorstCase;
use super::wording;
use crate::inspect::question::Who;
use crate::inspect::world::World;

/// Tokens, or no bound.
type Bound = Option<u64>;

/// The lines that differ: in all first, then providers, then principals.
pub(super) fn worst_case(setting: &Setting<'_>) -> Vec<WorstCase> {
    let [old, new] = setting.worlds.map(|world| of_world(setting, world));
    let mut lines = vec![WorstCase { of: "all together".to_owned(), before: old.total, after: new.total }];
    let mut more = |sort: [&BTreeMap<String, Bound>; 2]| {
        let [old, new] = sort;
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        lines.extend(names.into_iter().map(|name| {
            let of = |side: &BTreeMap<String, Bound>| side.get(name).copied().unwrap_or(Some(0));
            WorstCase { of: name.clone(), before: of(old), after: of(new) }
        }));
    };
    more([&old.providers, &new.providers]);
    more([&old.principals, &new.principals]);
    lines.retain(|line| line.before != line.after);
    lines
}

#[derive(Default)]
struct Totals {
    total: Bound,
    providers: BTreeMap<String, Bound>,
    principals: BTreeMap<String, Bound>,
}

fn of_world(setting: &Setting<'_>, world: &World) -> Totals {
    let mut totals = Totals::default();
    // By provider: what agents may use of it, and what keys may.
    let mut reached: BTreeMap<QualifiedName, [Bound; 2]> = BTreeMap::new();
    for who in principals(setting) {
        let own = own_cap(world, &who);
        let mut of_providers: Bound = Some(0);
        for provider in providers(setting, &who) {
            if !can_spend(setting, world, &who, &provider) {
                continue;
            }
            let [of_all, external] = provider_caps(world, &provider);
            let is_key = matches!(who, Who::AccessKey(_));
            of_providers = sum(of_providers, if is_key { least(of_all, external) } else { of_all });
            let [agents, keys] = reached.entry(provider).or_insert([Some(0), Some(0)]);
            let side = if is_key { keys } else { agents };
            *side = sum(*side, own);
        }
        totals.principals.insert(wording::who(&who), least(own, of_providers));
    }
    for (provider, [agents, keys]) in reached {
        let [of_all, external] = provider_caps(world, &provider);
        let bound = least(of_all, sum(agents, least(keys, external)));
        totals.providers.insert(format!("provider {}", wording::named(&provider)), bound);
    }
    let all = |of: &BTreeMap<String, Bound>| {
        of.values().try_fold(0_u64, |all, one| Some(all.saturating_add((*one)?)))
    };
    totals.total = least(all(&totals.providers), all(&totals.principals));
    totals
}

fn own_cap(world: &World, who: &Who) -> Bound {
    let cap = match who {
        Who::Agent(name) => world.agent(name).and_then(|agent| agent.max_tokens_per_day),
        Who::AccessKey(name) => world.access_key(name).and_then(|key| key.max_tokens_per_day),
    };
    cap.map(number)
}

fn provider_caps(world: &World, provider: &QualifiedName) -> [Bound; 2] {
    let provider = world.provider(provider);
    let external = provider.and_then(|provider| provider.external_access.max_tokens_per_day);
    [provider.and_then(|provider| provider.max_tokens_per_day).map(number), external.map(number)]
}

fn number(tokens: Tokens) -> u64 {
    tokens.0
}

fn sum(a: Bound, b: Bound) -> Bound {
    Some(a?.saturating_add(b?))
}

fn least(a: Bound, b: Bound) -> Bound {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
