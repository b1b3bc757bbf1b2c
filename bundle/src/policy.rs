//! Cedar policies as text, each with the id, the place and the sentence that a refusal shows.

use serde::{Deserialize, Serialize};

use crate::name::{PolicyId, QualifiedName};
use crate::origin::Origin;

/// One Cedar policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// Its stable id.
    pub id: PolicyId,
    /// Where it was written; for base rules, the file of the base rules.
    pub origin: Origin,
    /// Cedar text, annotations included, formatted.
    pub text: String,
}

/// The policies that a decision about one provider's models is given on top of the base and the authors' rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Slice {
    /// The provider.
    pub provider: QualifiedName,
    /// Its policies, all of them `forbid`.
    pub policies: Vec<Policy>,
}
