//! Accounts as reports and audits see them: what was used, held and promised to the disk.

use std::ops::RangeInclusive;

use pai_bundle::unit::UtcDay;

use crate::account::Account;
use crate::quantity::Quantity;
use crate::recover::recover;
use crate::store::sled::SledStore;
use crate::store::{CorruptRecord, Store, StoreError};
use crate::usage::Totals;

/// One account, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The account.
    pub account: Account,
    /// What was used.
    pub totals: Totals,
    /// Set aside for requests under way.
    pub held: Quantity,
    /// How far the account may count as used, durably: at least what is settled, unless an answer used more than its
    /// hold.
    pub mark: Quantity,
}

/// What a store says of its accounts, as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readable {
    /// The accounts, sorted.
    pub statements: Vec<Statement>,
    /// The records that cannot be trusted.
    pub corrupt: Vec<CorruptRecord>,
}

/// Accounts of these days in which something was counted, sorted: the numbers that a ledger on this store would start
/// with. Tokens that a crash left between the last settlement and the mark are in them, as `recovered`.
///
/// # Errors
/// Where the store cannot be read, or a record cannot be trusted.
pub fn statements(
    store: &mut dyn Store,
    days: &RangeInclusive<UtcDay>,
) -> Result<Vec<Statement>, StoreError> {
    let (state, _) = recover(store.load()?);
    Ok(sorted(state.statements(days)))
}

/// All accounts, as [`statements`] has them; records that cannot be trusted are named and not counted.
///
/// # Errors
/// Where the store itself cannot be read.
pub fn readable(store: &SledStore) -> Result<Readable, StoreError> {
    let mut records = Vec::new();
    let mut corrupt = Vec::new();
    for record in store.records()? {
        match record {
            Ok(record) => records.push(record),
            Err(damage) => corrupt.push(damage),
        }
    }
    let (state, _) = recover(records);
    Ok(Readable { statements: sorted(state.statements(&(UtcDay(0)..=UtcDay(u32::MAX)))), corrupt })
}

pub(crate) fn sorted(mut statements: Vec<Statement>) -> Vec<Statement> {
    statements.sort_unstable_by(|a, b| a.account.cmp(&b.account));
    statements
}
