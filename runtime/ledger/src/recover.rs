//! What a store says, as the state to start from.
//!
//! Every account counts as used up to its mark. After a clean stop that is what was settled; after a crash it is
//! at most a block more, which is kept apart as `recovered`, and nothing that was granted is missing.

use foldhash::fast::RandomState;
use pai_bundle::unit::UtcDay;

use crate::account::Account;
use crate::entry::Entry;
use crate::quantity::Quantity;
use crate::record::StoredAccount;
use crate::state::{Accounts, State};

/// The state, and how much of the last run no settlement explains.
pub(crate) fn recover(stored: Vec<(Account, StoredAccount)>) -> (State, Quantity) {
    let latest = stored.iter().map(|(account, _)| account.day).max().unwrap_or(UtcDay(0));
    let sequence = stored.iter().map(|(_, record)| record.sequence).max().unwrap_or(0);
    let mut lost = Quantity::ZERO;
    let mut accounts = Accounts::with_capacity_and_hasher(stored.len(), RandomState::default());
    for (account, record) in stored {
        let mut totals = record.totals;
        let unexplained = record.mark.saturating_sub(totals.quantity());
        totals.recovered = totals.recovered.saturating_add(unexplained.tokens);
        totals.recovered_cost = totals.recovered_cost.saturating_add(unexplained.cost);
        lost = lost.saturating_add(unexplained);
        accounts.insert(account, Entry { totals, mark: record.mark, ..Entry::default() });
    }
    (State::new(accounts, latest, sequence), lost)
}

#[cfg(test)]
mod tests {
    use pai_bundle::limit::Scope;
    use pai_bundle::money::NanoUsd;
    use pai_bundle::unit::Tokens;

    use super::*;
    use crate::account::Balance;
    use crate::usage::{Totals, Usage};

    #[test]
    fn an_account_counts_up_to_its_mark() {
        let account = Account { scope: Scope::Agent, name: "team/coder".into(), day: UtcDay(7) };
        let usage = Usage { input: Tokens(60), ..Usage::default() };
        let totals =
            Totals { requests: 2, usage, cost: NanoUsd(600), recovered: Tokens(5), ..Totals::default() };
        for (mark, recovered) in [(65, 5), (100, 40)] {
            let mark = Quantity { tokens: Tokens(mark), cost: NanoUsd(10 * mark) };
            let (state, lost) = recover(vec![(account.clone(), StoredAccount { sequence: 3, mark, totals })]);
            assert_eq!(state.balance(&account), Balance { settled: mark, held: Quantity::ZERO });
            let found = state.entry(&account).totals;
            assert_eq!((found.recovered, found.recovered_cost.0), (Tokens(recovered), mark.cost.0 - 600));
            assert_eq!(
                lost,
                Quantity { tokens: Tokens(mark.tokens.0 - 65), cost: NanoUsd(mark.cost.0 - 600) }
            );
        }
    }
}
