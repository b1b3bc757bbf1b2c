//! Orders within a prompt: `[[simulate: output=50 delay_ms=20 cut_at_event=3]]` in the last user message changes
//! the answer to this one request.
//!
//! Words, in any order: `output=N`, `error=STATUS`, `retry_after=SECONDS`, `html`, `garbage`, `hangup`,
//! `first_byte_ms=N`, `delay_ms=N`, `cut_at_event=N`, `cut_at_byte=N`, `stall_at_event=N`, `error_at_event=N`,
//! `pieces=BYTES`, `gzip`, `cache_write_5m=N`, `cache_write_1h=N`, `cache_read=N`, `no_usage`, `usage_twice`,
//! `raise_input=N`, `unknown_parts`, `thinking=N`, `finish=WORD`, `continuous_usage`, `prompt_blocked`,
//! `garbage_at_event=N`, `huge_event=BYTES`, `silence`. Unknown words are passed over.

use std::time::Duration;

use crate::scenario::{Cut, Fault, Scenario, UsageReport};

const OPEN: &str = "[[simulate:";
const CLOSE: &str = "]]";

/// The scenario, changed by the last marker in `prompt`.
pub(crate) fn apply(prompt: &str, mut scenario: Scenario) -> Scenario {
    let Some(start) = prompt.rfind(OPEN) else { return scenario };
    let rest = &prompt[start + OPEN.len()..];
    let orders = rest.split(CLOSE).next().unwrap_or_default();
    let mut retry_after = None;
    for order in orders.split_whitespace() {
        let (word, value) = order.split_once('=').unwrap_or((order, ""));
        let number: u64 = value.parse().unwrap_or(0);
        let count = usize::try_from(number).unwrap_or(usize::MAX);
        match word {
            "output" => scenario.output_tokens = number,
            "error" => {
                let status = u16::try_from(number).unwrap_or(500);
                scenario.fault = Some(Fault::Status { status, retry_after: None });
            }
            "retry_after" => retry_after = Some(number),
            "html" => scenario.fault = Some(Fault::Html),
            "garbage" => scenario.fault = Some(Fault::Garbage),
            "hangup" => scenario.fault = Some(Fault::Hangup),
            "first_byte_ms" => scenario.first_byte_delay = Duration::from_millis(number),
            "delay_ms" => scenario.event_delay = Duration::from_millis(number),
            "cut_at_event" => scenario.cut = Some(Cut::Events(count)),
            "cut_at_byte" => scenario.cut = Some(Cut::Bytes(count)),
            "stall_at_event" => scenario.stall_after_events = Some(count),
            "error_at_event" => scenario.error_after_events = Some(count),
            "pieces" => scenario.piece_bytes = Some(count.max(1)),
            "gzip" => scenario.gzip = true,
            "cache_write_5m" => scenario.cache_write_5m = number,
            "cache_write_1h" => scenario.cache_write_1h = number,
            "cache_read" => scenario.cache_read = number,
            "no_usage" => scenario.usage = UsageReport::Omitted,
            "usage_twice" => scenario.usage = UsageReport::Twice,
            "raise_input" => scenario.input_raised_by = number,
            "thinking" => scenario.thinking_tokens = number,
            "finish" => scenario.finish = Some(value.to_owned()),
            "continuous_usage" => scenario.continuous_usage = true,
            "prompt_blocked" => scenario.prompt_blocked = true,
            "garbage_at_event" => scenario.garbage_after_events = Some(count),
            "huge_event" => scenario.huge_event_bytes = Some(number),
            "silence" => scenario.fault = Some(Fault::Silence),
            "unknown_parts" => scenario.unknown_parts = true,
            _ => {}
        }
    }
    if let Some(Fault::Status { retry_after: seconds, .. }) = &mut scenario.fault {
        *seconds = retry_after.or(*seconds);
    }
    scenario
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_changes_what_it_names() {
        let scenario =
            apply("hi [[simulate: output=50 error=529 retry_after=7 nonsense gzip]]", Scenario::default());
        assert_eq!(scenario.output_tokens, 50);
        assert_eq!(scenario.fault, Some(Fault::Status { status: 529, retry_after: Some(7) }));
        assert!(scenario.gzip);
        assert_eq!(apply("hi", Scenario::default()), Scenario::default());
    }
}
