//! Who may ask which model, tried on both sides: every principal, every sort of model, every request that can be told
//! apart. What neither side's records and rules changed is not tried, since it cannot differ.

use std::collections::{BTreeMap, BTreeSet};

use pai_bundle::name::{ModelId, Name, QualifiedName};
use pai_bundle::pattern::Pattern;
use pai_policies::candidate::{Candidate, Directory};
use pai_policies::{Cause, Denial, GuardFacts};

use super::fields::{Fields, Nature, Subject};
use super::models::{self, Class, Rules};
use super::points::{Point, Points, Setting, points};
use super::report::{Effect, Replay, Verdict};
use super::wording;
use crate::inspect::question::{Question, Who};
use crate::inspect::world::World;

/// One principal and one sort of model, decided otherwise.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) who: Who,
    pub(super) provider: QualifiedName,
    pub(super) effect: Effect,
    pub(super) extent: Extent,
    /// The models in words.
    pub(super) models: String,
    /// What refuses on the side that refuses, the most telling first.
    pub(super) causes: Vec<Cause>,
    pub(super) replay: Replay,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// One side refuses whatever is tried.
    Whole,
    /// Both sides allow some requests.
    Part,
}

/// The principals of both sides.
pub(super) fn principals(setting: &Setting<'_>) -> BTreeSet<Who> {
    setting.worlds.iter().flat_map(|world| world.principals()).collect()
}

/// The providers that a principal's manifests name, on either side. No request of its reaches another one.
pub(super) fn providers(setting: &Setting<'_>, who: &Who) -> BTreeSet<QualifiedName> {
    let mut names: BTreeSet<&Name> = BTreeSet::new();
    for world in setting.worlds {
        match who {
            Who::Agent(name) => {
                let models = world.agent(name).map(|agent| agent.models.as_slice()).unwrap_or_default();
                names.extend(models.iter().map(|model| &model.provider));
            }
            Who::AccessKey(name) => {
                let key = world.access_key(name);
                names.extend(key.map(|key| key.providers.as_slice()).unwrap_or_default());
            }
        }
    }
    let namespace = &who.name().namespace;
    names.into_iter().map(|name| QualifiedName::new(namespace.clone(), name.clone())).collect()
}

/// A principal and a provider that it can mean.
pub(super) struct Pair {
    pub(super) who: Who,
    pub(super) provider: QualifiedName,
}

/// All of them.
pub(super) fn pairs(setting: &Setting<'_>) -> impl Iterator<Item = Pair> {
    principals(setting).into_iter().flat_map(|who| {
        let providers = providers(setting, &who);
        providers.into_iter().map(move |provider| Pair { who: who.clone(), provider })
    })
}

/// Whose fields a principal's are.
pub(super) fn subject_of(who: &Who) -> Subject {
    match who {
        Who::Agent(name) => Subject::Agent(name.clone()),
        Who::AccessKey(name) => Subject::AccessKey(name.clone()),
    }
}

/// Whether anything that decides about this principal and provider differs.
pub(super) fn may_differ(fields: [&Fields; 2], who: &Who, provider: &QualifiedName) -> bool {
    [subject_of(who), Subject::Provider(provider.clone())].iter().any(|subject| {
        let [old, new] = fields.map(|fields| decided(fields, subject));
        old != new
    })
}

fn decided<'a>(fields: &'a Fields, subject: &'a Subject) -> Vec<(&'static str, &'a str)> {
    let of_subject =
        fields.range((subject.clone(), "")..).take_while(move |((other, _), _)| other == subject);
    let decided = of_subject.filter(|(_, field)| field.nature == Nature::Decided);
    decided.map(|((_, pointer), field)| (*pointer, field.text.as_str())).collect()
}

/// The models to try, the patterns that tell them apart, and whether these are all sorts.
pub(super) struct Models {
    pub(super) classes: Vec<Class>,
    stars: BTreeSet<Pattern>,
    pub(super) are_complete: bool,
}

