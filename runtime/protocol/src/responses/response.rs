//! The response object and its items, as clients read them: what openai-python 3.57 requires of `types.responses`.

use pai_bundle::usage::Usage;
use serde::Serialize;
use serde_json::{Value, json};

use super::seal::{self, On};
use crate::event::{Failure, FailureKind, Finish, Seal};

/// How far a response, or an item of it, has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
    /// Of a response alone.
    Failed,
}

impl Status {
    /// How a response ends that stops for this reason.
    pub(super) fn at(finish: &Finish) -> Self {
        match finish {
            Finish::Done | Finish::ToolCalls | Finish::Stop(_) => Self::Completed,
            Finish::MaxOutput | Finish::Refused | Finish::ContextFull | Finish::Paused => Self::Incomplete,
        }
    }
}

/// A response, at any moment.
pub(super) struct Response<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    /// Seconds since 1970 in UTC.
    pub(super) created: i64,
    pub(super) status: Status,
    pub(super) output: &'a [Output],
    pub(super) usage: Option<Usage>,
    pub(super) finish: Option<&'a Finish>,
    pub(super) failure: Option<&'a Failure>,
}

#[derive(Serialize)]
struct Reason {
    reason: &'static str,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct Members<'a> {
    id: &'a str,
    object: &'static str,
    created_at: i64,
    status: Status,
    background: bool,
    error: Option<Error<'a>>,
    incomplete_details: Option<Reason>,
    instructions: (),
    max_output_tokens: (),
    max_tool_calls: (),
    metadata: Value,
    model: &'a str,
    output: Vec<Item<'a>>,
    parallel_tool_calls: bool,
    previous_response_id: (),
    reasoning: Value,
    service_tier: &'static str,
    store: bool,
    temperature: (),
    text: Value,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: (),
    truncation: &'static str,
    usage: Option<Value>,
    user: (),
}

impl Serialize for Response<'_> {
    /// What the client asked for is not repeated: it has `null`, or what is so where nothing is asked for.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reason = match (self.status, self.finish) {
            (Status::Incomplete, Some(Finish::Refused)) => Some("content_filter"),
            // A full window is a limit of tokens too, and the word that clients know.
            (Status::Incomplete, _) => Some("max_output_tokens"),
            _ => None,
        };
        let members = Members {
            id: self.id,
            object: "response",
            created_at: self.created,
            status: self.status,
            background: false,
            error: self.failure.map(|failure| Error { code: code(failure.kind), message: &failure.message }),
            incomplete_details: reason.map(|reason| Reason { reason }),
            instructions: (),
            max_output_tokens: (),
            max_tool_calls: (),
            metadata: json!({}),
            model: self.model,
            output: self.output.iter().map(Output::item).collect(),
            parallel_tool_calls: true,
            previous_response_id: (),
            reasoning: json!({ "effort": null, "summary": null }),
            service_tier: "default",
            store: false,
            temperature: (),
            text: json!({ "format": { "type": "text" } }),
            tool_choice: "auto",
            tools: [],
            top_p: (),
            truncation: "disabled",
            usage: self.usage.as_ref().map(usage),
            user: (),
        };
        members.serialize(serializer)
    }
}

/// One of the codes that a failed response can have.
fn code(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::RateLimit => "rate_limit_exceeded",
        FailureKind::Billing => "insufficient_quota",
        FailureKind::Invalid | FailureKind::TooLarge | FailureKind::NotFound => "invalid_prompt",
        FailureKind::Authentication
        | FailureKind::Permission
        | FailureKind::Timeout
        | FailureKind::Overloaded
        | FailureKind::Internal => "server_error",
    }
}

/// Classes added up again: input includes what caches had, and what was written to them.
fn usage(usage: &Usage) -> Value {
    let written = usage.cache_write_5m.saturating_add(usage.cache_write_1h);
    let input = usage.input.saturating_add(written).saturating_add(usage.cache_read);
    json!({
        "input_tokens": input.0,
        "input_tokens_details": { "cached_tokens": usage.cache_read.0, "cache_write_tokens": written.0 },
        "output_tokens": usage.output.0,
        // Others do not say how many of them were thoughts.
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": usage.total().0,
    })
}

/// An item of the output, as far as it has come.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) status: Status,
    /// Words, thoughts or arguments so far.
    pub(super) text: String,
    pub(super) seal: Option<Seal>,
}

/// What an item is.
#[derive(Debug)]
pub(super) enum Kind {
    Message,
    /// What the seal is on: thoughts, or the call before it.
    Reasoning(On),
    Call {
        call_id: String,
        name: String,
    },
}

impl Kind {
    /// What the ids of such items begin with.
    pub(super) fn prefix(&self) -> &'static str {
        match self {
            Self::Message => "msg_",
            Self::Reasoning(_) => "rs_",
            Self::Call { .. } => "fc_",
        }
    }
}

/// As clients see one.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message { id: &'a str, status: Status, role: &'static str, content: Vec<Part<'a>> },
    Reasoning { id: &'a str, status: Status, summary: Vec<Part<'a>>, encrypted_content: Option<String> },
    FunctionCall { id: &'a str, status: Status, call_id: &'a str, name: &'a str, arguments: &'a str },
}

/// A part of an item.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Part<'a> {
    OutputText { text: &'a str, annotations: [(); 0], logprobs: [(); 0] },
    SummaryText { text: &'a str },
}

impl Output {
    /// As it is when it begins.
    pub(super) fn begun(&self) -> Item<'_> {
        self.with(Vec::new(), "")
    }

    /// As it is now.
    pub(super) fn item(&self) -> Item<'_> {
        let parts = match self.kind {
            // A summary without words is none.
            Kind::Reasoning(_) if self.text.is_empty() => Vec::new(),
            _ => vec![self.part(&self.text)],
        };
        self.with(parts, &self.text)
    }

    /// Its part, with this text.
    pub(super) fn part<'a>(&self, text: &'a str) -> Part<'a> {
        match self.kind {
            Kind::Reasoning(_) => Part::SummaryText { text },
            Kind::Message | Kind::Call { .. } => Part::OutputText { text, annotations: [], logprobs: [] },
        }
    }

    fn with<'a>(&'a self, parts: Vec<Part<'a>>, arguments: &'a str) -> Item<'a> {
        let (id, status) = (self.id.as_str(), self.status);
        match &self.kind {
            Kind::Message => Item::Message { id, status, role: "assistant", content: parts },
            Kind::Reasoning(on) => {
                let encrypted_content = self.seal.as_ref().map(|seal| seal::write(seal, *on));
                Item::Reasoning { id, status, summary: parts, encrypted_content }
            }
            Kind::Call { call_id, name } => Item::FunctionCall { id, status, call_id, name, arguments },
        }
    }
}
