//! Questions asked of finished bundles: what would the gateway do? No manifest text here, and no gateway: both ask
//! the same evaluator about the same candidates.

pub mod found;
pub mod question;
pub mod world;
mod replay;
pub mod answer;
pub mod change;
pub mod advice;
pub mod explain;
pub mod diff;
pub mod suite;

pub use advice::{Advice, advise};
pub use answer::{Answer, Considered, Outcome};
pub use change::Change;
pub use diff::{Report, diff};
pub use question::{Balances, Question, Spent, Who};
pub use world::World;

#[cfg(test)]
mod tests;
