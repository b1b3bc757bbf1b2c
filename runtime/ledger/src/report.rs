//! What a store says, read while no ledger has it open.

use std::ops::RangeInclusive;

use pai_bundle::unit::UtcDay;

use crate::account::Account;
use crate::recover::recover;
use crate::store::{Store, StoreError};
use crate::usage::Totals;

/// Accounts of these days in which something was counted, sorted: the numbers that a ledger on this store would start
/// with. Tokens that a crash left between the last settlement and the mark are in them, as `recovered`.
///
/// # Errors
/// Where the store cannot be read, or a record cannot be trusted.
pub fn totals(
    store: &mut dyn Store,
    days: &RangeInclusive<UtcDay>,
) -> Result<Vec<(Account, Totals)>, StoreError> {
    let (state, _) = recover(store.load()?);
    Ok(state.totals(days))
}
