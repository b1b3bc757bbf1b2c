//! Differences and changed fields, put together into sentences: one for what changed, however many it concerns.

use std::collections::{BTreeMap, BTreeSet};

use pai_bundle::name::QualifiedName;
use pai_bundle::origin::Origin;
use pai_policies::Cause;
use pai_policies::candidate::Directory;

use super::access::{Difference, Extent, principals, subject_of};
use super::fields::{Field, Fields, Nature, Subject};
use super::guards;
use super::points::Setting;
use super::report::{Effect, Finding, Replay};
use super::wording;
use crate::inspect::question::Who;

/// Everything that there is to say, in order.
pub(super) fn findings(setting: &Setting<'_>, fields: [&Fields; 2], seen: Vec<Difference>) -> Vec<Finding> {
    let mut told = Told { setting, fields, explained: BTreeSet::new(), findings: Vec::new() };
    let (whole, part): (Vec<Difference>, Vec<Difference>) =
        seen.into_iter().partition(|difference| difference.extent == Extent::Whole);
    told.whole(whole);
    told.part(part);
    told.resources();
    told.fields();
    let mut findings = told.findings;
    findings.sort_by(|a, b| (a.effect, &a.sentence).cmp(&(b.effect, &b.sentence)));
    findings
}

struct Told<'a> {
    setting: &'a Setting<'a>,
    fields: [&'a Fields; 2],
    explained: BTreeSet<(Subject, &'static str)>,
    findings: Vec<Finding>,
}

/// What a difference comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Field(Subject, &'static str),
    Policy(String),
}

/// Whether a principal was there before, and is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Presence {
    New,
    Gone,
    Both,
}

/// What principals share that are named in one sentence: effect, presence, whether they are agents, reason, models.
type Alike = (Effect, Presence, bool, String, BTreeSet<String>);

