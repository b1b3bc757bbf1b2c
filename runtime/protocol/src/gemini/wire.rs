//! What answers look like: a document, or a stream of chunks of the same form
//! (<https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>). Only what is read of them is here.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::usage::Counters;
use crate::event::Failure;
use crate::failure;

/// A chunk of a stream, or all of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    prompt_feedback: Option<PromptFeedback>,
    /// The counters so far.
    pub(super) usage_metadata: Option<Counters>,
    /// Google's name of the answer, the same in all chunks.
    pub(super) response_id: Option<String>,
    /// The model that answers.
    pub(super) model_version: Option<String>,
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    index: Option<u64>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

/// A part of the content; one of its fields, and the seal beside it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    /// Words.
    pub(super) text: Option<String>,
    /// Whether the words are thoughts.
    pub(super) thought: Option<bool>,
    /// The seal.
    pub(super) thought_signature: Option<String>,
    /// A call of a tool.
    #[serde(borrow)]
    pub(super) function_call: Option<FunctionCall<'a>>,
    /// Code that Google runs, and what came of it: only with a tool that is never asked for.
    #[serde(borrow)]
    executable_code: Option<&'a RawValue>,
    #[serde(borrow)]
    code_execution_result: Option<&'a RawValue>,
    /// A picture or a sound.
    pub(super) inline_data: Option<Blob>,
}

/// A call of a tool, whole.
#[derive(Debug, Deserialize)]
pub(super) struct FunctionCall<'a> {
    /// Google's own name of the call, since the third generation.
    pub(super) id: Option<String>,
    /// Which tool.
    #[serde(default)]
    pub(super) name: String,
    /// The arguments; absent where there are none.
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

/// Bytes that are no text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob {
    /// Such as `image/png`.
    #[serde(default)]
    pub(super) mime_type: String,
    /// Base64.
    #[serde(default)]
    data: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

/// Why nothing more comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped<'a> {
    /// By the model's side: the reason, and sometimes a sentence on it.
    Finished(&'a str, Option<&'a str>),
    /// The question was not let through, and there is no answer.
    Blocked,
}

/// The chunks in an event or a document; none where it is nonsense. Without `alt=sse` a stream is an array of them, and
/// so are some errors.
pub(super) fn chunks(data: &[u8]) -> Vec<Chunk<'_>> {
    match data.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(data).map(|chunk| vec![chunk]).unwrap_or_default(),
        Some(b'[') => serde_json::from_slice(data).unwrap_or_default(),
        _ => Vec::new(),
    }
}

impl<'a> Chunk<'a> {
    /// The parts of the one answer that is asked for.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part<'a>> {
        let content = self.candidate().and_then(|candidate| candidate.content.as_ref());
        content.and_then(|content| content.parts.as_ref()).into_iter().flatten()
    }

    /// Whether and why this is the end of the content. Counters may follow.
    pub(super) fn stopped(&self) -> Option<Stopped<'_>> {
        if let Some(candidate) = self.candidate()
            && let Some(reason) = &candidate.finish_reason
            // What the value of no meaning is called.
            && reason != "FINISH_REASON_UNSPECIFIED"
        {
            return Some(Stopped::Finished(reason, candidate.finish_message.as_deref()));
        }
        let blocked = self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.block_reason.is_some());
        blocked.then_some(Stopped::Blocked)
    }

    /// An error in its place.
    pub(super) fn error(&self) -> Option<Failure> {
        let error = self.error.as_ref()?;
        let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        let document = serde_json::json!({ "error": error }).to_string();
        Some(failure::read(code.unwrap_or(500), document.as_bytes()))
    }

    /// Whether it is one at all: any object parses as one.
    pub(super) fn is_of_an_answer(&self) -> bool {
        self.candidates.is_some() || self.prompt_feedback.is_some() || self.usage_metadata.is_some()
    }

    fn candidate(&self) -> Option<&Candidate<'a>> {
        self.candidates.as_ref()?.iter().find(|candidate| candidate.index.unwrap_or(0) == 0)
    }
}

impl Part<'_> {
    /// Bytes of content: what a client sees or a model is paid for, seals not.
    pub(super) fn content(&self) -> impl Iterator<Item = &[u8]> {
        let call = self.function_call.as_ref();
        let pieces = [
            self.text.as_deref(),
            call.map(|call| call.name.as_str()),
            call.and_then(|call| call.args).map(RawValue::get),
            self.executable_code.map(RawValue::get),
            self.code_execution_result.map(RawValue::get),
            self.inline_data.as_ref().map(|blob| blob.data.as_str()),
        ];
        pieces.into_iter().flatten().filter(|piece| !piece.is_empty()).map(str::as_bytes)
    }

    /// Code and its outcome, as words.
    pub(super) fn code(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Code {
            code: Option<String>,
            output: Option<String>,
        }
        let raw = self.executable_code.or(self.code_execution_result)?;
        let code = serde_json::from_str::<Code>(raw.get()).ok()?;
        code.code.or(code.output)
    }
}
