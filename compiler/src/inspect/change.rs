//! One change to a bundle that lets more through, as an editor of the manifests would make it: what explanations
//! advise, and what weakened copies of a bundle are made by.

pub(super) mod guards;

use std::fmt;

use ipnet::IpNet;
use pai_bundle::Bundle;
use pai_bundle::guard::OnError;
use pai_bundle::limit::{Limit, Scope};
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelRef, Name, PolicyId, QualifiedName};
use pai_bundle::origin::{Origin, Places};
use pai_bundle::pattern::Pattern;
use pai_bundle::policy::Slice;
use pai_bundle::principal::{AccessKey, Agent};
use pai_bundle::provider::Provider;
use pai_bundle::unit::Tokens;

use pai_policies::attached::Bindings;

pub use guards::{GuardEdit, Less};

use crate::lower::{attached, cost, slice};

/// Where guards are attached, in both kinds of manifests that attach them.
const GUARDS: &str = "/spec/guards";
const ON_ERROR: &str = "/spec/onError";

/// What is changed, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A provider's manifest.
    Provider(QualifiedName, ProviderEdit),
    /// An agent's.
    Agent(QualifiedName, AgentEdit),
    /// An access key's.
    AccessKey(QualifiedName, KeyEdit),
    /// A guard's `onError: allow`.
    FailOpen(QualifiedName),
    /// A rule of the authors goes.
    Author(PolicyId),
}

/// A provider offers more. A cap of `None` is no cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderEdit {
    /// `allowedModels` gets a pattern.
    Allow(Pattern),
    /// `allowedModels` goes.
    AllowAll,
    /// `deniedModels` loses a pattern.
    Undeny(Pattern),
    /// `maxTokensPerDay`.
    PerDay(Option<Tokens>),
    /// `maxTokensPerRequest`.
    PerRequest(Option<Tokens>),
    /// `externalAccess.maxTokensPerDay`.
    ExternalPerDay(Option<Tokens>),
    /// `externalAccess.enabled: true`.
    OpenToKeys,
    /// One of `guards`.
    Guard(GuardEdit),
}

/// An agent may do more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEdit {
    /// `models` gets another one, at the end.
    List(ModelRef),
    /// `tokens.maxPerDay`.
    PerDay(Option<Tokens>),
    /// `tokens.maxPerRequest`.
    PerRequest(Option<Tokens>),
    /// `rateLimits.maxCostPerDayUSD`.
    CostPerDay(Option<NanoUsd>),
    /// One of `guards`.
    Guard(GuardEdit),
}

/// A key opens more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEdit {
    /// `providers` gets another one, at the end.
    Cover(Name),
    /// `allowedModels` gets a pattern.
    Allow(Pattern),
    /// `allowedModels` goes.
    AllowAll,
    /// `allowedCidrs` gets a network.
    From(IpNet),
    /// `allowedCidrs` goes.
    FromAnywhere,
    /// `expires` goes.
    Forever,
    /// `maxTokensPerDay`.
    PerDay(Option<Tokens>),
    /// `maxCostPerDayUSD`.
    CostPerDay(Option<NanoUsd>),
}

/// A changed bundle cannot be made: there is no such resource, or its policies cannot be built again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bundle cannot be changed: {0}")]
pub struct ChangeError(String);

