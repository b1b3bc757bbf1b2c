//! One question: who asks which model for how many tokens, from where, when, and how much is used already.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::QualifiedName;
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_policies::{Action, GuardFacts, Principal, Used};

/// A principal by name, owned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// An agent.
    Agent(QualifiedName),
    /// A holder of an access key.
    AccessKey(QualifiedName),
}

impl Who {
    /// As the authorizer takes it.
    pub fn as_principal(&self) -> Principal<'_> {
        match self {
            Self::Agent(name) => Principal::Agent(name),
            Self::AccessKey(name) => Principal::AccessKey(name),
        }
    }

    /// Namespace and name.
    pub fn name(&self) -> &QualifiedName {
        match self {
            Self::Agent(name) | Self::AccessKey(name) => name,
        }
    }

    /// The account that counts its tokens.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Agent(_) => Scope::Agent,
            Self::AccessKey(_) => Scope::AccessKey,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_principal().describe())
    }
}

/// Tokens that accounts stand at today; those that are not named stand at zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balances(pub BTreeMap<(Scope, QualifiedName), Tokens>);

impl Balances {
    /// What one account stands at.
    pub fn of(&self, scope: Scope, name: &QualifiedName) -> Tokens {
        self.0.get(&(scope, name.clone())).copied().unwrap_or_default()
    }

    /// The accounts of one request, as a decision takes them.
    pub(crate) fn used(&self, spent: &Spent, who: &Who, provider: &QualifiedName) -> Used {
        Used {
            provider: self.of(Scope::Provider, provider),
            provider_external: match who {
                Who::Agent(_) => Tokens::ZERO,
                Who::AccessKey(_) => self.of(Scope::ProviderExternal, provider),
            },
            principal: self.of(who.scope(), who.name()),
            principal_cost: spent.of(who.scope(), who.name()),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub who: Who,
    /// The model as a client would write it: `provider/id`, a bare id, `default`, or nothing.
    pub model: String,
    /// What is done with it.
    pub action: Action,
    /// Upper bound of input and output.
    pub tokens: Tokens,
    /// From where.
    pub address: IpAddr,
    /// When.
    pub at: UnixSeconds,
    /// What is used already.
    pub used: Balances,
    /// What that cost.
    pub spent: Spent,
    /// What guards found.
    pub guard: GuardFacts,
}

/// What principals have spent today; those that are not named have spent nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent(pub BTreeMap<(Scope, QualifiedName), NanoUsd>);

impl Spent {
    /// What one account has spent.
    pub fn of(&self, scope: Scope, name: &QualifiedName) -> NanoUsd {
        self.0.get(&(scope, name.clone())).copied().unwrap_or_default()
    }
}

impl Question {
    /// A small request from this machine on a fresh day.
    pub fn new(who: Who, model: impl Into<String>, at: UnixSeconds) -> Self {
        Self {
            who,
            model: model.into(),
            action: Action::Invoke,
            tokens: Tokens(1),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            at,
            used: Balances::default(),
            spent: Spent::default(),
            guard: GuardFacts::NONE,
        }
    }
}
