//! Anthropic's Messages API.

mod content;
pub mod request;
pub(crate) mod usage;
mod object;
mod block;
mod call;
mod signature;
pub mod foreign;
mod stop;
pub(crate) mod from_request;
pub(crate) mod to_request;
pub(crate) mod from_answer;
pub(crate) mod to_answer;
#[cfg(test)]
mod round_trip;
