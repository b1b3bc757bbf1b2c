//! Why an answer ended, in Google's words (<https://ai.google.dev/api/generate-content#FinishReason>).

use crate::event::{Failure, FailureKind, Finish};

/// What a `finishReason` comes to. An answer that a filter took back is refused: asked again it would be again. One that
/// broke off because the model said nonsense, or for a reason that nobody here knows, failed: it may do better the next
/// time, and what came of it must not be taken for the whole.
pub(super) fn of(reason: &str, message: Option<&str>, has_called: bool) -> Result<Finish, Failure> {
    let kind = match reason {
        // Also of stop sequences, which are not told apart.
        "STOP" if has_called => return Ok(Finish::ToolCalls),
        "STOP" => return Ok(Finish::Done),
        "MAX_TOKENS" | "CONTINUATION" => return Ok(Finish::MaxOutput),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR"
        | "ESCALATION" => return Ok(Finish::Refused),
        "MISSING_THOUGHT_SIGNATURE" => FailureKind::Invalid,
        "PUP_LIMITED_DISABLED" => FailureKind::Permission,
        // MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, TOO_MANY_TOOL_CALLS, MALFORMED_RESPONSE, OTHER, NO_IMAGE,
        // IMAGE_OTHER, and what is still to come.
        _ => FailureKind::Internal,
    };
    let message = match message {
        Some(message) if !message.is_empty() => format!("the model stopped with {reason}: {message}"),
        _ => format!("the model stopped with {reason}"),
    };
    Err(Failure { kind, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_an_end_a_refusal_or_a_failure() {
        let table = [
            ("STOP", Ok(Finish::Done)),
            ("MAX_TOKENS", Ok(Finish::MaxOutput)),
            ("SAFETY", Ok(Finish::Refused)),
            ("RECITATION", Ok(Finish::Refused)),
            ("PROHIBITED_CONTENT", Ok(Finish::Refused)),
            ("BLOCKLIST", Ok(Finish::Refused)),
            ("SPII", Ok(Finish::Refused)),
            ("MALFORMED_FUNCTION_CALL", Err(FailureKind::Internal)),
            ("MISSING_THOUGHT_SIGNATURE", Err(FailureKind::Invalid)),
            ("OTHER", Err(FailureKind::Internal)),
            ("A_REASON_TO_COME", Err(FailureKind::Internal)),
        ];
        for (reason, expected) in table {
            assert_eq!(of(reason, None, false).map_err(|failure| failure.kind), expected, "{reason}");
        }
        assert_eq!(of("STOP", None, true), Ok(Finish::ToolCalls));
        assert_eq!(of("MAX_TOKENS", None, true), Ok(Finish::MaxOutput));
    }

    #[test]
    fn a_failure_says_what_google_said() {
        let failure = of("MALFORMED_FUNCTION_CALL", Some("print(x)"), false).expect_err("a failure");
        assert_eq!(failure.message, "the model stopped with MALFORMED_FUNCTION_CALL: print(x)");
    }
}
