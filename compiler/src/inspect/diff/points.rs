//! The requests that are tried with one principal and one provider: within and over each limit, inside and outside of
//! each network, before and after each change by time.
//!
//! Without authors' rules a request is allowed where each of its quantities is, so each is moved alone. Authors may
//! tie quantities together: then all those that their rules compare are moved together.

use std::collections::BTreeSet;
use std::net::IpAddr;

use pai_bundle::limit::Scope;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_policies::candidate::Directory;
use pai_policies::{Action, GuardFacts};

use super::addresses;
use super::constants::Constants;
use super::moment;
use crate::inspect::question::{Balances, Question, Spent, Who};
use crate::inspect::world::World;

/// Requests tried with one model: what rules that compare everything with several constants need, and some seconds.
const POINTS_MAX: usize = 100_000;

/// One request, without its model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    action: Action,
    tokens: Tokens,
    address: IpAddr,
    at: UnixSeconds,
    used: [Tokens; 3],
    /// How many quantities differ from a small request's: of two requests that show the same, the plainer is shown.
    pub(super) oddness: u32,
}

/// The requests, and whether they are all that differ.
pub(super) struct Points {
    pub(super) all: Vec<Point>,
    pub(super) are_complete: bool,
}

/// What is compared: both bundles, what their authors compare with, and from when on.
pub(super) struct Setting<'a> {
    pub(super) worlds: [&'a World; 2],
    pub(super) constants: &'a Constants,
    pub(super) from: UnixSeconds,
}

/// Caps that requests of a principal to a provider meet, in both bundles.
#[derive(Default)]
struct Caps {
    requests: BTreeSet<i64>,
    days: [BTreeSet<i64>; 3],
    networks: BTreeSet<ipnet::IpNet>,
    instants: BTreeSet<moment::Milliseconds>,
}

impl Caps {
    fn of(setting: &Setting<'_>, who: &Who, provider: &QualifiedName) -> Self {
        let mut caps = Self::default();
        let long = |cap: Option<Tokens>| cap.map(Tokens::as_cedar_long);
        for world in setting.worlds {
            if let Some(provider) = world.provider(provider) {
                caps.requests.extend(long(provider.max_tokens_per_request));
                let [of_provider, external, _] = &mut caps.days;
                of_provider.extend(long(provider.max_tokens_per_day));
                external.extend(long(provider.external_access.max_tokens_per_day));
            }
            let [.., of_principal] = &mut caps.days;
            match who {
                Who::Agent(name) => {
                    if let Some(Agent { max_tokens_per_day, max_tokens_per_request, .. }) = world.agent(name)
                    {
                        of_principal.extend(long(*max_tokens_per_day));
                        caps.requests.extend(long(*max_tokens_per_request));
                    }
                }
                Who::AccessKey(name) => {
                    if let Some(AccessKey { max_tokens_per_day, allowed_cidrs, expires, .. }) =
                        world.access_key(name)
                    {
                        of_principal.extend(long(*max_tokens_per_day));
                        caps.networks.extend(allowed_cidrs);
                        caps.instants.extend(expires.map(|at| at.0.saturating_mul(1000)));
                    }
                }
            }
        }
        caps
    }
}

/// The requests that can tell the bundles apart.
pub(super) fn points(setting: &Setting<'_>, who: &Who, provider: &QualifiedName) -> Points {
    let constants = setting.constants;
    let mut caps = Caps::of(setting, who, provider);
    caps.networks.extend(&constants.networks);
    // Where both sides have the same networks, the first address is in one of them, and stands for the others.
    let [old, new] = setting.worlds.map(|world| match who {
        Who::Agent(_) => None,
        Who::AccessKey(name) => world.access_key(name).map(|key| &key.allowed_cidrs),
    });
    let are_addresses_tied = !constants.networks.is_empty() || old != new;
    let addresses = addresses::representatives(&caps.networks);
    let mut times = moment::times(setting.from, &constants.instants, &constants.times_of_day);
    let tied_times = times.len();
    times.extend(moment::times(setting.from, &caps.instants, &BTreeSet::new()).into_iter().skip(1));
    let authored = [&constants.after_provider, &constants.after_external, &constants.after_principal];
    let mut days: [Axis; 3] = Default::default();
    for ((axis, caps), authored) in days.iter_mut().zip(&caps.days).zip(authored) {
        let values = beyond(caps.iter()).chain(around(authored.iter().flatten())).collect();
        *axis = Axis { values, is_tied: authored.is_some() };
    }
    let in_days = caps.days.iter().flatten();
    let sizes: BTreeSet<i64> =
        beyond(caps.requests.iter().chain(in_days)).chain(around(constants.tokens.iter())).collect();
    let are_sizes_tied = !constants.tokens.is_empty() || days.iter().any(|axis| axis.is_tied);
    let actions: &[Action] =
        if constants.names_actions { &Action::ALL } else { &[Action::Invoke, Action::List] };
    let mut found = Points { all: Vec::new(), are_complete: true };
    for (action_at, action) in actions.iter().enumerate() {
        for (address_at, address) in addresses.iter().enumerate() {
            for (time_at, at) in times.iter().enumerate() {
                let odd = [action_at, address_at, time_at].iter().filter(|place| **place > 0).count();
                let plain = Point {
                    action: *action,
                    tokens: if action.spends() { Tokens(1) } else { Tokens::ZERO },
                    address: *address,
                    at: *at,
                    used: [Tokens::ZERO; 3],
                    oddness: u32::try_from(odd).unwrap_or(u32::MAX),
                };
                let is_tied = time_at < tied_times && (address_at == 0 || are_addresses_tied);
                if time_at == 0 || is_tied {
                    spread(plain, &sizes, are_sizes_tied, &days, &mut found);
                } else {
                    found.all.push(plain);
                }
                if !found.are_complete {
                    return found;
                }
            }
        }
    }
    found
}

