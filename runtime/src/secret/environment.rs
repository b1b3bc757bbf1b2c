//! Secrets in the environment, as CI systems hand them over: `PAI_SECRET_NAME_KEY`.

use std::collections::BTreeSet;

use pai_bundle::provider::SecretRef;
use secrecy::SecretString;

/// Looks the variable up; one that is empty counts as absent.
pub(super) fn find(wanted: &SecretRef) -> Option<SecretString> {
    let value = std::env::var(wanted.variable()).ok()?;
    (!value.is_empty()).then(|| SecretString::from(value))
}

/// The variables that are set and not empty, by name.
pub(super) fn names() -> BTreeSet<String> {
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    set.filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("PAI_SECRET_"))
        .collect()
}
