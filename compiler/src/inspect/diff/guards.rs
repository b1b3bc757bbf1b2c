//! What a change of guards lets through or keeps out: which way it goes, a request that shows it, and what no request
//! can show.

use std::collections::BTreeMap;

use pai_bundle::guard::{Classifier, Enforcement, GuardBinding, GuardUse, OnError, PerMille, Target};
use pai_bundle::name::QualifiedName;
use pai_policies::GuardFacts;

use super::access::{self, Pair};
use super::fields::{Field, Nature, Subject};
use super::points::Setting;
use super::report::{Effect, Replay};
use super::wording;
use crate::inspect::found::{self, Flag};
use crate::inspect::world::World;

/// Which way it goes where other guards are attached, or the same ones for other texts.
pub(super) fn attached(old: &[GuardUse], new: &[GuardUse]) -> Effect {
    match (is_kept(old, new), is_kept(new, old)) {
        (false, _) => Effect::Widens,
        (true, false) => Effect::Narrows,
        (true, true) => Effect::Neither,
    }
}

/// Whether each text that is read stays read, and refused where it was. Several attachments may do what one did.
fn is_kept(uses: &[GuardUse], by: &[GuardUse]) -> bool {
    uses.iter().all(|guard| guard.scan.targets().all(|target| does_as_much(by, guard, target)))
}

fn does_as_much(by: &[GuardUse], guard: &GuardUse, target: Target<'_>) -> bool {
    by.iter().any(|other| {
        other.binding == guard.binding
            && (other.enforcement == Enforcement::Enforce || guard.enforcement == Enforcement::Audit)
            && other.scan.reads(target)
    })
}

/// Which way it goes where scores are hits from another one on.
pub(super) fn thresholds(old: &GuardBinding, new: &GuardBinding) -> Effect {
    let mut labels = old.thresholds.keys().chain(new.thresholds.keys());
    let is_raised = labels.any(|label| new.threshold(label) > old.threshold(label));
    if is_raised { Effect::Widens } else { Effect::Narrows }
}

/// Which way it goes where a failing classifier means something else.
pub(super) fn failures(old: Option<OnError>, new: Option<OnError>) -> Effect {
    // What is left to the enforcement lies between the two.
    let strictness = |on_error: Option<OnError>| match on_error {
        Some(OnError::Allow) => 0,
        None => 1,
        Some(OnError::Deny) => 2,
    };
    if strictness(new) < strictness(old) { Effect::Widens } else { Effect::Narrows }
}

/// A request that is let through on one side only, for what a guard found or could not judge. There is none where scores
/// are compared with other thresholds, since a request is asked about with hits, or where a guard only records.
pub(super) fn request(
    setting: &Setting<'_>,
    subject: &Subject,
    [old, new]: [&Field; 2],
    effect: Effect,
) -> Option<Replay> {
    let (refusing, side) = match effect {
        Effect::Widens => (setting.worlds[0], old),
        Effect::Narrows => (setting.worlds[1], new),
        Effect::Neither => return None,
    };
    let flagged = match (&side.nature, subject) {
        (Nature::Guards(uses), Subject::Agent(name) | Subject::Provider(name)) => {
            let flags: Vec<Flag> = uses.iter().flat_map(flags).collect();
            let hits = flags.iter().map(|flag| {
                let mut facts = GuardFacts::NONE;
                flag.hit(&name.namespace, threshold(refusing, name, flag), &mut facts);
                facts
            });
            let failures = flags.iter().map(|flag| failing(flag.within(&name.namespace)));
            hits.chain(failures).collect()
        }
        (Nature::Failures(_), Subject::Guard(name)) => flags_of(refusing, name).map(failing).collect(),
        _ => Vec::new(),
    };
    let pairs = access::pairs(setting).filter(|Pair { who, provider }| match subject {
        Subject::Provider(name) => provider == name,
        Subject::Agent(_) | Subject::AccessKey(_) => access::subject_of(who) == *subject,
        Subject::Guard(name) => who.name().namespace == name.namespace,
    });
    pairs.into_iter().find_map(|pair| access::flagged(setting, &pair, &flagged, effect))
}

