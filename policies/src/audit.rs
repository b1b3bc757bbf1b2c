//! Policies that only record: which agent or which provider each concerns, by its own scope, so that a request asks no
//! others.

use std::collections::HashMap;

use cedar_policy::{EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint};
use pai_bundle::name::PolicyId;

use crate::load::LoadError;
use crate::parse;

/// By `principal == …` or `resource in …`.
pub(crate) fn by_subject(policies: Vec<Policy>) -> Result<HashMap<EntityUid, PolicySet>, LoadError> {
    let mut groups: HashMap<EntityUid, Vec<Policy>> = HashMap::new();
    for policy in policies {
        let subject = match (policy.principal_constraint(), policy.resource_constraint()) {
            (PrincipalConstraint::Eq(agent), _) => agent,
            (_, ResourceConstraint::In(provider)) => provider,
            _ => return Err(LoadError::Audit(PolicyId::new(AsRef::<str>::as_ref(policy.id())))),
        };
        groups.entry(subject).or_default().push(policy);
    }
    groups.into_iter().map(|(subject, policies)| Ok((subject, parse::set(policies)?))).collect()
}
