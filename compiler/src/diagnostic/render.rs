//! Diagnostics as text; one file per form.

mod excerpt;
mod human;
mod short;

pub use human::{Colour, Look, human};
pub use short::short;
