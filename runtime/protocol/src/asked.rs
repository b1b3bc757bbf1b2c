//! What is read of a request's body, whatever dialect it is in: the model, how much may be answered, and what its input
//! is made of. The bytes themselves are forwarded.

use std::ops::Range;

use bytes::Bytes;

use crate::dialect::Dialect;
use crate::{anthropic, chat, legacy, responses};

/// A body as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it is written in.
    pub dialect: Dialect,
    /// The model as the client wrote it; empty where it wrote none.
    pub model: String,
    /// Where in the body the model's string stands, quotes included.
    pub model_at: Option<Range<usize>>,
    /// The most tokens that one answer may have, where the client said so; where it did so twice, the larger.
    pub max_output: Option<u64>,
    /// Where that value stands: also one of `null`, which says nothing.
    pub max_output_at: Option<Range<usize>>,
    /// How many answers are asked for at once.
    pub choices: u64,
    /// Whether the answer is asked for in a fast mode, which has prices of its own.
    pub fast: bool,
    /// Whether the answer is a stream.
    pub stream: bool,
    /// How a stream is asked to say what it used.
    pub stream_usage: StreamUsage,
    /// What the input is made of.
    pub input: Input,
}

/// How a stream is asked to end with what it used: in chat completions and completions by
/// `stream_options.include_usage`; elsewhere it always does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamUsage {
    /// It does so unasked, or the client has asked.
    Reported,
    /// Nobody has asked; this edit does.
    Ask {
        /// Where in the body to write: a place between two bytes, or a value to replace.
        at: Range<usize>,
        /// What to write there.
        text: String,
    },
}

/// The input's parts, as far as they bear on its size in tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Bytes of the body that can be text: all, less the base64 data of images.
    pub text_bytes: u64,
    /// Images.
    pub images: u64,
    /// Bytes of the base64 data of images, which are no text.
    pub image_data_bytes: u64,
    /// Parts whose size is not in the body, in the caller's words: documents, files, URLs.
    pub unsized_parts: Option<&'static str>,
    /// What makes any number of tokens possible: tools that the provider itself runs again and again within one
    /// request, conversations that it keeps.
    pub unbounded: Option<String>,
    /// Tools that the client runs.
    pub client_tools: u64,
}

/// Why a body cannot be forwarded.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not an object. Serde would read an array as one, field by field.
    #[error("the request's body is not a JSON object")]
    NotAnObject,
    /// Not what the API takes.
    #[error("the request's body is not one that the API takes: {0}")]
    Json(#[from] serde_json::Error),
}

impl Asked {
    /// Reads a body.
    pub fn read(dialect: Dialect, body: &Bytes) -> Result<Self, RequestError> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(RequestError::NotAnObject);
        }
        match dialect {
            Dialect::Messages => anthropic::request::read(body),
            Dialect::Chat => chat::request::read(body),
            Dialect::Responses => responses::request::read(body),
            Dialect::Completions => legacy::completions(body),
            Dialect::Embeddings => legacy::embeddings(body),
            // No client speaks it.
            Dialect::Gemini => Err(RequestError::NotAnObject),
        }
    }
}

/// Where `part`, borrowed from `body`, stands in it.
pub(crate) fn place(body: &[u8], part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (body.get(start..end)? == part.as_bytes()).then_some(start..end)
}

/// A value's own text, also where it is `null`: for `deserialize_with`.
pub(crate) fn as_written<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de serde_json::value::RawValue>, D::Error> {
    use serde::Deserialize as _;
    <&serde_json::value::RawValue>::deserialize(deserializer).map(Some)
}
