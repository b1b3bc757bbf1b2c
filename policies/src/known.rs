//! Principals of a bundle as decisions need them: what Cedar cannot iterate is answered here, from the same records.

use ipnet::IpNet;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, ModelRef, QualifiedName};
use pai_bundle::origin::Places;
use pai_bundle::pattern::Pattern;
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::unit::Tokens;

use crate::attached::{Bindings, Flags};
use crate::context::Restrictions;
use crate::entities::Types;
use crate::facts::Facts;
use crate::load::LoadError;
use crate::numbered::{Named, Numbered};

/// What is read of an agent outside of Cedar.
#[derive(Debug)]
pub(crate) struct AgentFacts {
    pub(crate) entity: Named,
    pub(crate) models: Vec<ModelRef>,
    pub(crate) per_day: Option<Tokens>,
    pub(crate) cost_per_day: Option<NanoUsd>,
    pub(crate) per_request: Option<Tokens>,
    pub(crate) flags: Flags,
    pub(crate) places: Places,
}

/// What is read of an access key outside of Cedar.
#[derive(Debug)]
pub(crate) struct KeyFacts {
    pub(crate) entity: Named,
    pub(crate) allowed_models: Vec<Pattern>,
    pub(crate) allowed_cidrs: Vec<IpNet>,
    pub(crate) per_day: Option<Tokens>,
    pub(crate) cost_per_day: Option<NanoUsd>,
    pub(crate) places: Places,
}

/// The principal of a request, found in the bundle.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known<'a> {
    Agent(&'a AgentFacts),
    AccessKey(&'a KeyFacts),
}

impl Known<'_> {
    pub(crate) fn entity(&self) -> &Named {
        match self {
            Self::Agent(agent) => &agent.entity,
            Self::AccessKey(key) => &key.entity,
        }
    }

    pub(crate) fn per_day(&self) -> Option<Tokens> {
        match self {
            Self::Agent(agent) => agent.per_day,
            Self::AccessKey(key) => key.per_day,
        }
    }

    pub(crate) fn cost_per_day(&self) -> Option<NanoUsd> {
        match self {
            Self::Agent(agent) => agent.cost_per_day,
            Self::AccessKey(key) => key.cost_per_day,
        }
    }

    /// Keys have no cap of their own on one request.
    pub(crate) fn per_request(&self) -> Option<Tokens> {
        match self {
            Self::Agent(agent) => agent.per_request,
            Self::AccessKey(_) => None,
        }
    }

    pub(crate) fn places(&self) -> &Places {
        match self {
            Self::Agent(agent) => &agent.places,
            Self::AccessKey(key) => &key.places,
        }
    }
}

impl AgentFacts {
    pub(crate) fn of(
        agent: &Agent,
        bindings: Bindings<'_>,
        types: &Types,
        numbered: &mut Numbered,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            entity: numbered.named(types.agent(&agent.name)),
            models: agent.models.clone(),
            per_day: agent.max_tokens_per_day,
            cost_per_day: agent.rate_limits.max_cost_per_day(),
            per_request: agent.max_tokens_per_request,
            flags: Flags::of_all(&agent.guards, &agent.name.namespace, bindings)?,
            places: agent.places.clone(),
        })
    }
}

impl KeyFacts {
    pub(crate) fn of(key: &AccessKey, types: &Types, numbered: &mut Numbered) -> Self {
        Self {
            entity: numbered.named(types.access_key(&key.name)),
            allowed_models: key.allowed_models.clone(),
            allowed_cidrs: key.allowed_cidrs.clone(),
            per_day: key.max_tokens_per_day,
            cost_per_day: key.rate_limits.max_cost_per_day(),
            places: key.places.clone(),
        }
    }
}

/// Lists that Cedar cannot iterate, answered here: globs and networks.
pub(crate) fn restrictions(facts: &Facts<'_>, principal: Known<'_>) -> Restrictions {
    Restrictions {
        ip_allowed: is_address_allowed(facts, principal),
        model_allowed: is_model_allowed(facts, principal),
    }
}

/// Whether the request comes from where the principal may be.
pub(crate) fn is_address_allowed(facts: &Facts<'_>, principal: Known<'_>) -> bool {
    let Known::AccessKey(key) = principal else { return true };
    let address = facts.address.to_canonical();
    key.allowed_cidrs.is_empty() || key.allowed_cidrs.iter().any(|net| net.contains(&address))
}

/// Whether the principal's own list has the model.
pub(crate) fn is_model_allowed(facts: &Facts<'_>, principal: Known<'_>) -> bool {
    let Known::AccessKey(key) = principal else { return true };
    key.allowed_models.is_empty() || key.allows(facts.provider, facts.model)
}

impl KeyFacts {
    /// Whether a pattern matches the bare id or the id behind its provider's name.
    fn allows(&self, provider: &QualifiedName, model: &ModelId) -> bool {
        let any = |text: &str| self.allowed_models.iter().any(|pattern| pattern.matches(text));
        any(model.as_str()) || any(&format!("{}/{model}", provider.name))
    }
}
