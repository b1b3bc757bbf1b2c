//! Policy text of a bundle into Cedar policies that carry their own ids.

use cedar_policy::{Policy, PolicyId, PolicySet};
use pai_bundle::policy::Policy as Written;

use crate::load::LoadError;

/// Every policy, under its bundle id: Cedar itself ignores `@id`.
pub(crate) fn policies<'a>(written: impl Iterator<Item = &'a Written>) -> Result<Vec<Policy>, LoadError> {
    written
        .map(|policy| {
            let wrong = |cause| LoadError::Policy { id: policy.id.clone(), cause };
            Policy::parse(Some(PolicyId::new(policy.id.as_str())), &policy.text)
                .map_err(|cause| wrong(cause.to_string()))
        })
        .collect()
}

/// A set of these policies; two with one id are an error.
pub(crate) fn set(policies: impl IntoIterator<Item = Policy>) -> Result<PolicySet, LoadError> {
    PolicySet::from_policies(policies).map_err(|cause| LoadError::Set(Box::new(cause)))
}
