//! A bundle's principals, providers and models as Cedar entities, built once when the bundle is loaded.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use pai_bundle::Bundle;
use pai_bundle::name::{ModelId, Name, QualifiedName};
use pai_bundle::principal::{AccessKey, Agent, RateLimits};
use pai_bundle::provider::Provider;
use pai_bundle::unit::Tokens;

use crate::attached::{Bindings, Flags};
use crate::facts::Action;
use crate::load::LoadError;
use crate::vocabulary::{action, attribute, entity};

/// Entity types, parsed once: parsing a type's name costs ten times as much as using it.
#[derive(Debug, Clone)]
pub(crate) struct Types {
    namespace: EntityTypeName,
    provider: EntityTypeName,
    model: EntityTypeName,
    agent: EntityTypeName,
    access_key: EntityTypeName,
}

impl Types {
    pub(crate) fn new() -> Result<Self, LoadError> {
        let parse = |name: &'static str| name.parse().map_err(|_| LoadError::Vocabulary { word: name });
        Ok(Self {
            namespace: parse(entity::NAMESPACE)?,
            provider: parse(entity::MODEL_PROVIDER)?,
            model: parse(entity::MODEL)?,
            agent: parse(entity::AGENT)?,
            access_key: parse(entity::ACCESS_KEY)?,
        })
    }

    pub(crate) fn agent(&self, name: &QualifiedName) -> EntityUid {
        uid(&self.agent, &name.to_string())
    }

    pub(crate) fn access_key(&self, name: &QualifiedName) -> EntityUid {
        uid(&self.access_key, &name.to_string())
    }

    pub(crate) fn provider(&self, name: &QualifiedName) -> EntityUid {
        uid(&self.provider, &name.to_string())
    }

    pub(crate) fn model(&self, provider: &QualifiedName, model: &ModelId) -> EntityUid {
        uid(&self.model, &format!("{provider}/{model}"))
    }

    /// What stands for every model of a provider that no manifest names.
    pub(crate) fn placeholder(&self, provider: &QualifiedName) -> EntityUid {
        uid(&self.model, &format!("{provider}/{}", entity::PLACEHOLDER))
    }

    fn namespace(&self, name: &Name) -> EntityUid {
        uid(&self.namespace, name.as_str())
    }
}

fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

/// Every entity of the bundle.
pub(crate) fn build(bundle: &Bundle, types: &Types) -> Result<Entities, LoadError> {
    let mut all = Vec::new();
    let mut namespaces = HashSet::new();
    let mut placed_in = |name: &QualifiedName| {
        let uid = types.namespace(&name.namespace);
        namespaces.insert(uid.clone());
        HashSet::from([uid])
    };
    for provider in &bundle.providers {
        let parents = placed_in(&provider.name);
        all.push(provider_entity(provider, parents, types)?);
        all.extend(model_entities(provider, types)?);
    }
    for agent in &bundle.agents {
        let parents = placed_in(&agent.name);
        let flags = Flags::of_all(&agent.guards, &agent.name.namespace, Bindings(&bundle.guards))?;
        all.push(agent_entity(agent, flags, parents, types)?);
    }
    for key in &bundle.access_keys {
        let parents = placed_in(&key.name);
        all.push(access_key_entity(key, parents, types)?);
    }
    all.extend(action_entities()?);
    all.extend(namespaces.into_iter().map(|uid| Entity::new_no_attrs(uid, HashSet::new())));
    Entities::from_entities(all, None).map_err(|cause| LoadError::Entities(cause.to_string()))
}

/// The actions as a request names them.
pub(crate) fn actions() -> Result<HashMap<Action, EntityUid>, LoadError> {
    Action::ALL.into_iter().map(|action| Ok((action, action_uid(action.as_str())?))).collect()
}

/// The actions with their groups: without a schema at hand Cedar knows `in Action::"use"` only from here.
fn action_entities() -> Result<Vec<Entity>, LoadError> {
    let within = |name, group: &'static str| {
        Ok(Entity::new_no_attrs(action_uid(name)?, HashSet::from([action_uid(group)?])))
    };
    let mut all = vec![
        Entity::new_no_attrs(action_uid(action::USE)?, HashSet::new()),
        within(action::SPEND, action::USE)?,
    ];
    for one in Action::ALL {
        all.push(within(one.as_str(), if one.spends() { action::SPEND } else { action::USE })?);
    }
    Ok(all)
}