fn failing(flag: String) -> GuardFacts {
    GuardFacts { failures: [flag].into(), ..GuardFacts::NONE }
}

fn flags(guard: &GuardUse) -> impl Iterator<Item = Flag> {
    guard.scan.targets().filter_map(|target| format!("{}/{target}", guard.binding).parse().ok())
}

/// Where a guard is attached, by whomever.
fn flags_of(world: &World, guard: &QualifiedName) -> impl Iterator<Item = String> {
    let prefix = format!("{guard}/");
    found::flags(world.bundle()).into_iter().filter(move |flag| flag.starts_with(&prefix))
}

fn threshold(world: &World, holder: &QualifiedName, flag: &Flag) -> Option<PerMille> {
    let name = QualifiedName::new(holder.namespace.clone(), flag.binding().clone());
    let guard = world.bundle().guards.iter().find(|guard| guard.name == name);
    guard.map(|guard| guard.threshold("injection"))
}

/// Guards that judge by something else than before. Whether that finds as much, no request tells.
pub(super) fn judged_otherwise(old: &World, new: &World) -> Vec<String> {
    let before: BTreeMap<&QualifiedName, &GuardBinding> =
        old.bundle().guards.iter().map(|guard| (&guard.name, guard)).collect();
    let is_other = |guard: &&GuardBinding| {
        let is_attached = |world| flags_of(world, &guard.name).next().is_some();
        let before = before.get(&guard.name);
        before.is_some_and(|before| judge(&before.classifier) != judge(&guard.classifier))
            && is_attached(old)
            && is_attached(new)
    };
    let sentence = |guard: &GuardBinding| {
        let name = wording::named(&guard.name);
        format!("guard {name} has another classifier: whether it finds as much was not tried")
    };
    new.bundle().guards.iter().filter(is_other).map(sentence).collect()
}

/// What a classifier's verdicts depend on. How long it may take is none of it.
fn judge(classifier: &Classifier) -> (&'static str, Option<&str>, Option<&str>, Option<&str>) {
    let rules = match classifier {
        Classifier::Rules { rules } => rules.as_deref(),
        _ => None,
    };
    let remote = classifier.remote();
    let endpoint = remote.map(|remote| remote.endpoint.as_str());
    (classifier.type_name(), rules, endpoint, remote.and_then(|remote| remote.model.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pai_bundle::guard::Scan;

    fn uses(binding: &str, enforcement: Enforcement, prompts: bool, tools: &[&str]) -> GuardUse {
        let tool_results = tools.iter().map(|tool| (*tool).to_owned()).collect();
        GuardUse {
            binding: binding.to_owned(),
            scan: Scan { prompts, tool_results, ..Scan::default() },
            enforcement,
        }
    }

    #[test]
    fn what_counts_is_each_text_and_what_becomes_of_it() {
        use Effect::{Narrows, Neither, Widens};
        use Enforcement::{Audit, Enforce};
        let whole = vec![uses("g", Enforce, true, &["mcp__*"])];
        for (other, expected, reverse) in [
            (vec![], Widens, Narrows),
            (vec![uses("other", Enforce, true, &["mcp__*"])], Widens, Widens),
            (vec![uses("g", Audit, true, &["mcp__*"])], Widens, Narrows),
            (vec![uses("g", Enforce, false, &["mcp__*"])], Widens, Narrows),
            (vec![uses("g", Enforce, true, &["mcp__a*"])], Widens, Narrows),
            (vec![uses("g", Enforce, true, &["*"])], Narrows, Widens),
            (vec![uses("g", Enforce, true, &["mcp__*", "read"])], Narrows, Widens),
            (vec![uses("g", Enforce, false, &["*"])], Widens, Widens),
            (vec![uses("g", Enforce, true, &[]), uses("g", Enforce, false, &["mcp__*"])], Neither, Neither),
            (vec![uses("g", Enforce, true, &[]), uses("g", Audit, false, &["mcp__*"])], Widens, Narrows),
        ] {
            assert_eq!(attached(&whole, &other), expected, "{other:?}");
            assert_eq!(attached(&other, &whole), reverse, "{other:?}");
        }
    }
}
