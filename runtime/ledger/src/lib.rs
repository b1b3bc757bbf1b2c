//! Budgets that cannot be exceeded: what a request may use is held before it is sent and settled once it is known.
//!
//! For every account, at every moment, under any concurrency and after a kill or power cut at any point:
//! `settled + held <= limit`. Check and hold are one step over all accounts of a request. No request waits for
//! the disk in the common case, because a *mark* that is durable already runs ahead of what is used; after a
//! crash an account counts as used up to its mark, so a crash over-counts by at most one block and never
//! under-counts. After a clean stop the numbers are exact.
//!
//! One thing is beyond any ledger: an answer that used more than its hold is charged in full, even over the limit,
//! and counted as a breach.
//!
//! ```
//! # use pai_ledger::*;
//! # use pai_bundle::{limit::Scope, unit::{Tokens, UnixSeconds}};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = Ledger::open(Box::new(MemoryStore::default()), Settings::default())?;
//! let now = UnixSeconds(1_795_392_000);
//! let account = Account { scope: Scope::Agent, name: "team/coder".into(), day: ledger.today(now) };
//! let charge = Charge { account: account.clone(), limit: Caps::of_tokens(Tokens(1_000)) };
//!
//! let hold = ledger.hold(RequestId(1), vec![charge], Tokens(400).into(), now).await?;
//! assert_eq!(ledger.balance(&account).held.tokens, Tokens(400));
//! let usage = Usage { input: Tokens(120), output: Tokens(30), ..Usage::default() };
//! hold.settle(Settlement { usage, ..Settlement::default() });
//! assert_eq!(ledger.balance(&account).settled.tokens, Tokens(150));
//! ledger.close().await?;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    expect(
        clippy::duplicate_mod,
        reason = "`schedules` runs the same files under threads that it schedules itself"
    )
)]

pub mod clock;
pub mod calendar;
pub mod quantity;
pub mod account;
pub mod usage;
mod block;
mod entry;
mod state;
pub mod record;
pub mod store;
mod recover;
pub mod report;
pub mod request;
mod sync;
mod shared;
mod owner;
pub mod hold;
pub mod ledger;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod schedules;

pub use account::{Account, Balance, Charge, Shortage};
pub use calendar::Calendar;
pub use clock::{Clock, ManualClock, SystemClock};
pub use hold::{Hold, HoldError};
pub use ledger::{Ledger, LedgerError, Settings};
pub use quantity::{Caps, Quantity, Unit};
pub use record::{RecordError, StoredAccount};
pub use report::Statement;
pub use request::RequestId;
pub use store::memory::{Fault, MemoryDisk, MemoryStore};
pub use store::sled::SledStore;
pub use store::{CorruptRecord, Store, StoreError};
pub use usage::{Settled, Settlement, Totals, Usage};
