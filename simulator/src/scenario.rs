//! What to answer, and how to break it.

use std::time::Duration;

use bytes::Bytes;

/// One answer. The default is a short, well-behaved one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Tokens of output; never more than the request's `max_tokens`.
    pub output_tokens: u64,
    /// Refuse in this way instead of answering.
    pub fault: Option<Fault>,
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
    /// Send an error event after so many events, and end.
    pub error_after_events: Option<usize>,
    /// Send the bytes in pieces of at most so many, each written to the socket by itself.
    pub piece_bytes: Option<usize>,
    /// Compress the answer, if the request accepts that.
    pub gzip: bool,
    /// Compress it whatever the request accepts, as some proxies do.
    pub gzip_unasked: bool,
    /// Input tokens reported as written to the five-minute cache.
    pub cache_write_5m: u64,
    /// Input tokens reported as written to the one-hour cache.
    pub cache_write_1h: u64,
    /// Input tokens reported as read from a cache.
    pub cache_read: u64,
    /// How usage is reported.
    pub usage: UsageReport,
    /// Input tokens that server tools add in `message_delta`.
    pub input_raised_by: u64,
    /// Send events and fields that no documentation knows.
    pub unknown_parts: bool,
    /// Send these bytes as the answer, of the form that was asked for. The log knows nothing of what they report.
    pub verbatim: Option<Bytes>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            output_tokens: 12,
            fault: None,
            first_byte_delay: Duration::ZERO,
            event_delay: Duration::ZERO,
            cut: None,
            stall_after_events: None,
            stall_after_bytes: None,
            error_after_events: None,
            piece_bytes: None,
            gzip: false,
            gzip_unasked: false,
            cache_write_5m: 0,
            cache_write_1h: 0,
            cache_read: 0,
            usage: UsageReport::Normal,
            input_raised_by: 0,
            unknown_parts: false,
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
    /// With a second `message_delta` that repeats it.
    Twice,
}
