//! What an attached guard means: the names in `context.guard` that refuse a request, and those that are only recorded.
//! Compiler and evaluator ask this, so that policies and entities cannot disagree.

use pai_bundle::guard::{Enforcement, GuardBinding, GuardUse, OnError, flag};
use pai_bundle::name::{Name, QualifiedName};

use crate::load::LoadError;

/// Guard bindings by name, as a bundle has them: sorted.
#[derive(Debug, Clone, Copy)]
pub struct Bindings<'a>(pub &'a [GuardBinding]);

/// The flags of one attachment, or of several together, by what they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// In `context.guard.hits`: the request is refused.
    pub hits: Vec<String>,
    /// In `context.guard.failures`: the request is refused.
    pub failures: Vec<String>,
    /// In `context.guard.hits`: the request passes, and that is recorded.
    pub audits: Vec<String>,
}

impl Flags {
    /// Of a guard that is attached in a namespace.
    ///
    /// # Errors
    /// Where there is no such binding: a guard that is not there would check nothing.
    pub fn of(
        attached: &GuardUse,
        namespace: &Name,
        bindings: Bindings<'_>,
    ) -> Result<(QualifiedName, Self), LoadError> {
        let missing = || LoadError::Guard { namespace: namespace.clone(), binding: attached.binding.clone() };
        let name = attached.binding.parse().map_err(|_| missing())?;
        let name = QualifiedName::new(namespace.clone(), name);
        let binding = bindings.find(&name).ok_or_else(missing)?;
        let all: Vec<String> = attached.scan.targets().map(|target| flag(&name, target)).collect();
        let failures = match binding.on_error(attached.enforcement) {
            OnError::Deny => all.clone(),
            OnError::Allow => Vec::new(),
        };
        let flags = match attached.enforcement {
            Enforcement::Enforce => Self { hits: all, failures, audits: Vec::new() },
            Enforcement::Audit => Self { hits: Vec::new(), failures, audits: all },
        };
        Ok((name, flags))
    }

    /// Of all guards of one resource.
    ///
    /// # Errors
    /// Where a binding is not there.
    pub fn of_all(
        attached: &[GuardUse],
        namespace: &Name,
        bindings: Bindings<'_>,
    ) -> Result<Self, LoadError> {
        let mut all = Self::default();
        for attached in attached {
            let (_, flags) = Self::of(attached, namespace, bindings)?;
            all.hits.extend(flags.hits);
            all.failures.extend(flags.failures);
            all.audits.extend(flags.audits);
        }
        Ok(all)
    }
}

impl<'a> Bindings<'a> {
    /// The binding of that name. Bundles that were not made by the compiler may be in any order.
    #[must_use]
    pub fn find(self, name: &QualifiedName) -> Option<&'a GuardBinding> {
        match self.0.binary_search_by(|binding| binding.name.cmp(name)) {
            Ok(place) => self.0.get(place),
            Err(_) => self.0.iter().find(|binding| binding.name == *name),
        }
    }
}
