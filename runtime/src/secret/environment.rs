//! Secrets in the environment, as CI systems hand them over: `PAI_SECRET_NAME_KEY`.

use pai_bundle::provider::SecretRef;
use secrecy::SecretString;

/// Looks the variable up; one that is empty counts as absent.
pub(super) fn find(wanted: &SecretRef) -> Option<SecretString> {
    let value = std::env::var(variable(wanted)).ok()?;
    (!value.is_empty()).then(|| SecretString::from(value))
}

/// `anthropic-key`, `api-key` is `PAI_SECRET_ANTHROPIC_KEY_API_KEY`.
fn variable(wanted: &SecretRef) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("PAI_SECRET_{}_{}", wanted.name, wanted.key).chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_the_reference_in_capitals() {
        let wanted = SecretRef { name: "anthropic-key".into(), key: "api-key".into() };
        assert_eq!(variable(&wanted), "PAI_SECRET_ANTHROPIC_KEY_API_KEY");
    }
}
