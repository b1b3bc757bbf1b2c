//! Attached guards as policies: forbids of a provider's slice for what refuses, and, apart from all decisions, what only
//! records. An agent's refusals are entity data that the base rules read.

use std::collections::BTreeMap;

use pai_bundle::guard::GuardUse;
use pai_bundle::name::QualifiedName;
use pai_bundle::origin::Places;
use pai_bundle::principal::Agent;
use pai_bundle::provider::Provider;
use pai_policies::attached::{Bindings, Flags};
use pai_policies::vocabulary::{action, annotation, code, context, entity, kind};

use super::policy::{Built, Forbid, LowerError, When, Who, flagged};

/// What an attached guard does.
#[derive(Debug, Clone, Copy)]
enum Does {
    RefuseHits,
    RefuseFailures,
    Record,
}

/// A guard where it is attached.
struct Attachment {
    /// Unlike that of every other one of its resource: `injection`, and `injection/2` for the second of that binding.
    id: String,
    flags: Flags,
    field: String,
}

/// The forbids of a provider's guards.
pub(super) fn refusals(provider: &Provider, bindings: Bindings<'_>) -> Result<Vec<Forbid>, LowerError> {
    let holder = Holder::provider(provider);
    let mut all = Vec::new();
    for attachment in holder.attachments(&provider.guards, bindings)? {
        all.extend(holder.forbid(&attachment, Does::RefuseHits));
        all.extend(holder.forbid(&attachment, Does::RefuseFailures));
    }
    Ok(all)
}

/// What guards of providers and agents only record, sorted by id.
pub(crate) fn audits(
    providers: &[Provider],
    agents: &[Agent],
    bindings: Bindings<'_>,
) -> Result<Vec<Built>, LowerError> {
    let providers = providers.iter().map(|provider| (Holder::provider(provider), &provider.guards));
    let agents = agents.iter().map(|agent| (Holder::agent(agent), &agent.guards));
    let mut all = Vec::new();
    for (holder, guards) in providers.chain(agents) {
        for attachment in holder.attachments(guards, bindings)? {
            if let Some(forbid) = holder.forbid(&attachment, Does::Record) {
                all.push(forbid.build()?);
            }
        }
    }
    all.sort_by(|a, b| a.policy.id.cmp(&b.policy.id));
    Ok(all)
}

/// Whom guards are attached to.
struct Holder<'a> {
    kind: &'static str,
    name: &'a QualifiedName,
    places: &'a Places,
}

impl<'a> Holder<'a> {
    fn provider(provider: &'a Provider) -> Self {
        Self { kind: entity::MODEL_PROVIDER, name: &provider.name, places: &provider.places }
    }

    fn agent(agent: &'a Agent) -> Self {
        Self { kind: entity::AGENT, name: &agent.name, places: &agent.places }
    }

    fn attachments(
        &self,
        guards: &[GuardUse],
        bindings: Bindings<'_>,
    ) -> Result<Vec<Attachment>, LowerError> {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        let mut all = Vec::with_capacity(guards.len());
        for (place, guard) in guards.iter().enumerate() {
            let time = times.entry(&guard.binding).and_modify(|time| *time += 1).or_insert(1);
            let id = match time {
                1 => guard.binding.clone(),
                time => format!("{}/{time}", guard.binding),
            };
            let (_, flags) = Flags::of(guard, &self.name.namespace, bindings).map_err(|cause| {
                LowerError::Build { id: format!("{}/{}", self.name, guard.binding), cause: cause.to_string() }
            })?;
            all.push(Attachment { id, flags, field: format!("/spec/guards/{place}") });
        }
        Ok(all)
    }

    fn forbid(&self, attachment: &Attachment, does: Does) -> Option<Forbid> {
        let Attachment { id, flags, field } = attachment;
        let (flags, read, code, ending) = match does {
            Does::RefuseHits => (&flags.hits, context::GUARD_HITS, code::GUARD_REFUSED, ""),
            Does::RefuseFailures => {
                (&flags.failures, context::GUARD_FAILURES, code::GUARD_UNAVAILABLE, "/failures")
            }
            Does::Record => (&flags.audits, context::GUARD_HITS, code::GUARD_AUDITED, "/audit"),
        };
        let (reason, help) = does.says();
        let origin = self.places.of(field);
        // A slice is only asked about its provider; what records stands among that of all others.
        let (principal, within) = match (does, self.kind) {
            (Does::Record, entity::AGENT) => (Who::One(self.kind, self.name.to_string()), None),
            (Does::Record, _) => (Who::Anyone, Some((self.kind, self.name.to_string()))),
            _ => (Who::Anyone, None),
        };
        (!flags.is_empty()).then(|| Forbid {
            id: format!("{}/{}/guards/{id}{ending}", self.kind, self.name),
            annotations: vec![
                (annotation::CODE, code.to_owned()),
                (annotation::KIND, kind::PERMISSION.to_owned()),
                (annotation::REASON, reason.to_owned()),
                (annotation::HELP, help.to_owned()),
                (annotation::SOURCE, origin.to_string()),
                (annotation::FIELD, field.clone()),
            ],
            origin,
            principal,
            action: action::USE,
            within,
            clause: When::All(vec![flagged(read, flags)]),
        })
    }
}

impl Does {
    /// The sentences of the base rules that do the same for agents.
    fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::RefuseHits => (
                "guard {guard} found {label} ({score}) in {target}",
                "take that text out of the conversation, or ask the platform team about the guard",
            ),
            Self::RefuseFailures => (
                "guard {guard} could not judge {target}, and nothing passes it unread",
                "try again: the guard's classifier does not answer; if that goes on, tell the platform team",
            ),
            Self::Record => (
                "guard {guard} found {label} ({score}) in {target}; this is recorded and nothing is refused",
                "set enforcement: enforce where the guard is attached to refuse it",
            ),
        }
    }
}
