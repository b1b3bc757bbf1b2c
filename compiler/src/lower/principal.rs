//! What agents and access keys have in common: credentials, and a daily limit that a base rule enforces.

use pai_bundle::limit::{Limit, Scope};
use pai_bundle::name::PolicyId;
use pai_bundle::principal::Credential;

use super::places::origin;
use crate::manifest::quantity::TokenCount;
use crate::manifest::{Resource, Spec, credential};
use crate::source::Sources;

pub(super) fn credentials(written: &[credential::Credential]) -> Vec<Credential> {
    let lower = |credential: &credential::Credential| Credential {
        id: credential.id.clone(),
        digest: credential.digest.clone(),
        expires: credential.expires.map(|moment| moment.0),
    };
    written.iter().map(lower).collect()
}

/// A daily limit, its field and the base rule that says the same.
pub(super) struct Daily {
    pub(super) scope: Scope,
    pub(super) cap: Option<TokenCount>,
    pub(super) field: &'static str,
    pub(super) rule: &'static str,
}

pub(super) fn limit<S: Spec>(resource: &Resource<S>, daily: &Daily, sources: &Sources) -> Option<Limit> {
    Some(Limit {
        scope: daily.scope,
        name: resource.name.clone(),
        tokens_per_day: daily.cap?.tokens(),
        policy: PolicyId::new(daily.rule),
        origin: origin(resource, daily.field, sources),
    })
}
