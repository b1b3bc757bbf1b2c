//! Guards: bindings as the gateway needs them, and where they are attached.

use pai_bundle::guard::{
    Classifier, DEFAULT_MAX_CONCURRENCY, DEFAULT_TIMEOUT_MS, Enforcement, GuardBinding, GuardUse, OnError,
    Remote,
};
use pai_bundle::provider::SecretRef;

use super::places::places;
use crate::manifest::guard_binding::{self, ClassifierKind};
use crate::manifest::{self, Resource, guard_rules, guard_use};
use crate::source::Sources;

pub(super) fn lower(guard: &Resource<manifest::GuardBinding>, sources: &Sources) -> GuardBinding {
    let spec = &guard.spec;
    GuardBinding {
        name: guard.name.clone(),
        classifier: classifier(&spec.classifier),
        thresholds: spec.lowered_thresholds(),
        on_error: spec.on_error.map(|on_error| match on_error {
            guard_binding::OnError::Allow => OnError::Allow,
            guard_binding::OnError::Deny => OnError::Deny,
        }),
        places: places(guard, sources),
    }
}

fn classifier(from: &guard_binding::Classifier) -> Classifier {
    let remote = || Remote {
        endpoint: from.endpoint.clone().unwrap_or_default(),
        model: from.model.clone(),
        auth: from
            .auth
            .as_ref()
            .map(|auth| SecretRef { name: auth.secret_ref.name.clone(), key: auth.secret_ref.key.clone() }),
        timeout_ms: from.timeout_ms.map_or(DEFAULT_TIMEOUT_MS, u64::from),
        max_concurrency: from.max_concurrency.unwrap_or(DEFAULT_MAX_CONCURRENCY),
        endpoint_networks: from.endpoint_networks.clone(),
    };
    match from.r#type {
        ClassifierKind::Rules => Classifier::Rules { rules: guard_rules::text(&from.rules, &from.words) },
        ClassifierKind::PromptGuard => Classifier::PromptGuard(remote()),
        ClassifierKind::LlamaGuard => Classifier::LlamaGuard(remote()),
        ClassifierKind::Custom => Classifier::Custom(remote()),
    }
}

pub(super) fn uses(written: &[guard_use::GuardUse]) -> Vec<GuardUse> {
    let lower = |guard: &guard_use::GuardUse| GuardUse {
        binding: guard.binding.to_string(),
        scan: guard.scan.lowered(),
        enforcement: match guard.enforcement {
            guard_use::Enforcement::Enforce => Enforcement::Enforce,
            guard_use::Enforcement::Audit => Enforcement::Audit,
        },
    };
    written.iter().map(lower).collect()
}
