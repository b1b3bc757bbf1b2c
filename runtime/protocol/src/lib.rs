//! What clients and providers say to each other: what is read of requests and answers, and how each is said in another
//! protocol. Bytes in, bytes out: no network, no clock, no policy.
//!
//! Where client and provider speak the same dialect, a body is only read ([`Asked`], [`Reading`]) and its bytes go on as
//! they are. Where they do not, a request becomes a [`conversation`], an answer a row of [`event`]s, and each dialect
//! says how these are read and written: one folder per dialect, none of which knows of another.

pub mod dialect;
pub mod sse;
pub mod asked;
pub mod edit;
pub mod reading;
pub mod conversation;
pub mod event;
pub mod failure;
pub mod spoken;
pub mod translate;
pub mod anthropic;
pub mod chat;
pub mod responses;
pub mod gemini;
pub mod legacy;

pub use asked::{Asked, Input, RequestError};
pub use dialect::{Dialect, Family};
pub use reading::Reading;
