//! The locks and threads of what runs side by side: `ledger.rs`, `owner.rs`, `shared.rs` and `hold.rs`.
//!
//! Those four name each other by `super`, so that `schedules.rs` can compile them a second time beside locks and threads
//! whose order a test decides.

pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
pub(super) use std::thread::{Builder, JoinHandle};
