//! What came of a candidate: in words for records, and as one of a few classes for metrics.

use http::StatusCode;

use crate::body::{Broken, Stopped};
use crate::refusal::Refusal;

/// What came of a candidate.
#[derive(Debug, Clone)]
pub(crate) enum Came<'a> {
    /// Its answer has begun.
    Answered,
    /// Its tokens were counted, and that was the answer.
    Counted,
    /// It keeps failing, and others were asked first.
    SetBack,
    /// Nothing was sent: a policy, a budget, or what it cannot be asked.
    Refused(&'a Refusal),
    /// There is no sending it there.
    Unsendable(&'a Refusal),
    /// No connection could be made.
    Unreachable(&'a Refusal),
    /// It answered with an error.
    Status(StatusCode),
    /// Its answer stopped before any content.
    NotBegun(Stopped),
    /// The connection broke before an answer.
    BrokeOff,
    /// It answered, and a guard kept all of it back.
    Withheld,
}

impl Came<'_> {
    /// As records have it.
    pub(crate) fn words(&self) -> String {
        let words = match self {
            Self::Answered => "answered",
            Self::Counted => "counted",
            Self::SetBack => "set back: breaker open",
            Self::Refused(refusal) | Self::Unsendable(refusal) | Self::Unreachable(refusal) => {
                return refusal.code();
            }
            Self::Status(status) => status.as_str(),
            Self::NotBegun(Stopped::Refused) => "error event before any content",
            Self::NotBegun(Stopped::Broken(Broken::Cut)) => "broke off before any content",
            Self::NotBegun(Stopped::Broken(Broken::Silent)) => "silent",
            Self::NotBegun(Stopped::Broken(Broken::TooLong)) => "took too long",
            Self::NotBegun(Stopped::Broken(Broken::NoAnswer)) => "no answer of its protocol",
            Self::BrokeOff => "broke off; its hold was counted in full",
            Self::Withheld => "withheld by a guard",
        };
        words.to_owned()
    }

    /// As metrics have it.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Answered => Class::Answered,
            Self::Counted => Class::Counted,
            Self::SetBack => Class::SetBack,
            Self::Refused(_) => Class::Refused,
            Self::Unsendable(_) => Class::Unsendable,
            Self::Unreachable(_) => Class::Unreachable,
            Self::Status(StatusCode::TOO_MANY_REQUESTS) => Class::RateLimited,
            Self::Status(status) if status.is_server_error() => Class::ServerError,
            Self::Status(_) => Class::Rejected,
            Self::NotBegun(Stopped::Refused) => Class::ErrorEvent,
            Self::NotBegun(Stopped::Broken(Broken::Silent | Broken::TooLong)) => Class::TooLate,
            Self::NotBegun(Stopped::Broken(Broken::NoAnswer)) => Class::NoAnswer,
            Self::NotBegun(Stopped::Broken(Broken::Cut)) | Self::BrokeOff => Class::BrokeOff,
            Self::Withheld => Class::Withheld,
        }
    }
}

/// What came of a candidate, as one of a few. docs/metrics.md describes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Answered,
    Counted,
    Withheld,
    Rejected,
    RateLimited,
    ServerError,
    ErrorEvent,
    TooLate,
    BrokeOff,
    NoAnswer,
    Unreachable,
    Unsendable,
    Refused,
    SetBack,
}

impl Class {
    /// Every one, in the order of their declaration.
    pub(crate) const ALL: [Self; 14] = [
        Self::Answered,
        Self::Counted,
        Self::Withheld,
        Self::Rejected,
        Self::RateLimited,
        Self::ServerError,
        Self::ErrorEvent,
        Self::TooLate,
        Self::BrokeOff,
        Self::NoAnswer,
        Self::Unreachable,
        Self::Unsendable,
        Self::Refused,
        Self::SetBack,
    ];

    /// Its place in [`Self::ALL`].
    pub(crate) fn place(self) -> usize {
        self as usize
    }

    /// A word for metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Counted => "counted",
            Self::Withheld => "withheld",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::ErrorEvent => "error_event",
            Self::TooLate => "too_late",
            Self::BrokeOff => "broke_off",
            Self::NoAnswer => "no_answer",
            Self::Unreachable => "unreachable",
            Self::Unsendable => "unsendable",
            Self::Refused => "refused",
            Self::SetBack => "set_back",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_stands_at_its_place_and_has_a_word_of_its_own() {
        let mut words: Vec<_> = Class::ALL.iter().map(|class| class.word()).collect();
        for (place, class) in Class::ALL.iter().enumerate() {
            assert_eq!(class.place(), place);
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Class::ALL.len());
    }
}
