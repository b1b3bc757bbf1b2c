//! What the rules promise, one file a promise.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot set up has to stop")]

/// How well the rules do on labelled texts.
mod figures;
/// Rules of a workspace's own.
mod own_rules;
/// What holds of any text.
mod scanning;
