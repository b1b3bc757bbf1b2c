//! The gateway: one request from credential to settled tokens. Modules stand in the order in which a request
//! meets them; `exchange` is that way as one story.

pub mod settings;
pub mod arguments;
pub mod secret;
pub mod token;
pub mod snapshot;
pub mod source;
pub mod trust;
pub mod release;
pub mod surface;
pub mod listener;
mod exchange;
mod unique;
mod address;
mod identify;
mod candidate;
mod protocol;
mod tariff;
mod bound;
mod authorize;
mod rate;
mod count;
mod admit;
mod forward;
mod upstream;
mod sse;
mod meter;
mod settle;
mod body;
mod models;
mod refusal;
pub mod record;
mod standing;
pub mod report;
pub mod presence;
mod reload;
mod admin;
pub mod gateway;
pub mod stop;
pub mod telemetry;

pub use gateway::{Gateway, StartError};
pub use settings::Settings;
