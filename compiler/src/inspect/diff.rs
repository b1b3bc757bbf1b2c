//! What a change means: two bundles, compared by what they let through and not by how they are written.
//!
//! Every principal, every sort of model that patterns can tell apart, and requests within and beyond each limit are put
//! to both bundles. What they decide otherwise is said in sentences, each with a request that shows it. Places, order
//! and comments play no part, so text that only moved changes nothing.

pub(super) mod moment;
mod constants;
mod addresses;
mod models;
mod points;
mod fields;
mod access;
mod guards;
mod worst_case;
mod wording;
mod findings;
pub mod report;
pub mod render;

use std::collections::BTreeSet;

use pai_bundle::policy::Policy;
use pai_bundle::unit::UnixSeconds;

use super::world::World;
use access::Pair;
use constants::Constants;
use points::Setting;
pub use report::{Effect, Finding, Replay, Report, Verdict, WorstCase};

/// Compares two bundles, as seen from the instant `from` on.
pub fn diff(old: &World, new: &World, from: UnixSeconds) -> Report {
    let mut constants = Constants::default();
    for policy in [old, new].iter().flat_map(|world| &world.bundle().authored_policies) {
        constants.read(policy);
    }
    let setting = Setting { worlds: [old, new], constants: &constants, from };
    let [old_fields, new_fields] = [old, new].map(|world| fields::fields(world.bundle()));
    let fields = [&old_fields, &new_fields];
    let mut not_enumerated = BTreeSet::new();
    let are_rules_equal = {
        let [old_rules, new_rules] = [old, new].map(|world| meaning(&world.bundle().authored_policies));
        not_enumerated.extend(uncertain(&constants, &old_rules, &new_rules));
        old_rules == new_rules
    };
    let [old_base, new_base] = [old, new].map(|world| meaning(&world.bundle().base_policies));
    let is_base_equal = old_base == new_base;
    if !is_base_equal {
        not_enumerated.insert(
            "the base rules differ, so the bundles were made by different versions of pai".to_owned(),
        );
    }
    not_enumerated.extend(guards::judged_otherwise(old, new));
    let mut seen = Vec::new();
    for Pair { who, provider } in access::pairs(&setting) {
        let is_equal = are_rules_equal && is_base_equal && !access::may_differ(fields, &who, &provider);
        if !is_equal {
            seen.extend(access::differences(&setting, &who, &provider, &mut not_enumerated));
        }
    }
    let findings = findings::findings(&setting, fields, seen);
    let worst_case = if findings.is_empty() { Vec::new() } else { worst_case::worst_case(&setting) };
    Report {
        widens: findings.iter().any(|finding| finding.effect == Effect::Widens) || !not_enumerated.is_empty(),
        findings,
        worst_case,
        not_enumerated: not_enumerated.into_iter().collect(),
    }
}

/// Rules by what they say: neither names, annotations nor layout.
fn meaning(policies: &[Policy]) -> Vec<String> {
    let mut all: Vec<String> = policies.iter().map(body).collect();
    all.sort();
    all
}

fn body(policy: &Policy) -> String {
    let parsed = cedar_policy::Policy::parse(None, &policy.text).ok();
    let json = parsed.and_then(|parsed| parsed.to_json().ok());
    json.map_or_else(
        || policy.text.clone(),
        |mut json| {
            if let Some(members) = json.as_object_mut() {
                members.remove("annotations");
            }
            json.to_string()
        },
    )
}

/// Rules that compare what no list of requests covers. They matter where the rules changed: what both sides refuse
/// alike makes no difference.
fn uncertain(constants: &Constants, old: &[String], new: &[String]) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let sentence = |(id, what): &(pai_bundle::name::PolicyId, &str)| {
        let does = match *what {
            constants::GUARD => format!("reads {what}"),
            what => format!("compares {what} with something that is no constant"),
        };
        format!("policy {id} {does}: not every request of that sort was tried")
    };
    constants.others.iter().map(sentence).collect()
}

#[cfg(test)]
mod tests;
