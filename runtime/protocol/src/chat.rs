//! OpenAI's chat completions, which many servers are compatible with.

mod content;
pub(crate) mod stream_options;
pub(crate) mod request;
pub(crate) mod usage;
pub mod hidden;
mod members;
mod messages;
pub(crate) mod from_request;
mod family;
mod names;
mod written;
mod history;
pub(crate) mod to_request;
mod blocks;
pub(crate) mod from_answer;
pub(crate) mod to_answer;
