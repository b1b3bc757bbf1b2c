//! Diagnostics as text; one file per form.

mod excerpt;
mod human;
mod short;
mod entry;
mod json;
mod sarif;
mod github;
mod junit;

pub use github::github;
pub use human::{Colour, Look, human};
pub use json::json;
pub use junit::junit;
pub use sarif::sarif;
pub use short::short;

#[cfg(test)]
mod tests;
