//! The classifiers of a bundle. One whose binding is as it was in the bundle before stays as it is, with all that it
//! remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

use pai_bundle::guard::GuardBinding;
use pai_bundle::name::QualifiedName;
use pai_guards::RulesError;

use super::classifier::Classifier;
use super::report::ClassifierReport;
use crate::secret::{SecretError, Secrets};
use crate::token::RandomError;
use crate::upstream::endpoint::EndpointError;
use crate::upstream::resolve::{Lookup, SystemLookup};

/// A bundle's guards cannot run, so the bundle is not served: nothing may pass unjudged because a guard is missing.
#[derive(Debug, thiserror::Error)]
pub enum ClassifierError {
    /// The workspace's own rules are wrong.
    #[error("GuardBinding {binding}: {cause}")]
    Rules {
        /// Whose.
        binding: QualifiedName,
        /// What is wrong.
        cause: Box<RulesError>,
    },
    /// Its endpoint is none.
    #[error("GuardBinding {binding} has an endpoint that cannot be used: {cause}")]
    Endpoint {
        /// Whose.
        binding: QualifiedName,
        /// What is wrong.
        cause: EndpointError,
    },
    /// Its secret is there and cannot be used.
    #[error("GuardBinding {binding}: {cause}")]
    Secret {
        /// Whose.
        binding: QualifiedName,
        /// Why.
        cause: Box<SecretError>,
    },
    /// No TLS or no trusted roots on this machine.
    #[error("the HTTP client of GuardBinding {binding} cannot be set up: {cause}")]
    Client {
        /// Whose.
        binding: QualifiedName,
        /// Why.
        cause: reqwest::Error,
    },
    /// No key for the digests of texts.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Every classifier of a bundle.
#[derive(Debug, Default)]
pub struct Classifiers {
    all: BTreeMap<QualifiedName, Arc<Classifier>>,
}

impl Classifiers {
    /// Those of `bindings`. What is unchanged since `before` is taken over: its cache, breaker, connections and compiled
    /// rules. Blocks for some ten milliseconds where rules are read, and reads secrets from disk.
    pub fn build(
        bindings: &[GuardBinding],
        secrets: &Secrets,
        before: Option<&Classifiers>,
    ) -> Result<Self, ClassifierError> {
        Self::build_with(bindings, secrets, &(Arc::new(SystemLookup) as Arc<dyn Lookup>), before)
    }

    /// The same, with somebody else to ask for the addresses of names.
    pub fn build_with(
        bindings: &[GuardBinding],
        secrets: &Secrets,
        lookup: &Arc<dyn Lookup>,
        before: Option<&Classifiers>,
    ) -> Result<Self, ClassifierError> {
        let mut all = BTreeMap::new();
        for binding in bindings {
            let old = before.and_then(|before| before.get(&binding.name));
            let classifier = match old {
                Some(old) if old.binding() == binding => old.clone(),
                _ => match old.and_then(|old| old.rebound(binding)) {
                    Some(rebound) => Arc::new(rebound),
                    None => Arc::new(Classifier::new(binding, secrets, lookup.clone())?),
                },
            };
            all.insert(binding.name.clone(), classifier);
        }
        let all = Self { all };
        if before.is_some() {
            all.look_at_keys();
        }
        Ok(all)
    }

    /// The classifier of that binding.
    pub fn get(&self, binding: &QualifiedName) -> Option<&Arc<Classifier>> {
        self.all.get(binding)
    }

    /// Looks at the files of all secrets and takes what is new; reads the disk.
    pub fn look_at_keys(&self) {
        for classifier in self.all.values() {
            classifier.look_at_key();
        }
    }

    /// Every one, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Classifier> {
        self.all.values().map(|classifier| &**classifier)
    }

    /// How all of them stand, sorted by name: for `/status`.
    pub fn report(&self) -> Vec<ClassifierReport<'_>> {
        self.all.values().map(|classifier| classifier.report()).collect()
    }
}
