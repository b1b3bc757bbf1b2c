//! Why a classifier did not judge. Said in records and logs, so no text, address or key is in it.

/// A text was not judged. What that means for a request is up to `GuardBinding::on_error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No connection could be made, or its name leads where it may not.
    #[error("no connection to the classifier could be made")]
    Unreachable,
    /// The connection broke before the end of an answer.
    #[error("the classifier's answer broke off")]
    Broken,
    /// No answer in time.
    #[error("the classifier took too long")]
    Timeout,
    /// An answer without a verdict.
    #[error("the classifier answered with status {0}")]
    Status(u16),
    /// An answer that is not `{label, score, labels}`; what is wrong with it.
    #[error("the classifier's answer cannot be used: {0}")]
    Garbage(&'static str),
    /// Others had all of its places for too long.
    #[error("the classifier is asked by too many others")]
    Busy,
    /// It has failed too often of late, and was not asked.
    #[error("the classifier keeps failing and is not asked for a while")]
    Open,
    /// Its secret is missing, or cannot be a header.
    #[error("the classifier's secret is missing")]
    Secret,
    /// More text than is ever judged in one go.
    #[error("the text is too long to be judged")]
    TooLong,
    /// There is text, and nobody here can read it.
    #[error("what was said cannot be read")]
    Unreadable,
    /// The gateway itself stopped judging, as it does when it shuts down.
    #[error("judging was stopped")]
    Stopped,
}

impl Unavailable {
    /// Every [`Self::reason`].
    pub(crate) const REASONS: [&'static str; 11] = [
        "unreachable",
        "broken",
        "timeout",
        "status",
        "garbage",
        "busy",
        "open",
        "secret",
        "too-long",
        "unreadable",
        "stopped",
    ];

    /// A word for records and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Garbage(_) => "garbage",
            Self::Busy => "busy",
            Self::Open => "open",
            Self::Secret => "secret",
            Self::TooLong => "too-long",
            Self::Unreadable => "unreadable",
            Self::Stopped => "stopped",
        }
    }

    /// Whether it is the classifier's own fault, so that its breaker counts it. A status below 500 may be about the text
    /// that was sent.
    pub(crate) fn is_fault(self) -> bool {
        match self {
            Self::Unreachable | Self::Broken | Self::Timeout | Self::Garbage(_) => true,
            Self::Status(status) => status >= 500,
            Self::Busy | Self::Open | Self::Secret | Self::TooLong | Self::Unreadable | Self::Stopped => {
                false
            }
        }
    }
}
