//! What the rules promise, one file a promise.

mod data;
