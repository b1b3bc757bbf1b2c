//! What of today's budgets is used, by account.

use std::collections::BTreeMap;
use std::path::Path;

use pai_bundle::limit::Scope;
use pai_runtime::report::{Limits, Row};

use crate::period;
use crate::rows::{RowsError, Whereabouts};

/// The accounts of today by whose they are. Where nothing has been served from the workspace, nothing is used.
pub(crate) fn rows(
    whereabouts: &Whereabouts,
    workspace: &Path,
) -> Result<BTreeMap<(Scope, String), Row>, RowsError> {
    let today = period::today();
    let found =
        whereabouts.open(workspace).and_then(|mut ledger| ledger.rows(&(today..=today), &Limits::default()));
    match found {
        Ok(rows) => Ok(rows.into_iter().map(|row| ((row.scope, row.name.clone()), row)).collect()),
        Err(RowsError::NoLedger { .. }) if !whereabouts.names_state() => Ok(BTreeMap::new()),
        Err(cause) => Err(cause),
    }
}
