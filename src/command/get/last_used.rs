//! When resources were used last, by the ledger. A list must not fail because there is none, or because it cannot be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pai_bundle::limit::Scope;
use pai_bundle::unit::UnixSeconds;
use pai_compiler::resources::Resource;

use super::kinds::Kind;
use crate::rows::{RowsError, Whereabouts};
use crate::terminal;

/// What is known of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum LastUsed {
    At(UnixSeconds),
    Never,
    /// Nobody could be asked.
    Unknown,
}

/// What is known of all that is listed.
pub(in crate::command) struct Uses {
    scope: Option<Scope>,
    /// `None` where nobody could be asked.
    known: Option<BTreeMap<(Scope, String), UnixSeconds>>,
}

impl Uses {
    /// Asks the gateway or the ledger; says why not, where neither answers.
    pub(in crate::command) fn of(
        kind: &Kind,
        listed: &[&Resource],
        whereabouts: &Whereabouts,
        workspace: &Path,
    ) -> Self {
        let Some(scope) = kind.scope else { return Self { scope: None, known: None } };
        let wanted: BTreeSet<_> = listed.iter().map(|resource| (scope, resource.name.to_string())).collect();
        let found = whereabouts.open(workspace).and_then(|mut ledger| ledger.last_used(&wanted));
        let known = match found {
            Ok(found) => Some(found),
            // Nothing has been served from here.
            Err(RowsError::NoLedger { .. }) if !whereabouts.names_state() => Some(BTreeMap::new()),
            Err(cause) => {
                terminal::say(&format!("LAST USED is not known: {cause}"));
                None
            }
        };
        Self { scope: Some(scope), known }
    }

    pub(in crate::command) fn at(&self, resource: &Resource) -> LastUsed {
        let (Some(scope), Some(known)) = (self.scope, &self.known) else { return LastUsed::Unknown };
        known.get(&(scope, resource.name.to_string())).map_or(LastUsed::Never, |at| LastUsed::At(*at))
    }
}