/// For an agent the models of its lists, since no other is let through; for a key one of every sort.
pub(super) fn models(setting: &Setting<'_>, who: &Who, provider: &QualifiedName) -> Models {
    let mut named: BTreeSet<ModelId> = BTreeSet::new();
    let mut patterns: BTreeSet<Pattern> = BTreeSet::new();
    match who {
        Who::Agent(name) => {
            let agents = setting.worlds.iter().filter_map(|world| world.agent(name));
            let listed = agents.flat_map(|agent| &agent.models);
            named.extend(
                listed.filter(|model| model.provider == provider.name).map(|model| model.model.clone()),
            );
            let of_name = |model: ModelId| Class { model, is_named: true, within: BTreeSet::new() };
            let classes = named.into_iter().map(of_name).collect();
            return Models { classes, stars: BTreeSet::new(), are_complete: true };
        }
        Who::AccessKey(name) => {
            let prefix = format!("{}/", provider.name);
            for key in setting.worlds.iter().filter_map(|world| world.access_key(name)) {
                patterns.extend(key.allowed_models.iter().cloned());
                patterns.extend(key.allowed_models.iter().flat_map(|pattern| pattern.behind(&prefix)));
            }
        }
    }
    for provider in setting.worlds.iter().filter_map(|world| world.provider(provider)) {
        named.extend(provider.models.iter().cloned());
        patterns.extend(provider.allowed_models.iter().chain(&provider.denied_models).cloned());
    }
    patterns.extend(setting.constants.models.iter().cloned());
    let rules = if setting.constants.names_models { Rules::NameModels } else { Rules::MatchIds };
    let found = models::classes(&named, &patterns, rules);
    let stars = patterns.into_iter().filter(|pattern| !pattern.is_literal()).collect();
    Models { classes: found.all, stars, are_complete: found.are_complete }
}

/// What differs for one principal and provider; also what could not be tried.
pub(super) fn differences(
    setting: &Setting<'_>,
    who: &Who,
    provider: &QualifiedName,
    not_enumerated: &mut BTreeSet<String>,
) -> Vec<Difference> {
    let models = models(setting, who, provider);
    let Points { all: points, are_complete } = points(setting, who, provider);
    if !(models.are_complete && are_complete) {
        not_enumerated.insert(format!(
            "there are too many sorts of requests of {} to {} to try them all",
            wording::who(who),
            wording::named(provider)
        ));
    }
    let mut whole: Vec<(&Class, Witness)> = Vec::new();
    let mut parts: BTreeMap<(Effect, String), Vec<(&Class, Witness)>> = BTreeMap::new();
    for class in &models.classes {
        let tried = try_all(setting, who, provider, &class.model, &points);
        match tried.extent {
            Extent::Whole => whole.extend(tried.plainest.map(|witness| (class, witness))),
            Extent::Part => {
                for (key, witness) in tried.parts {
                    parts.entry(key).or_default().push((class, witness));
                }
            }
        }
    }
    let mut found = Vec::new();
    let mut by_effect: BTreeMap<Effect, Vec<(&Class, Witness)>> = BTreeMap::new();
    for (class, witness) in whole {
        by_effect.entry(witness.effect).or_default().push((class, witness));
    }
    let difference = |extent, label: String, witness: Witness| {
        let model = candidate(provider, &witness.model);
        Difference {
            who: who.clone(),
            provider: provider.clone(),
            effect: witness.effect,
            extent,
            models: label,
            replay: witness.replay(setting, who, &model),
            causes: witness.causes,
        }
    };
    for seen in by_effect.into_values() {
        for (label, witness) in folded(seen, &models, provider) {
            found.push(difference(Extent::Whole, label, witness));
        }
    }
    for seen in parts.into_values() {
        for (label, witness) in folded(seen, &models, provider) {
            found.push(difference(Extent::Part, label, witness));
        }
    }
    found
}

fn candidate(provider: &QualifiedName, model: &ModelId) -> Candidate {
    Candidate { provider: provider.clone(), model: model.clone() }
}

/// A request that is decided otherwise.
#[derive(Debug, Clone)]
struct Witness {
    effect: Effect,
    point: Point,
    model: ModelId,
    causes: Vec<Cause>,
}

impl Witness {
    fn replay(&self, setting: &Setting<'_>, who: &Who, model: &Candidate) -> Replay {
        let question = self.point.question(who, &model.provider, &model.model);
        let [before, after] =
            setting.worlds.map(|world| verdict(world.consider(&question, model.clone()).denial.as_deref()));
        Replay::new(question, before, after)
    }
}

fn verdict(denial: Option<&Denial>) -> Verdict {
    let first = denial.map(|denial| &denial.first);
    Verdict {
        allowed: denial.is_none(),
        policy: first.map(|cause| cause.policy.to_string()),
        reason: first.map(|cause| cause.reason.clone()),
        origin: first.map(|cause| cause.origin.clone()),
    }
}

/// What was seen of one model.
struct Tried {
    extent: Extent,
    plainest: Option<Witness>,
    /// By effect and by every policy that refuses: each has changed, since the other side allows.
    parts: BTreeMap<(Effect, String), Witness>,
}