#[derive(Default)]
struct Axis {
    values: BTreeSet<i64>,
    /// Whether authors compare it.
    is_tied: bool,
}

/// The last value within each cap, and the first beyond.
fn beyond<'a>(caps: impl Iterator<Item = &'a i64>) -> impl Iterator<Item = i64> {
    caps.flat_map(|cap| [*cap, cap.saturating_add(1)]).filter(|value| *value > 0)
}

/// Authors compare in every way.
fn around<'a>(constants: impl Iterator<Item = &'a i64>) -> impl Iterator<Item = i64> {
    constants.flat_map(|at| [at.saturating_sub(1), *at, at.saturating_add(1)]).filter(|value| *value > 0)
}

/// One place and time, with all sizes and balances.
fn spread(plain: Point, sizes: &BTreeSet<i64>, are_sizes_tied: bool, days: &[Axis; 3], found: &mut Points) {
    let tokens = |value: &i64| Tokens(u64::try_from(*value).unwrap_or(0));
    let mut starts = vec![plain];
    if plain.action.spends() {
        starts.extend(sizes.iter().filter(|size| **size > 1).map(|size| Point {
            tokens: tokens(size),
            oddness: plain.oddness + 1,
            ..plain
        }));
    }
    for size in starts {
        let mut tied = vec![size];
        let mut alone = Vec::new();
        let is_moved = are_sizes_tied || size.tokens == plain.tokens;
        for (place, axis) in days.iter().enumerate() {
            let moved = |from: &Point| -> Vec<Point> {
                let balances = axis.values.iter().filter(|after| tokens(after) > size.tokens);
                let moved = balances.map(|after| {
                    let mut used = from.used;
                    if let Some(balance) = used.get_mut(place) {
                        *balance = tokens(after).saturating_sub(size.tokens);
                    }
                    Point { used, oddness: from.oddness + 1, ..*from }
                });
                moved.collect()
            };
            if axis.is_tied {
                let more: Vec<Point> = tied.iter().flat_map(moved).collect();
                tied.extend(more);
            } else if is_moved {
                alone.extend(moved(&size));
            }
            if found.all.len() + tied.len() + alone.len() > POINTS_MAX {
                found.are_complete = false;
                return;
            }
        }
        found.all.extend(tied);
        found.all.extend(alone);
    }
}

impl Point {
    /// Whether it spends as little as can be on a fresh day.
    pub(super) fn is_smallest(&self) -> bool {
        self.action.spends() && self.tokens == Tokens(1) && self.used == [Tokens::ZERO; 3]
    }

    /// The whole request.
    pub(super) fn question(&self, who: &Who, provider: &QualifiedName, model: &ModelId) -> Question {
        let [of_provider, external, of_principal] = self.used;
        let mut used = Balances::default();
        for (scope, name, tokens) in [
            (Scope::Provider, provider, of_provider),
            (Scope::ProviderExternal, provider, external),
            (who.scope(), who.name(), of_principal),
        ] {
            if tokens > Tokens::ZERO {
                used.0.insert((scope, name.clone()), tokens);
            }
        }
        Question {
            who: who.clone(),
            model: format!("{}/{model}", provider.name),
            action: self.action,
            tokens: self.tokens,
            address: self.address,
            at: self.at,
            used,
            spent: Spent::default(),
            guard: GuardFacts::NONE,
        }
    }
}
