//! What a request brings to a decision. Sums are made here, with saturation, so that policies only compare.

use std::net::IpAddr;

use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};

use crate::guard::GuardFacts;
use crate::vocabulary;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal<'a> {
    /// An agent.
    Agent(&'a QualifiedName),
    /// A holder of an access key.
    AccessKey(&'a QualifiedName),
}

impl Principal<'_> {
    /// Namespace and name.
    pub fn name(&self) -> &QualifiedName {
        match self {
            Self::Agent(name) | Self::AccessKey(name) => name,
        }
    }

    /// For people: `agent default/alice`.
    pub fn describe(&self) -> String {
        match self {
            Self::Agent(name) => format!("agent {name}"),
            Self::AccessKey(name) => format!("access key {name}"),
        }
    }
}

/// What is done with the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Asking it.
    Invoke,
    /// Asking for embeddings.
    Embed,
    /// Counting a prompt's tokens.
    CountTokens,
    /// Seeing it in a list.
    List,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Invoke, Self::Embed, Self::CountTokens, Self::List];

    /// Cedar's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => vocabulary::action::INVOKE,
            Self::Embed => vocabulary::action::EMBED,
            Self::CountTokens => vocabulary::action::COUNT_TOKENS,
            Self::List => vocabulary::action::LIST,
        }
    }

    /// Whether it uses up tokens, and so needs a hold.
    pub fn spends(self) -> bool {
        match self {
            Self::Invoke | Self::Embed => true,
            Self::CountTokens | Self::List => false,
        }
    }
}

/// Settled or held today, before this request, in each account it concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// The provider's day.
    pub provider: Tokens,
    /// The provider's external day; zero for agents, who do not count there.
    pub provider_external: Tokens,
    /// The principal's day.
    pub principal: Tokens,
    /// What the principal's day cost.
    pub principal_cost: NanoUsd,
}

/// One question: may this principal do this with this model, now, from there, with so many tokens?
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// The provider, as resolved from what was asked for.
    pub provider: &'a QualifiedName,
    /// The provider's id of the model.
    pub model: &'a ModelId,
    /// What is done with it.
    pub action: Action,
    /// Upper bound of what the request can use; zero where nothing is spent.
    pub tokens: Tokens,
    /// Upper bound of what that costs.
    pub cost: NanoUsd,
    /// What is used or held already.
    pub used: Used,
    /// The caller's address.
    pub address: IpAddr,
    /// The gateway's clock.
    pub now: UnixSeconds,
    /// What guards found.
    pub guard: &'a GuardFacts,
}
