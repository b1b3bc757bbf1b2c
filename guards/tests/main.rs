//! What the rules promise, one file a promise.

mod figures;
mod own_rules;
mod scanning;
