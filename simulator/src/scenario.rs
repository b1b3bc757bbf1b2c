//! What to answer, and how to break it.

use std::time::Duration;

use bytes::Bytes;

/// One answer, of whichever API. The default is a short, well-behaved one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "orders, each given or not, and free to be combined")]
pub struct Scenario {
    /// Tokens of output; never more than the request allows.
    pub output_tokens: u64,
    /// Say these words, as many as there are tokens for, in place of the simulator's own.
    pub say: Option<String>,
    /// Refuse in this way instead of answering.
    pub fault: Option<Fault>,
    /// Requests that a standing scenario still answers before it refuses.
    pub fault_after_requests: usize,
    /// Wait before the first byte.
    pub first_byte_delay: Duration,
    /// Wait before each event of a stream.
    pub event_delay: Duration,
    /// Break the connection in the middle, without an end of the body.
    pub cut: Option<Cut>,
    /// Send nothing more after so many events, and keep the connection open.
    pub stall_after_events: Option<usize>,
    /// The same after so many bytes of the body, as compressed.
    pub stall_after_bytes: Option<usize>,
    /// Leave the answer open behind its last byte, as a provider that is slow to end it, or a proxy that loses its end.
    pub lingers: bool,
    /// Send an error event after so many events, and end.
    pub error_after_events: Option<usize>,
    /// Send the bytes in pieces of at most so many, each written to the socket by itself.
    pub piece_bytes: Option<usize>,
    /// Compress the answer, if the request accepts that.
    pub gzip: bool,
    /// Compress it whatever the request accepts, as some proxies do.
    pub gzip_unasked: bool,
    /// Input tokens reported as written to the five-minute cache. Where an API knows one cache, the two are one.
    pub cache_write_5m: u64,
    /// Input tokens reported as written to the one-hour cache.
    pub cache_write_1h: u64,
    /// Input tokens reported as read from a cache.
    pub cache_read: u64,
    /// How usage is reported.
    pub usage: UsageReport,
    /// Input tokens that server tools add: in `message_delta`, as Gemini's `toolUsePromptTokenCount`, elsewhere in the
    /// final usage.
    pub input_raised_by: u64,
    /// Tokens of thinking before the answer, part of `output_tokens`. Whether the thoughts themselves are shown is up
    /// to the API: as blocks with a signature, as `reasoning_content`, only when asked for, or never.
    pub thinking_tokens: u64,
    /// Usage on every chunk of chat completions, as servers of vLLM can be told to send it.
    pub continuous_usage: bool,
    /// The reason why the answer ends, in the API's own word, such as `content_filter`; `refusal` is said where the
    /// API has a place for one.
    pub finish: Option<String>,
    /// Gemini and Azure find fault with the prompt, and answer nothing.
    pub prompt_blocked: bool,
    /// Send events and fields that no documentation knows.
    pub unknown_parts: bool,
    /// Put bytes that are no event between two events of a stream, after so many.
    pub garbage_after_events: Option<usize>,
    /// Make the second event of a stream, or a document, longer by so many bytes, on the same line: spaces before the
    /// JSON, which mean nothing. They are made as they are sent, so `u64::MAX` is a line without an end.
    pub huge_event_bytes: Option<u64>,
    /// Say that the answer is of this content type.
    pub content_type: Option<String>,
    /// Send these bytes as the answer, of the form that was asked for. The log knows nothing of what they report.
    pub verbatim: Option<Bytes>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            output_tokens: 12,
            say: None,
            fault: None,
            fault_after_requests: 0,
            first_byte_delay: Duration::ZERO,
            event_delay: Duration::ZERO,
            cut: None,
            stall_after_events: None,
            stall_after_bytes: None,
            lingers: false,
            error_after_events: None,
            piece_bytes: None,
            gzip: false,
            gzip_unasked: false,
            cache_write_5m: 0,
            cache_write_1h: 0,
            cache_read: 0,
            usage: UsageReport::Normal,
            input_raised_by: 0,
            thinking_tokens: 0,
            continuous_usage: false,
            finish: None,
            prompt_blocked: false,
            unknown_parts: false,
            garbage_after_events: None,
            huge_event_bytes: None,
            content_type: None,
            verbatim: None,
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An error object with this status.
    Status {
        /// The status, one that the provider documents.
        status: u16,
        /// Seconds in `retry-after`.
        retry_after: Option<u64>,
    },
    /// An error object worded by the test.
    Worded {
        /// The status.
        status: u16,
        /// `error.type`.
        kind: String,
        /// `error.message`.
        message: String,
        /// Headers beside those that every answer has, such as `x-should-retry`; they must be valid.
        headers: Vec<(String, String)>,
    },
    /// These bytes, as the API's content type.
    Verbatim {
        /// The status.
        status: u16,
        /// As in [`Fault::Worded`]; `content-type` can be one.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// Somebody else is to be asked.
    Redirect {
        /// 302, or another that redirects.
        status: u16,
        /// `location`.
        location: String,
    },
    /// Nothing at all: no status, no end, and the connection stays open.
    Silence,
    /// 502 with a page of HTML, as load balancers send it.
    Html,
    /// 200 with bytes that are no answer.
    Garbage,
    /// The connection is closed without one byte of an answer.
    Hangup,
}

/// Where an answer breaks off, without the end of its body. Beyond the answer's own end, nothing breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After so many events; a plain answer is one.
    Events(usize),
    /// After so many bytes of the body, as compressed.
    Bytes(usize),
}

/// How usage is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageReport {
    /// As the provider does.
    Normal,
    /// Not at all.
    Omitted,
    /// With a second last event that repeats it.
    Twice,
}
