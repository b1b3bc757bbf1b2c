//! What a bundle means: the rules that every bundle starts from, and the one evaluator that gateway, `pai explain`
//! and `pai test` all ask, so that they cannot disagree.

pub mod vocabulary;
pub mod base;
pub mod guard;
pub mod attached;
pub mod facts;
pub mod candidate;
pub mod load;
mod parse;
mod entities;
mod numbered;
mod expression;
mod known;
mod evaluate;
#[cfg(test)]
mod agreement;
mod merge;
mod context;
mod finding;
mod audit;
pub mod authorizer;
pub mod decision;
mod reason;

pub use authorizer::Authorizer;
pub use decision::{Cause, Denial, Kind, Permit};
pub use facts::{Action, Facts, Principal, Used};
pub use guard::{GuardFacts, GuardVerdict};
pub use load::LoadError;
