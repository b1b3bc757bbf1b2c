//! How much a model is to think, in Google's words.
//!
//! Thoughts count towards `maxOutputTokens`, so whatever is said here, what an answer may cost is bounded.

use serde::Serialize;

use super::model::Thinking;
use crate::conversation::{Dropped, Effort, Reasoning};

/// `generationConfig.thinkingConfig`; budget and level exclude each other.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    /// Whether the thoughts are told; they cost the same untold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    include_thoughts: bool,
}

/// As much as the model finds right.
const DYNAMIC: i64 = -1;

/// What is asked for; `None` leaves it to the model. What a model cannot do is named in `dropped`: the least that it can
/// instead of none, and nothing of models that do not think.
pub(super) fn config(
    reasoning: Reasoning,
    thinking: Thinking,
    max_output: u64,
    dropped: &mut Dropped,
) -> Option<Config> {
    if reasoning == Reasoning::Default {
        return None;
    }
    match thinking {
        Thinking::Unknown => {
            if reasoning != Reasoning::Off {
                dropped.add("thinking");
            }
            None
        }
        Thinking::Budget { least, most, can_be_off } => {
            let tokens = |tokens: u64| {
                // Something must be left for the answer.
                let tokens = tokens.min(max_output.saturating_sub(1)).clamp(least, most);
                i64::try_from(tokens).unwrap_or(DYNAMIC)
            };
            let (budget, include_thoughts) = match reasoning {
                Reasoning::Off if can_be_off => (0, false),
                Reasoning::Off => {
                    dropped.add("thinking");
                    (tokens(least), false)
                }
                Reasoning::Default | Reasoning::Adaptive => (DYNAMIC, true),
                Reasoning::Effort(effort) => (tokens(tokens_of(effort, most)), true),
                Reasoning::Budget(asked) => (tokens(asked), true),
            };
            Some(Config { thinking_budget: Some(budget), thinking_level: None, include_thoughts })
        }
        Thinking::Level { minimal, medium } => {
            let least = if minimal { "MINIMAL" } else { "LOW" };
            let middle = if medium { "MEDIUM" } else { "HIGH" };
            let (level, include_thoughts) = match reasoning {
                Reasoning::Off => {
                    dropped.add("thinking");
                    (Some(least), false)
                }
                // What these models do by themselves.
                Reasoning::Default | Reasoning::Adaptive => (None, true),
                Reasoning::Effort(Effort::Minimal) => (Some(least), true),
                Reasoning::Effort(Effort::Low) => (Some("LOW"), true),
                Reasoning::Effort(Effort::Medium) => (Some(middle), true),
                Reasoning::Effort(Effort::High | Effort::Max) => (Some("HIGH"), true),
                Reasoning::Budget(asked) => (Some(level_of(asked, middle)), true),
            };
            Some(Config { thinking_budget: None, thinking_level: level, include_thoughts })
        }
    }
}

/// As Google translates `reasoning_effort` itself, in its endpoint that is compatible with OpenAI's
/// (<https://ai.google.dev/gemini-api/docs/openai#thinking>).
fn tokens_of(effort: Effort, most: u64) -> u64 {
    match effort {
        Effort::Minimal | Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High => 24_576,
        Effort::Max => most,
    }
}

/// The level whose effort would have come to about so many tokens. Models with levels hold to no number; the most tokens
/// of output bound them all the same.
fn level_of(tokens: u64, middle: &'static str) -> &'static str {
    match tokens {
        0..4_096 => "LOW",
        4_096..16_384 => middle,
        _ => "HIGH",
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Model;
    use super::*;

    fn written(model: &str, reasoning: Reasoning) -> (Option<String>, bool) {
        let mut dropped = Dropped::default();
        let config = config(reasoning, Model::named(model).thinking, 32_000, &mut dropped);
        let text = config.map(|config| serde_json::to_string(&config).expect("json"));
        (text, dropped.names() == ["thinking"])
    }

    #[test]
    fn every_way_of_asking_is_said_as_the_model_takes_it() {
        use Reasoning::{Adaptive, Budget, Default, Off};
        let effort = Reasoning::Effort;
        let budget = |tokens: i64| Some(format!(r#"{{"thinkingBudget":{tokens},"includeThoughts":true}}"#));
        let level = |word: &str| Some(format!(r#"{{"thinkingLevel":"{word}","includeThoughts":true}}"#));
        let silent = |text: &str| Some(text.to_owned());
        let table = [
            ("gemini-2.5-flash", Default, (None, false)),
            ("gemini-2.5-flash", Off, (silent(r#"{"thinkingBudget":0}"#), false)),
            ("gemini-2.5-pro", Off, (silent(r#"{"thinkingBudget":128}"#), true)),
            ("gemini-2.5-pro", Adaptive, (budget(-1), false)),
            ("gemini-2.5-pro", effort(Effort::Low), (budget(1_024), false)),
            ("gemini-2.5-pro", effort(Effort::Max), (budget(31_999), false)),
            ("gemini-2.5-flash", effort(Effort::Max), (budget(24_576), false)),
            ("gemini-2.5-flash-lite", Budget(100), (budget(512), false)),
            ("gemini-2.5-pro", Budget(u64::MAX), (budget(31_999), false)),
            ("gemini-3.7-flash", Off, (silent(r#"{"thinkingLevel":"LOW"}"#), true)),
            ("gemini-3-flash-preview", Off, (silent(r#"{"thinkingLevel":"MINIMAL"}"#), true)),
            ("gemini-3.7-flash", Adaptive, (silent(r#"{"includeThoughts":true}"#), false)),
            ("gemini-3.7-flash", effort(Effort::Minimal), (level("LOW"), false)),
            ("gemini-3-pro-preview", effort(Effort::Medium), (level("HIGH"), false)),
            ("gemini-3.1-pro-preview", Budget(8_000), (level("MEDIUM"), false)),
            ("gemini-3.1-pro-preview", Budget(31_999), (level("HIGH"), false)),
            ("gemini-2.0-flash", Off, (None, false)),
            ("gemini-2.0-flash", Adaptive, (None, true)),
        ];
        for (model, reasoning, expected) in table {
            assert_eq!(written(model, reasoning), expected, "{model} {reasoning:?}");
        }
    }
}
