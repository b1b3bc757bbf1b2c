//! The words for why nothing more is said.

use crate::event::Finish;

/// What a `stop_reason` means (<https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>); `None`
/// for one that nobody here knows.
pub(super) fn read(reason: &str, sequence: Option<String>) -> Option<Finish> {
    Some(match reason {
        "end_turn" => Finish::Done,
        "tool_use" => Finish::ToolCalls,
        "max_tokens" => Finish::MaxOutput,
        "stop_sequence" => Finish::Stop(sequence),
        "refusal" => Finish::Refused,
        "model_context_window_exceeded" => Finish::ContextFull,
        "pause_turn" => Finish::Paused,
        _ => return None,
    })
}

/// The `stop_reason` and the `stop_sequence`.
pub(super) fn written(finish: &Finish) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Done => ("end_turn", None),
        Finish::ToolCalls => ("tool_use", None),
        Finish::MaxOutput => ("max_tokens", None),
        Finish::Stop(sequence) => ("stop_sequence", sequence.as_deref()),
        Finish::Refused => ("refusal", None),
        Finish::ContextFull => ("model_context_window_exceeded", None),
        Finish::Paused => ("pause_turn", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_comes_back() {
        let all = [
            Finish::Done,
            Finish::ToolCalls,
            Finish::MaxOutput,
            Finish::Stop(None),
            Finish::Stop(Some("END".to_owned())),
            Finish::Refused,
            Finish::ContextFull,
            Finish::Paused,
        ];
        for finish in all {
            let (reason, sequence) = written(&finish);
            assert_eq!(read(reason, sequence.map(str::to_owned)), Some(finish.clone()));
        }
        assert_eq!(read("to_be_invented", None), None);
    }
}
