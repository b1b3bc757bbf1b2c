//! Why a bundle's policies cannot be used; none that passed the compiler fails this way.

use pai_bundle::name::{Name, PolicyId, QualifiedName};

/// A bundle's policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A policy is not Cedar.
    #[error("policy `{id}` of the bundle is not Cedar: {cause}")]
    Policy {
        /// The policy.
        id: PolicyId,
        /// What Cedar says.
        cause: String,
    },
    /// Two policies with one id.
    #[error("the bundle's policies do not make a set: {0}")]
    Set(#[source] Box<cedar_policy::PolicySetError>),
    /// Entities contradict each other.
    #[error("the bundle's principals and models do not make an entity store: {0}")]
    Entities(String),
    /// A policy has no fast form.
    #[error("the bundle's policies cannot be merged: {0}")]
    Merge(String),
    /// A word of the vocabulary is no Cedar name.
    #[error("`{word}` is not a Cedar name")]
    Vocabulary {
        /// The word.
        word: &'static str,
    },
    /// A slice without its provider, or a provider without its slice.
    #[error("provider `{0}` and its policies are not both in the bundle")]
    Slice(QualifiedName),
    /// A guard is attached that is not there, and would check nothing.
    #[error("guard `{binding}` is attached in namespace `{namespace}` and is not in the bundle")]
    Guard {
        /// Of whom it is attached to.
        namespace: Name,
        /// The binding's name.
        binding: String,
    },
    /// A policy of those that only record says neither whose agent's nor which provider's it is.
    #[error("audit policy `{0}` of the bundle names neither an agent nor a provider")]
    Audit(PolicyId),
}
