//! Accounts as people write them: `provider/NAME`, `external/NAME`, `agent/NAME`, `key/NAME`.

use pai_bundle::limit::Scope;
use pai_bundle::name::{Name, QualifiedName};

const FORM: &str = "write provider/NAME, external/NAME, agent/NAME or key/NAME";

/// The words for scopes.
const SCOPES: [(&str, Scope); 4] = [
    ("provider", Scope::Provider),
    ("external", Scope::ProviderExternal),
    ("agent", Scope::Agent),
    ("key", Scope::AccessKey),
];

/// The account that is meant.
///
/// # Errors
/// What to write instead.
pub fn account(text: &str, namespace: &Name) -> Result<(Scope, QualifiedName), String> {
    let (word, name) = text.split_once('/').ok_or(FORM)?;
    let (_, scope) = SCOPES.into_iter().find(|(known, _)| *known == word).ok_or(FORM)?;
    let name: Name = name.parse().map_err(|cause| format!("{cause}"))?;
    Ok((scope, QualifiedName::new(namespace.clone(), name)))
}

/// The word for a scope.
pub(in crate::inspect) fn word(scope: Scope) -> &'static str {
    SCOPES.into_iter().find(|(_, known)| *known == scope).map_or("", |(word, _)| word)
}
