//! Guards: the classifiers of a bundle's `GuardBinding`s, where they are attached, and what they say of requests and answers.
//!
//! `inspect.rs` reads a request before anything is held for it; `watched.rs` reads an answer before the client does. What
//! they find are facts for the policies, which refuse or do not.

mod classifiers;
mod classifier;
mod judgement;
mod unavailable;
mod rules;
mod service;
mod pieces;
mod remote;
mod reply;
mod breaker;
mod cache;
mod labels;
mod tally;
mod report;
mod attached;
mod harness;
mod subject;
mod conversations;
mod reading;
mod inspect;
mod answer;
mod watched;
mod tell;
#[cfg(test)]
mod tests;

pub use classifier::Classifier;
pub use classifiers::{ClassifierError, Classifiers};
pub use conversations::Conversations;
pub use judgement::{Judgement, Place};
pub use report::ClassifierReport;
pub use unavailable::Unavailable;

pub(crate) use answer::AnswerGuards;
pub(crate) use attached::{Attachment, Guards};
pub(crate) use breaker::Position;
pub(crate) use inspect::{Found, Inspection};
pub(crate) use tell::{join, tell};
pub(crate) use watched::{Watched, Withheld};