impl Change {
    /// The bundle with this change, everything that follows from it included.
    ///
    /// # Errors
    /// Where the bundle has no such resource.
    pub fn apply(&self, bundle: &Bundle) -> Result<Bundle, ChangeError> {
        let mut changed = bundle.clone();
        let missing = || ChangeError(format!("there is nothing to {self}"));
        match self {
            Self::Provider(name, edit) => {
                let provider = changed.providers.iter_mut().find(|provider| provider.name == *name);
                let provider = provider.ok_or_else(missing)?;
                edit.apply(provider);
                lower_again(&mut changed, name)?;
            }
            Self::Agent(name, edit) => {
                let agent =
                    changed.agents.iter_mut().find(|agent| agent.name == *name).ok_or_else(missing)?;
                edit.apply(agent);
                set_limit(&mut changed.limits, Scope::Agent, name, agent.max_tokens_per_day);
                if let AgentEdit::List(model) = edit {
                    // A model that a manifest names has an entity of its own.
                    let of = QualifiedName::new(name.namespace.clone(), model.provider.clone());
                    let provider = changed.providers.iter_mut().find(|provider| provider.name == of);
                    let models = &mut provider.ok_or_else(missing)?.models;
                    if let Err(place) = models.binary_search(&model.model) {
                        models.insert(place, model.model.clone());
                    }
                }
            }
            Self::AccessKey(name, edit) => {
                let key = changed.access_keys.iter_mut().find(|key| key.name == *name).ok_or_else(missing)?;
                edit.apply(key);
                set_limit(&mut changed.limits, Scope::AccessKey, name, key.max_tokens_per_day);
            }
            Self::FailOpen(name) => {
                let guard = changed.guards.iter_mut().find(|guard| guard.name == *name);
                guard.ok_or_else(missing)?.on_error = Some(OnError::Allow);
                for provider in guards::holders(&changed, name) {
                    lower_again(&mut changed, &provider)?;
                }
            }
            Self::Author(id) => {
                let before = changed.authored_policies.len();
                changed.authored_policies.retain(|policy| policy.id != *id);
                if changed.authored_policies.len() == before {
                    return Err(missing());
                }
            }
        }
        if matches!(self, Self::Provider(_, ProviderEdit::Guard(_)) | Self::Agent(_, AgentEdit::Guard(_))) {
            let built = attached::audits(&changed.providers, &changed.agents, Bindings(&changed.guards));
            let built = built.map_err(|cause| ChangeError(cause.to_string()))?;
            changed.audits = built.into_iter().map(|built| built.policy).collect();
        }
        changed.cost_limits = cost::limits(&changed.agents, &changed.access_keys);
        changed.limits.sort_by(|a, b| (a.scope, &a.name).cmp(&(b.scope, &b.name)));
        Ok(changed)
    }

    /// Where the change is to be made.
    pub fn origin(&self, bundle: &Bundle) -> Option<Origin> {
        let places: (&Places, &str) = match self {
            Self::Provider(name, edit) => {
                let provider = bundle.providers.iter().find(|provider| provider.name == *name)?;
                (&provider.places, edit.field())
            }
            Self::Agent(name, edit) => {
                let agent = bundle.agents.iter().find(|agent| agent.name == *name)?;
                (&agent.places, edit.field())
            }
            Self::AccessKey(name, edit) => {
                let key = bundle.access_keys.iter().find(|key| key.name == *name)?;
                (&key.places, edit.field())
            }
            Self::FailOpen(name) => {
                let guard = bundle.guards.iter().find(|guard| guard.name == *name)?;
                (&guard.places, ON_ERROR)
            }
            Self::Author(id) => {
                let policy = bundle.authored_policies.iter().find(|policy| policy.id == *id)?;
                return Some(policy.origin.clone());
            }
        };
        let (places, field) = places;
        Some(match self {
            Self::Provider(_, ProviderEdit::Guard(edit)) | Self::Agent(_, AgentEdit::Guard(edit)) => {
                places.of(&edit.field())
            }
            _ => places.of(field),
        })
    }
}

