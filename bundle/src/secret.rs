//! Names of secrets: what a manifest refers to, and what is there to be found. Never a value.

use std::collections::BTreeSet;

use crate::provider::SecretRef;

impl SecretRef {
    /// The environment variable that can hold the secret: `anthropic-key`, `api-key` is
    /// `PAI_SECRET_ANTHROPIC_KEY_API_KEY`.
    #[must_use]
    pub fn variable(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        format!("PAI_SECRET_{}_{}", self.name, self.key).chars().map(plain).collect()
    }
}

/// The secrets that a gateway would find, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretNames {
    /// In mounted folders and in the local store.
    pub files: BTreeSet<SecretRef>,
    /// Environment variables that are set.
    pub variables: BTreeSet<String>,
}

impl SecretNames {
    /// Whether the secret is there.
    #[must_use]
    pub fn has(&self, wanted: &SecretRef) -> bool {
        self.files.contains(wanted) || self.variables.contains(&wanted.variable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_file_or_the_variable_of_its_name() {
        let wanted = SecretRef { name: "anthropic-key".into(), key: "api-key".into() };
        assert_eq!(wanted.variable(), "PAI_SECRET_ANTHROPIC_KEY_API_KEY");
        let mut names = SecretNames::default();
        assert!(!names.has(&wanted));
        names.variables.insert(wanted.variable());
        assert!(names.has(&wanted));
        let names = SecretNames { files: BTreeSet::from([wanted.clone()]), ..SecretNames::default() };
        assert!(names.has(&wanted));
    }
}
