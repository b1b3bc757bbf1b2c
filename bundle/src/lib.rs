//! The contract between compiler and gateway: what a compiled bundle holds, and its bytes on disk.
//!
//! Nothing here decides anything. The compiler fills a [`Bundle`], the gateway reads one, and both name
//! providers, principals, models, limits and places in manifests with the types of this crate.

pub mod name;
pub mod unit;
pub mod money;
pub mod price;
pub mod usage;
pub mod tariff;
pub mod pattern;
pub mod origin;
pub mod catalogue;
pub mod provider;
pub mod secret;
pub mod principal;
pub mod guard;
pub mod guard_spec;
pub mod limit;
pub mod policy;
pub mod contents;
pub mod digest;
pub mod codec;
pub mod key;
pub mod signature;
pub mod listing;
#[cfg(test)]
mod strict;

pub use contents::Bundle;