impl Told<'_> {
    /// Principals that gain or lose models, those with the same models and the same reason together.
    fn whole(&mut self, seen: Vec<Difference>) {
        let mut of_principal: BTreeMap<(Effect, Who, Reason), (BTreeSet<String>, Replay)> = BTreeMap::new();
        for difference in seen {
            let reason = self.reason(&difference);
            self.explain(&reason);
            let replay = difference.replay;
            let (models, _) = of_principal
                .entry((difference.effect, difference.who, reason))
                .or_insert_with(|| (BTreeSet::new(), replay));
            models.insert(difference.models);
        }
        let mut together: BTreeMap<Alike, Vec<(Who, Replay)>> = BTreeMap::new();
        for ((effect, who, reason), (models, replay)) in of_principal {
            let presence = self.presence(&who);
            let because = match (&reason, presence) {
                (_, Presence::New | Presence::Gone) => String::new(),
                (Reason::Field(Subject::Provider(name), pointer), _) => {
                    format!(" ({} of provider {})", dotted(pointer), wording::named(name))
                }
                (Reason::Field(_, pointer), _) => format!(" ({})", dotted(pointer)),
                (Reason::Policy(id), _) => format!(" (policy {id})"),
            };
            let is_agent = matches!(who, Who::Agent(_));
            together.entry((effect, presence, is_agent, because, models)).or_default().push((who, replay));
        }
        for ((effect, presence, is_agent, because, models), mut list) in together {
            let who: Vec<&Who> = list.iter().map(|(who, _)| who).collect();
            let names = wording::principals(&who, self.count(is_agent));
            let models: Vec<String> = models.into_iter().collect();
            let models = wording::and(&models);
            let one = who.len() == 1 || names.starts_with("every ");
            let verb = match (presence, effect, one) {
                (Presence::New, _, true) => "is new and may use",
                (Presence::New, _, false) => "are new and may use",
                (Presence::Gone, _, true) => "is gone and loses",
                (Presence::Gone, _, false) => "are gone and lose",
                (Presence::Both, Effect::Widens, true) => "gains",
                (Presence::Both, Effect::Widens, false) => "gain",
                (Presence::Both, _, true) => "loses",
                (Presence::Both, _, false) => "lose",
            };
            let Some((first, replay)) = (!list.is_empty()).then(|| list.swap_remove(0)) else { continue };
            let origin = |side: usize| self.list_of(side, &first);
            let (old, new) = (
                replay.before.origin.clone().filter(|_| presence == Presence::Both).or_else(|| origin(0)),
                replay.after.origin.clone().filter(|_| presence == Presence::Both).or_else(|| origin(1)),
            );
            let sentence = format!("{names} {verb} {models}{because}");
            self.findings.push(Finding { effect, sentence, old, new, request: Some(replay) });
        }
    }

    /// Limits that moved, and rules of the authors that refuse more or less.
    fn part(&mut self, seen: Vec<Difference>) {
        let mut by_reason: BTreeMap<(Effect, Reason), Vec<Difference>> = BTreeMap::new();
        for difference in seen {
            let reason = self.reason(&difference);
            by_reason.entry((difference.effect, reason)).or_default().push(difference);
        }
        let mut moved: BTreeMap<(Effect, bool, &'static str, String, String), Vec<Difference>> =
            BTreeMap::new();
        for ((effect, reason), list) in by_reason {
            self.explain(&reason);
            match &reason {
                Reason::Field(subject @ (Subject::Agent(_) | Subject::AccessKey(_)), pointer) => {
                    let [old, new] = self.texts(subject, pointer);
                    let is_agent = matches!(subject, Subject::Agent(_));
                    moved.entry((effect, is_agent, pointer, old, new)).or_default().extend(list);
                }
                Reason::Field(subject, pointer) => {
                    let [old, new] = self.texts(subject, pointer);
                    let concerns = self.concerned(&list);
                    let sentence = format!(
                        "{} of {} goes from {old} to {new}, for {concerns}",
                        dotted(pointer),
                        subject.describe()
                    );
                    let origins = self.origins(subject, pointer);
                    self.push(effect, sentence, origins, list);
                }
                Reason::Policy(id) => {
                    let does = if effect == Effect::Widens { "no longer refuses" } else { "now refuses" };
                    let models: BTreeSet<String> =
                        list.iter().map(|difference| difference.models.clone()).collect();
                    let models: Vec<String> = models.into_iter().collect();
                    let sentence = format!(
                        "policy {id} {does} some requests of {} to {}",
                        self.concerned(&list),
                        wording::and(&models)
                    );
                    let origins = self.setting.worlds.map(|world| {
                        let policies = world.bundle().authored_policies.iter();
                        policies
                            .filter(|policy| policy.id.as_str() == id)
                            .map(|policy| policy.origin.clone())
                            .next()
                    });
                    self.push(effect, sentence, origins, list);
                }
            }
        }
        for ((effect, is_agent, pointer, old, new), list) in moved {
            let who: BTreeSet<&Who> = list.iter().map(|difference| &difference.who).collect();
            let who: Vec<&Who> = who.into_iter().collect();
            let names = wording::principals(&who, self.count(is_agent));
            let sentence = format!("{} of {names} goes from {old} to {new}", dotted(pointer));
            let subject = who.first().map(|who| subject_of(who));
            let origins = subject.map_or([None, None], |subject| self.origins(&subject, pointer));
            self.push(effect, sentence, origins, list);
        }
    }

    fn push(
        &mut self,
        effect: Effect,
        sentence: String,
        origins: [Option<Origin>; 2],
        list: Vec<Difference>,
    ) {
        let Some(first) = list.into_iter().next() else { return };
        let [old, new] = origins;
        let request = first.replay;
        let old = old.or_else(|| request.before.origin.clone());
        let new = new.or_else(|| request.after.origin.clone());
        self.findings.push(Finding { effect, sentence, old, new, request: Some(request) });
    }

    /// Resources that came and went and that nobody gains or loses anything by.
    fn resources(&mut self) {
        let subjects =
            |side: &Fields| side.keys().map(|(subject, _)| subject.clone()).collect::<BTreeSet<_>>();
        let [old, new] = self.fields.map(subjects);
        let told: Vec<String> = self.findings.iter().map(|finding| finding.sentence.clone()).collect();
        for (subject, is_new) in new
            .difference(&old)
            .map(|subject| (subject, true))
            .chain(old.difference(&new).map(|subject| (subject, false)))
        {
            let (is_principal, who) = match subject {
                Subject::Agent(name) => (true, Some(Who::Agent(name.clone()))),
                Subject::AccessKey(name) => (true, Some(Who::AccessKey(name.clone()))),
                Subject::Provider(_) | Subject::Guard(_) => (false, None),
            };
            let is_told = who.is_some_and(|who| {
                self.findings.iter().any(|finding| {
                    finding.request.as_ref().is_some_and(|request| request.question.who == who)
                })
            }) || told.iter().any(|sentence| sentence.contains(&subject.describe()));
            if is_principal && is_told {
                continue;
            }
            let end = if is_principal { ", and may use nothing" } else { "" };
            let sentence = match is_new {
                true => format!("{} is new{end}", subject.describe()),
                false if is_principal => format!("{} is gone; it could use nothing", subject.describe()),
                false => format!("{} is gone", subject.describe()),
            };
            let side = usize::from(is_new);
            let place = self.fields.get(side).and_then(|fields| {
                fields.iter().find(|((other, _), _)| other == subject).map(|(_, field)| field.origin.clone())
            });
            let (old, new) = if is_new { (None, place) } else { (place, None) };
            self.findings.push(Finding { effect: Effect::Neither, sentence, old, new, request: None });
        }
    }

    /// Fields that changed and that no request told of.
    fn fields(&mut self) {
        let [old, new] = self.fields;
        for ((subject, pointer), before) in old {
            let Some(after) = new.get(&(subject.clone(), *pointer)) else { continue };
            let is_explained = self.explained.contains(&(subject.clone(), *pointer));
            if before.text == after.text || is_explained {
                continue;
            }
            let (effect, end) = effect_of(before, after);
            let request = guards::request(self.setting, subject, [before, after], effect);
            let end = if request.is_none() { end } else { "" };
            let sentence = format!(
                "{} of {} goes from {} to {}{end}",
                dotted(pointer),
                subject.describe(),
                before.text,
                after.text
            );
            let (old, new) = (Some(before.origin.clone()), Some(after.origin.clone()));
            self.findings.push(Finding { effect, sentence, old, new, request });
        }
    }

    /// The first cause whose field changed; else the first.
    fn reason(&self, difference: &Difference) -> Reason {
        let of_cause = |cause: &Cause| {
            let (subject, pointer) = field_of(cause, difference)?;
            let [old, new] =
                self.fields.map(|fields| fields.get(&(subject.clone(), pointer)).map(|field| &field.text));
            (old != new).then_some(Reason::Field(subject, pointer))
        };
        // In part every cause has been taken apart, and the first is the one that is meant.
        let causes = match difference.extent {
            Extent::Whole => difference.causes.as_slice(),
            Extent::Part => difference.causes.get(..1).unwrap_or_default(),
        };
        let policy = || difference.causes.first().map_or_else(String::new, |cause| cause.policy.to_string());
        causes.iter().find_map(of_cause).unwrap_or_else(|| Reason::Policy(policy()))
    }

    fn explain(&mut self, reason: &Reason) {
        if let Reason::Field(subject, pointer) = reason {
            self.explained.insert((subject.clone(), pointer));
        }
    }

    fn presence(&self, who: &Who) -> Presence {
        let [was, is] = self.setting.worlds.map(|world| match who {
            Who::Agent(name) => world.agent(name).is_some(),
            Who::AccessKey(name) => world.access_key(name).is_some(),
        });
        match (was, is) {
            (false, true) => Presence::New,
            (true, false) => Presence::Gone,
            _ => Presence::Both,
        }
    }

    fn count(&self, is_agent: bool) -> usize {
        principals(self.setting).iter().filter(|who| matches!(who, Who::Agent(_)) == is_agent).count()
    }

    /// Agents, then keys.
    fn concerned(&self, list: &[Difference]) -> String {
        let all: BTreeSet<&Who> = list.iter().map(|difference| &difference.who).collect();
        let (agents, keys): (Vec<&Who>, Vec<&Who>) =
            all.into_iter().partition(|who| matches!(who, Who::Agent(_)));
        let texts =
            [wording::principals(&agents, self.count(true)), wording::principals(&keys, self.count(false))];
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        texts.join(" and ")
    }

    fn field(&self, side: usize, subject: &Subject, pointer: &'static str) -> Option<&Field> {
        self.fields.get(side)?.get(&(subject.clone(), pointer))
    }

    fn texts(&self, subject: &Subject, pointer: &'static str) -> [String; 2] {
        [0, 1].map(|side| {
            self.field(side, subject, pointer)
                .map_or_else(|| "nothing".to_owned(), |field| field.text.clone())
        })
    }

    fn origins(&self, subject: &Subject, pointer: &'static str) -> [Option<Origin>; 2] {
        [0, 1].map(|side| self.field(side, subject, pointer).map(|field| field.origin.clone()))
    }

    /// Where a principal's models or providers are listed.
    fn list_of(&self, side: usize, who: &Who) -> Option<Origin> {
        let pointer = match who {
            Who::Agent(_) => "/spec/models",
            Who::AccessKey(_) => "/spec/providers",
        };
        self.field(side, &subject_of(who), pointer).map(|field| field.origin.clone())
    }
}

fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// The manifest field that a policy of ours comes from.
fn field_of(cause: &Cause, difference: &Difference) -> Option<(Subject, &'static str)> {
    let provider = |name: &QualifiedName| Subject::Provider(name.clone());
    let principal = subject_of(&difference.who);
    let id = cause.policy.as_str();
    Some(match id {
        "base/agent-models" => (principal, "/spec/models"),
        "base/known-model" => match difference.who {
            Who::Agent(_) => (principal, "/spec/models"),
            Who::AccessKey(_) => (principal, "/spec/providers"),
        },
        "base/agent-per-request" => (principal, "/spec/tokens/maxPerRequest"),
        "base/agent-per-day" => (principal, "/spec/tokens/maxPerDay"),
        "base/agent-cost-per-day" => (principal, "/spec/rateLimits/maxCostPerDayUSD"),
        "base/key-cost-per-day" => (principal, "/spec/maxCostPerDayUSD"),
        "base/key-providers" => (principal, "/spec/providers"),
        "base/key-models" => (principal, "/spec/allowedModels"),
        "base/key-address" => (principal, "/spec/allowedCidrs"),
        "base/key-expired" => (principal, "/spec/expires"),
        "base/key-per-day" => (principal, "/spec/maxTokensPerDay"),
        "base/key-external" => (provider(&difference.provider), "/spec/externalAccess/enabled"),
        _ if id.starts_with("ModelProvider/") => {
            let pointer = match id.rsplit('/').next()? {
                "allowedModels" => "/spec/allowedModels",
                "deniedModels" => "/spec/deniedModels",
                "maxTokensPerRequest" => "/spec/maxTokensPerRequest",
                "maxTokensPerDay" => "/spec/maxTokensPerDay",
                "externalAccess.maxTokensPerDay" => "/spec/externalAccess/maxTokensPerDay",
                _ => return None,
            };
            (provider(&difference.provider), pointer)
        }
        _ => return None,
    })
}

/// Of a change that no request shows.
const UNSEEN: &str = "; no request is decided otherwise";

/// Which way a field goes that no policy of a limit or a list tells of, and what is to be added where no request shows it.
fn effect_of(before: &Field, after: &Field) -> (Effect, &'static str) {
    match (&before.nature, &after.nature) {
        (Nature::Rate(old), Nature::Rate(new)) => {
            let bound = |cap: &Option<u64>| cap.unwrap_or(u64::MAX);
            (if bound(new) > bound(old) { Effect::Widens } else { Effect::Narrows }, "")
        }
        (Nature::Guards(old), Nature::Guards(new)) => (guards::attached(old, new), UNSEEN),
        (Nature::Hits(old), Nature::Hits(new)) => (guards::thresholds(old, new), ""),
        (Nature::Failures(old), Nature::Failures(new)) => (guards::failures(*old, *new), UNSEEN),
        (Nature::Decided, _) => (Effect::Neither, UNSEEN),
        _ => (Effect::Neither, ""),
    }
}
