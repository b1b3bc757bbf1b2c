//! Anthropic's Messages API, version-blind: the `anthropic-version` header is forwarded, never read.

pub(crate) mod request;
pub(crate) mod content;
pub(crate) mod stream;