/// A provider's slice and limits as its record says them now.
fn lower_again(bundle: &mut Bundle, name: &QualifiedName) -> Result<(), ChangeError> {
    let Some(provider) = bundle.providers.iter().find(|provider| provider.name == *name) else {
        return Ok(());
    };
    let of_provider = |limit: &Limit| {
        matches!(limit.scope, Scope::Provider | Scope::ProviderExternal) && limit.name == *name
    };
    bundle.limits.retain(|limit| !of_provider(limit));
    let built = slice::lower(provider, Bindings(&bundle.guards), &mut bundle.limits)
        .map_err(|cause| ChangeError(cause.to_string()))?;
    let policies = built.policies.into_iter().map(|built| built.policy).collect();
    let rebuilt = Slice { provider: name.clone(), policies };
    bundle.slices.iter_mut().filter(|slice| slice.provider == *name).for_each(|slice| {
        slice.clone_from(&rebuilt);
    });
    Ok(())
}

/// The one table of limits says what the record says. A cap that was not there before is none of our edits.
fn set_limit(limits: &mut Vec<Limit>, scope: Scope, name: &QualifiedName, cap: Option<Tokens>) {
    let is_it = |limit: &Limit| limit.scope == scope && limit.name == *name;
    match cap {
        None => limits.retain(|limit| !is_it(limit)),
        Some(tokens) => {
            limits.iter_mut().filter(|limit| is_it(limit)).for_each(|limit| limit.tokens_per_day = tokens);
        }
    }
}

impl ProviderEdit {
    fn apply(&self, provider: &mut Provider) {
        match self {
            Self::Allow(pattern) => provider.allowed_models.push(pattern.clone()),
            Self::AllowAll => provider.allowed_models.clear(),
            Self::Undeny(pattern) => provider.denied_models.retain(|denied| denied != pattern),
            Self::PerDay(cap) => provider.max_tokens_per_day = *cap,
            Self::PerRequest(cap) => provider.max_tokens_per_request = *cap,
            Self::ExternalPerDay(cap) => provider.external_access.max_tokens_per_day = *cap,
            Self::OpenToKeys => provider.external_access.enabled = true,
            Self::Guard(edit) => edit.apply(&mut provider.guards),
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Allow(_) | Self::AllowAll => "/spec/allowedModels",
            Self::Undeny(_) => "/spec/deniedModels",
            Self::PerDay(_) => "/spec/maxTokensPerDay",
            Self::PerRequest(_) => "/spec/maxTokensPerRequest",
            Self::ExternalPerDay(_) => "/spec/externalAccess/maxTokensPerDay",
            Self::OpenToKeys => "/spec/externalAccess/enabled",
            Self::Guard(_) => GUARDS,
        }
    }
}

impl AgentEdit {
    fn apply(&self, agent: &mut Agent) {
        match self {
            Self::List(model) => agent.models.push(model.clone()),
            Self::PerDay(cap) => agent.max_tokens_per_day = *cap,
            Self::PerRequest(cap) => agent.max_tokens_per_request = *cap,
            Self::CostPerDay(cap) => {
                agent.rate_limits.max_cost_per_day_micro_usd = cap.map(NanoUsd::micros_above);
            }
            Self::Guard(edit) => edit.apply(&mut agent.guards),
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::List(_) => "/spec/models",
            Self::PerDay(_) => "/spec/tokens/maxPerDay",
            Self::PerRequest(_) => "/spec/tokens/maxPerRequest",
            Self::CostPerDay(_) => cost::AGENT_FIELD,
            Self::Guard(_) => GUARDS,
        }
    }
}

impl KeyEdit {
    fn apply(&self, key: &mut AccessKey) {
        match self {
            Self::Cover(provider) => key.providers.push(provider.clone()),
            Self::Allow(pattern) => key.allowed_models.push(pattern.clone()),
            Self::AllowAll => key.allowed_models.clear(),
            Self::From(network) => key.allowed_cidrs.push(*network),
            Self::FromAnywhere => key.allowed_cidrs.clear(),
            Self::Forever => key.expires = None,
            Self::PerDay(cap) => key.max_tokens_per_day = *cap,
            Self::CostPerDay(cap) => {
                key.rate_limits.max_cost_per_day_micro_usd = cap.map(NanoUsd::micros_above);
            }
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Cover(_) => "/spec/providers",
            Self::Allow(_) | Self::AllowAll => "/spec/allowedModels",
            Self::From(_) | Self::FromAnywhere => "/spec/allowedCidrs",
            Self::Forever => "/spec/expires",
            Self::PerDay(_) => "/spec/maxTokensPerDay",
            Self::CostPerDay(_) => cost::KEY_FIELD,
        }
    }
}