fn action_uid(name: &'static str) -> Result<EntityUid, LoadError> {
    let of = "Action".parse().map_err(|_| LoadError::Vocabulary { word: "Action" })?;
    Ok(uid(&of, name))
}

fn provider_entity(
    provider: &Provider,
    parents: HashSet<EntityUid>,
    types: &Types,
) -> Result<Entity, LoadError> {
    let attributes = [
        (attribute::NAME, text(&provider.name)),
        (attribute::KIND, text(&provider.kind)),
        (attribute::EXTERNAL_ACCESS, RestrictedExpression::new_bool(provider.external_access.enabled)),
    ];
    make(types.provider(&provider.name), attributes, parents)
}

/// The models that manifests name, and the placeholder for all others.
fn model_entities(provider: &Provider, types: &Types) -> Result<Vec<Entity>, LoadError> {
    let parent = types.provider(&provider.name);
    let one = |uid: EntityUid| {
        let attributes = [(attribute::PROVIDER, RestrictedExpression::new_entity_uid(parent.clone()))];
        make(uid, attributes, HashSet::from([parent.clone()]))
    };
    let named = provider.models.iter().map(|model| types.model(&provider.name, model));
    named.chain([types.placeholder(&provider.name)]).map(one).collect()
}

fn agent_entity(
    agent: &Agent,
    flags: Flags,
    parents: HashSet<EntityUid>,
    types: &Types,
) -> Result<Entity, LoadError> {
    let models = agent.models.iter().map(|model| {
        let provider = QualifiedName::new(agent.name.namespace.clone(), model.provider.clone());
        RestrictedExpression::new_entity_uid(types.model(&provider, &model.model))
    });
    let mut attributes = vec![
        (attribute::NAME, text(&agent.name)),
        (attribute::MODELS, RestrictedExpression::new_set(models)),
    ];
    attributes.extend(agent.max_tokens_per_request.map(|cap| (attribute::PER_REQUEST, long(cap))));
    attributes.extend(agent.max_tokens_per_day.map(|cap| (attribute::PER_DAY, long(cap))));
    attributes.extend(cost_per_day(&agent.rate_limits));
    for (name, flags) in [(attribute::GUARD_HITS, flags.hits), (attribute::GUARD_FAILURES, flags.failures)] {
        if !flags.is_empty() {
            attributes.push((name, strings(flags)));
        }
    }
    make(types.agent(&agent.name), attributes, parents)
}

fn access_key_entity(
    key: &AccessKey,
    parents: HashSet<EntityUid>,
    types: &Types,
) -> Result<Entity, LoadError> {
    let providers = key.providers.iter().map(|provider| {
        let provider = QualifiedName::new(key.name.namespace.clone(), provider.clone());
        RestrictedExpression::new_entity_uid(types.provider(&provider))
    });
    let mut attributes = vec![
        (attribute::NAME, text(&key.name)),
        (attribute::PROVIDERS, RestrictedExpression::new_set(providers)),
    ];
    attributes.extend(key.expires.map(|at| (attribute::EXPIRES, RestrictedExpression::new_long(at.0))));
    attributes.extend(key.max_tokens_per_day.map(|cap| (attribute::PER_DAY, long(cap))));
    attributes.extend(cost_per_day(&key.rate_limits));
    make(types.access_key(&key.name), attributes, parents)
}

fn make(
    uid: EntityUid,
    attributes: impl IntoIterator<Item = (&'static str, RestrictedExpression)>,
    parents: HashSet<EntityUid>,
) -> Result<Entity, LoadError> {
    let attributes: HashMap<String, RestrictedExpression> =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Entity::new(uid, attributes, parents).map_err(|cause| LoadError::Entities(cause.to_string()))
}

/// A set of these.
fn strings(values: impl IntoIterator<Item = String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().map(RestrictedExpression::new_string))
}

fn text(value: &impl ToString) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_string())
}

fn cost_per_day(rates: &RateLimits) -> Option<(&'static str, RestrictedExpression)> {
    let cap = rates.max_cost_per_day()?;
    Some((attribute::NANO_USD_PER_DAY, RestrictedExpression::new_long(cap.as_cedar_long())))
}

fn long(tokens: Tokens) -> RestrictedExpression {
    RestrictedExpression::new_long(tokens.as_cedar_long())
}
