//! Why a bundle's policies cannot be used; none that passed the compiler fails this way.

use pai_bundle::name::{PolicyId, QualifiedName};

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
}
