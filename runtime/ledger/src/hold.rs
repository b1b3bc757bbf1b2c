//! A hold: tokens set aside for one request, and the only way to charge for them.

use std::fmt;
use std::sync::Arc;

use pai_bundle::unit::{Tokens, UtcDay};

use super::shared::Shared;
use crate::account::Shortage;
use crate::quantity::Quantity;
use crate::request::RequestId;
use crate::usage::{Settled, Settlement};

/// Nothing was held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldError {
    /// It does not fit into what is left. Names the first account, in the order of the charges, in which waiting
    /// cannot help; else the first that others hold too much of.
    #[error("{0}")]
    OverBudget(Box<Shortage>),
    /// The ledger cannot make marks durable, or no longer trusts its own numbers. It stays so until it is opened again.
    #[error("the ledger is unavailable")]
    Unavailable,
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// A hold of this id is open.
    #[error("a hold of this request is open already")]
    DuplicateRequest,
}

/// Tokens that are set aside, in all accounts of a request, and durable.
///
/// INVARIANT: made only by [`crate::Ledger::hold`], and never copied: one hold is one request and ends once. One
/// that is dropped otherwise than by [`Hold::settle`] or [`Hold::release`] charges all that it held, so that an
/// abort or a panic is not a free request.
pub struct Hold {
    shared: Arc<Shared>,
    id: RequestId,
    quantity: Quantity,
    day: UtcDay,
    on_drop: OnDrop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    /// Not granted yet: the request cannot have left.
    Release,
    SettleInFull,
    Nothing,
}

impl Hold {
    /// A hold that is admitted and not yet granted.
    pub(crate) fn waiting(shared: Arc<Shared>, id: RequestId, quantity: Quantity, day: UtcDay) -> Self {
        Self { shared, id, quantity, day, on_drop: OnDrop::Release }
    }

    /// Charged to `day`, which is a later one where a hold waited past midnight.
    pub(crate) fn granted(mut self, day: UtcDay) -> Self {
        self.day = day;
        self.on_drop = OnDrop::SettleInFull;
        self
    }

    /// The request.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// How many tokens are set aside in each of its accounts.
    pub fn tokens(&self) -> Tokens {
        self.quantity.tokens
    }

    /// Tokens and their price.
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// The day that it is charged to, whenever it ends.
    pub fn day(&self) -> UtcDay {
        self.day
    }

    /// Charges what was used. Does not wait.
    pub fn settle(mut self, settlement: Settlement) -> Settled {
        self.on_drop = OnDrop::Nothing;
        self.shared.settle(self.id, &settlement)
    }

    /// Charges all that was held: tokens may have been used, and nobody knows how many. Does not wait.
    pub fn settle_in_full(self) -> Settled {
        let settlement = Settlement::in_full(self.quantity);
        self.settle(settlement)
    }

    /// Charges nothing, for a request that never left the gateway. Does not wait.
    pub fn release(mut self) {
        self.on_drop = OnDrop::Nothing;
        self.shared.release(self.id);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        match self.on_drop {
            OnDrop::Release => self.shared.release(self.id),
            OnDrop::SettleInFull => {
                self.shared.settle(self.id, &Settlement::in_full(self.quantity));
            }
            OnDrop::Nothing => {}
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shared: _, id, quantity, day, on_drop } = self;
        f.debug_struct("Hold")
            .field("id", id)
            .field("quantity", quantity)
            .field("day", day)
            .field("on_drop", on_drop)
            .finish_non_exhaustive()
    }
}