fn try_all(
    setting: &Setting<'_>,
    who: &Who,
    provider: &QualifiedName,
    model: &ModelId,
    points: &[Point],
) -> Tried {
    let candidate = candidate(provider, model);
    let mut allowed = [false; 2];
    let mut plainest: Option<Witness> = None;
    let mut parts: BTreeMap<(Effect, String), Witness> = BTreeMap::new();
    for point in points {
        let question = point.question(who, provider, model);
        let [old, new] = setting.worlds.map(|world| world.consider(&question, candidate.clone()).denial);
        let [old_allowed, new_allowed] = &mut allowed;
        *old_allowed |= old.is_none();
        *new_allowed |= new.is_none();
        let (effect, denial) = match (old, new) {
            (Some(denial), None) => (Effect::Widens, denial),
            (None, Some(denial)) => (Effect::Narrows, denial),
            _ => continue,
        };
        let causes: Vec<Cause> = denial.causes().cloned().collect();
        let witness = Witness { effect, point: *point, model: model.clone(), causes };
        for cause in &witness.causes {
            let kept = parts.entry((effect, cause.policy.to_string())).or_insert_with(|| witness.clone());
            if is_plainer(&witness, kept) {
                kept.clone_from(&witness);
                let place = kept.causes.iter().position(|other| other.policy == cause.policy).unwrap_or(0);
                kept.causes.swap(0, place);
            } else if let Some(place) = kept.causes.iter().position(|other| other.policy == cause.policy) {
                kept.causes.swap(0, place);
            }
        }
        if plainest.as_ref().is_none_or(|kept| is_plainer(&witness, kept)) {
            plainest = Some(witness);
        }
    }
    let extent = if allowed == [true, true] { Extent::Part } else { Extent::Whole };
    Tried { extent, plainest, parts }
}

fn is_plainer(one: &Witness, other: &Witness) -> bool {
    (one.point.oddness, one.causes.len()) < (other.point.oddness, other.causes.len())
}

/// The models of one effect in as few words as there are: a sort stands for the named models that fare as it does.
fn folded(seen: Vec<(&Class, Witness)>, models: &Models, provider: &QualifiedName) -> Vec<(String, Witness)> {
    let provider = wording::named(provider);
    if seen.len() == models.classes.len() && seen.iter().any(|(class, _)| !class.is_named) {
        return seen
            .into_iter()
            .last()
            .map(|(_, witness)| (format!("every model of {provider}"), witness))
            .into_iter()
            .collect();
    }
    let sorts: BTreeSet<&BTreeSet<Pattern>> =
        seen.iter().filter(|(class, _)| !class.is_named).map(|(class, _)| &class.within).collect();
    let touched: BTreeSet<&ModelId> = seen.iter().map(|(class, _)| &class.model).collect();
    let mut found = Vec::new();
    for (class, witness) in &seen {
        if class.is_named {
            if !sorts.contains(&class.within) {
                found.push((format!("{provider}/{}", class.model), witness.clone()));
            }
            continue;
        }
        let except: Vec<&ModelId> = models
            .classes
            .iter()
            .filter(|other| other.is_named && other.within == class.within && !touched.contains(&other.model))
            .map(|other| &other.model)
            .collect();
        // A model that somebody knows shows more than a made-up one.
        let known = seen.iter().find(|(other, _)| other.is_named && other.within == class.within);
        let witness = known.map_or(witness, |(_, witness)| witness).clone();
        found.push((models::label(&provider, class, &models.stars, &except), witness));
    }
    found
}

/// Whether a principal can spend anything with a provider.
pub(super) fn can_spend(setting: &Setting<'_>, world: &World, who: &Who, provider: &QualifiedName) -> bool {
    if world.provider(provider).is_none() {
        return false;
    }
    let points = points(setting, who, provider).all;
    let plain: Vec<&Point> = points.iter().filter(|point| point.is_smallest()).collect();
    models(setting, who, provider).classes.iter().any(|class| {
        let candidate = candidate(provider, &class.model);
        plain.iter().any(|point| {
            let question = point.question(who, provider, &class.model);
            world.consider(&question, candidate.clone()).denial.is_none()
        })
    })
}

/// A small request that goes the given way between the two sides, if guards found one of these.
pub(super) fn flagged(
    setting: &Setting<'_>,
    Pair { who, provider }: &Pair,
    found: &[GuardFacts],
    effect: Effect,
) -> Option<Replay> {
    let points = points(setting, who, provider).all;
    let plain: Vec<&Point> = points.iter().filter(|point| point.is_smallest()).collect();
    for class in models(setting, who, provider).classes {
        let candidate = candidate(provider, &class.model);
        for (point, facts) in plain.iter().flat_map(|point| found.iter().map(move |facts| (point, facts))) {
            let question = Question { guard: facts.clone(), ..point.question(who, provider, &class.model) };
            let denials = setting.worlds.map(|world| world.consider(&question, candidate.clone()).denial);
            let goes = match &denials {
                [Some(_), None] => Effect::Widens,
                [None, Some(_)] => Effect::Narrows,
                _ => continue,
            };
            if goes == effect {
                let [before, after] = denials.map(|denial| verdict(denial.as_deref()));
                return Some(Replay::new(question, before, after));
            }
        }
    }
    None
}