/// As an instruction: "raise spec.maxTokensPerDay of provider anthropic to at least 5000".
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, field) = match self {
            Self::Provider(name, edit) => (format!("provider {}", name.name), edit.field()),
            Self::Agent(name, edit) => (format!("agent {}", name.name), edit.field()),
            Self::AccessKey(name, edit) => (format!("access key {}", name.name), edit.field()),
            Self::FailOpen(name) => (format!("guard {}", name.name), ON_ERROR),
            Self::Author(id) => return write!(f, "remove policy {id}"),
        };
        let place = format!("{} of {of}", field.trim_start_matches('/').replace('/', "."));
        match self.step() {
            Step::Add(value) => write!(f, "add `{value}` to {place}"),
            Step::Take(value) => write!(f, "take `{value}` out of {place}"),
            Step::Remove => write!(f, "remove {place}"),
            Step::Set(value) => write!(f, "set {place} to {value}"),
            Step::Audit(binding) => write!(f, "set enforcement of `{binding}` in {place} to audit"),
            Step::Raise(cap) => write!(f, "raise {place} to at least {cap}"),
        }
    }
}

/// What is done with a field.
enum Step {
    Add(String),
    Take(String),
    Remove,
    Set(&'static str),
    Audit(String),
    Raise(String),
}

impl Change {
    fn step(&self) -> Step {
        let raise = |cap: &Option<Tokens>| cap.map_or(Step::Remove, |cap| Step::Raise(cap.to_string()));
        let raise_cost = |cap: &Option<NanoUsd>| cap.map_or(Step::Remove, |cap| Step::Raise(cap.to_string()));
        let of_guard = |edit: &GuardEdit| match edit.less {
            Less::Nothing => Step::Take(edit.binding.clone()),
            Less::Audit => Step::Audit(edit.binding.clone()),
        };
        match self {
            Self::Provider(_, edit) => match edit {
                ProviderEdit::Allow(pattern) => Step::Add(pattern.to_string()),
                ProviderEdit::Undeny(pattern) => Step::Take(pattern.to_string()),
                ProviderEdit::AllowAll => Step::Remove,
                ProviderEdit::OpenToKeys => Step::Set("true"),
                ProviderEdit::PerDay(cap)
                | ProviderEdit::PerRequest(cap)
                | ProviderEdit::ExternalPerDay(cap) => raise(cap),
                ProviderEdit::Guard(edit) => of_guard(edit),
            },
            Self::Agent(_, edit) => match edit {
                AgentEdit::List(model) => Step::Add(model.to_string()),
                AgentEdit::PerDay(cap) | AgentEdit::PerRequest(cap) => raise(cap),
                AgentEdit::CostPerDay(cap) => raise_cost(cap),
                AgentEdit::Guard(edit) => of_guard(edit),
            },
            Self::AccessKey(_, edit) => match edit {
                KeyEdit::Cover(provider) => Step::Add(provider.to_string()),
                KeyEdit::Allow(pattern) => Step::Add(pattern.to_string()),
                KeyEdit::From(network) => Step::Add(network.to_string()),
                KeyEdit::AllowAll | KeyEdit::FromAnywhere | KeyEdit::Forever => Step::Remove,
                KeyEdit::PerDay(cap) => raise(cap),
                KeyEdit::CostPerDay(cap) => raise_cost(cap),
            },
            Self::FailOpen(_) => Step::Set("allow"),
            Self::Author(_) => Step::Remove,
        }
    }
}
