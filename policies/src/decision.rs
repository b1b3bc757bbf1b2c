//! What a decision comes to: a permit that only the authorizer can make, or a denial that says why.

use pai_bundle::limit::Scope;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, PolicyId, QualifiedName};
use pai_bundle::origin::Origin;
use pai_bundle::unit::Tokens;

use crate::facts::Action;
use crate::vocabulary::kind;

/// An account that a permitted request must be counted in, and its caps if it has any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose tokens.
    pub scope: Scope,
    /// Which provider, agent or key.
    pub name: QualifiedName,
    /// Tokens per UTC day.
    pub limit: Option<Tokens>,
    /// Cost per UTC day.
    pub cost_limit: Option<NanoUsd>,
}

/// Proof that a request may be sent to one model of one provider.
///
/// INVARIANT: made only by [`crate::Authorizer::decide`]; whoever holds one has been through the policies. It is
/// neither `Clone` nor `Copy`, so one decision sends one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    provider: QualifiedName,
    model: ModelId,
    action: Action,
    tokens: Tokens,
    cost: NanoUsd,
    accounts: Vec<Account>,
}

impl Permit {
    pub(crate) fn new(
        provider: QualifiedName,
        model: ModelId,
        action: Action,
        (tokens, cost): (Tokens, NanoUsd),
        accounts: Vec<Account>,
    ) -> Self {
        Self { provider, model, action, tokens, cost, accounts }
    }

    /// The provider that may be asked.
    pub fn provider(&self) -> &QualifiedName {
        &self.provider
    }

    /// The model that may be asked for.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// What may be done with it.
    pub fn action(&self) -> Action {
        self.action
    }

    /// How many tokens were decided on: what must be held, exactly.
    pub fn tokens(&self) -> Tokens {
        self.tokens
    }

    /// How much they may cost: what must be held, exactly.
    pub fn cost(&self) -> NanoUsd {
        self.cost
    }

    /// The accounts that the tokens must be held in, all of them; none where nothing is spent.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

/// What sort of refusal it is, and so how it is answered. In the order in which causes are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The credential is not, or no longer, good.
    Credential,
    /// Not allowed.
    Permission,
    /// Larger than allowed.
    Size,
    /// A daily budget has no room.
    Budget,
}

impl Kind {
    /// From a policy's `@kind`; an author's policy without one refuses permission.
    pub fn from_annotation(text: Option<&str>) -> Self {
        match text {
            Some(kind::CREDENTIAL) => Self::Credential,
            Some(kind::SIZE) => Self::Size,
            Some(kind::BUDGET) => Self::Budget,
            _ => Self::Permission,
        }
    }
}

/// One policy that refused, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The policy.
    pub policy: PolicyId,
    /// What sort of refusal.
    pub kind: Kind,
    /// Machine-readable cause.
    pub code: String,
    /// A sentence for the caller.
    pub reason: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The manifest value, or line of an author's file, that decides.
    pub origin: Origin,
}

/// A refusal: at least one cause, the most telling first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The first cause.
    pub first: Cause,
    /// The others.
    pub others: Vec<Cause>,
}

impl Denial {
    /// Every cause.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        std::iter::once(&self.first).chain(&self.others)
    }
}
