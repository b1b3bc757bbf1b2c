//! Usage as OpenAI counts it: what a cache had is part of the input, and thinking is part of the output.

use serde_json::{Value, json};

use super::accent::Accent;
use crate::log::Reported;
use crate::scenario::Scenario;

/// Counters of an answer with so much input and output in all. There is one kind of cache.
pub(crate) fn counted(input: u64, output: u64, scenario: &Scenario) -> Reported {
    let written = scenario.cache_write_5m + scenario.cache_write_1h;
    Reported {
        input: input.saturating_sub(written + scenario.cache_read) + scenario.input_raised_by,
        cache_write_5m: written,
        cache_write_1h: 0,
        cache_read: scenario.cache_read,
        output,
    }
}

/// As chat completions have it.
pub(crate) fn of_chat(accent: &Accent, counted: &Reported, thinking: u64, scenario: &Scenario) -> Value {
    let input = counted.total() - counted.output;
    let mut usage = json!({
        "prompt_tokens": input,
        "completion_tokens": counted.output,
        "total_tokens": counted.total(),
        "prompt_tokens_details": { "cached_tokens": counted.cache_read, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": thinking,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    });
    if counted.cache_write_5m > 0 {
        usage["prompt_tokens_details"]["cache_write_tokens"] = json!(counted.cache_write_5m);
    }
    if scenario.unknown_parts {
        usage["future_tokens"] = json!({ "nested": [1, 2.5] });
    }
    (accent.usage)(&mut usage, counted);
    usage
}
