//! Google's `generateContent`, which providers speak and no client of the gateway does.
//!
//! Google has an endpoint in OpenAI's dialect as well, and it is not used: there `completion_tokens` leaves thinking
//! out, which is paid for all the same, and cached input is not told apart, so every budget would be wrong
//! (<https://discuss.ai.google.dev/t/question-with-usage-in-openai-compatibility/98760>).
//!
//! The model is named in the path, `/v1beta/models/{model}:generateContent` or `:streamGenerateContent?alt=sse`, and so
//! in no body.

mod model;
mod wire;
pub mod count;
pub(crate) mod usage;
mod contents;
mod thinking;
pub(crate) mod to_request;
mod finish;
pub(crate) mod from_answer;
