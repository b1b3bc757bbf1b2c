//! Content blocks as they are written, in requests and in answers.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A block.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    /// Words.
    Text { text: Cow<'a, str> },
    /// A picture.
    Image { source: Source<'a> },
    /// Thoughts.
    Thinking { thinking: Cow<'a, str>, signature: Cow<'a, str> },
    /// Thoughts that only Anthropic can read.
    RedactedThinking { data: Cow<'a, str> },
    /// The model calls a tool.
    ToolUse {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        /// An object; `None` is one without members.
        #[serde(serialize_with = "or_empty")]
        input: Option<Cow<'a, RawValue>>,
    },
    /// What the tool said.
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

/// Where a picture is.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    /// In the body.
    Base64 { media_type: &'a str, data: &'a str },
    /// Somewhere else.
    Url { url: &'a str },
}

impl Block<'_> {
    /// Whether it is what the model thought.
    pub(super) fn is_thinking(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::RedactedThinking { .. })
    }
}

/// Arguments as a tool's `input`, which must be an object: a tool without arguments is called with an empty string by
/// some models.
pub(super) fn input(arguments: &RawValue) -> Option<&RawValue> {
    Some(arguments).filter(|arguments| arguments.get().starts_with('{'))
}

#[expect(clippy::ref_option, reason = "serde hands over a reference")]
fn or_empty<S: Serializer>(input: &Option<Cow<'_, RawValue>>, serializer: S) -> Result<S::Ok, S::Error> {
    match input {
        Some(input) => input.serialize(serializer),
        None => serializer.collect_map(std::iter::empty::<((), ())>()),
    }
}
