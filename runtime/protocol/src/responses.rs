//! OpenAI's Responses API.

mod content;
pub(crate) mod request;
pub(crate) mod usage;
mod members;
mod seal;
pub mod foreign;
mod item;
pub(crate) mod from_request;
mod response;
mod wire;
pub(crate) mod to_answer;
