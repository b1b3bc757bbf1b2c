//! How much to think, in a model's own words. It is a hint: where the API would refuse it beside what the request must
//! have, it is left out.
//!
//! | asked | from 4.6 on | before, at most half of `max_tokens` |
//! | --- | --- | --- |
//! | nothing | nothing | nothing |
//! | not at all | `disabled`, `between_tools`, or nothing where it cannot be | `disabled` |
//! | as much as is right | `adaptive` | 8,192 |
//! | minimal | `adaptive`, `low` | 1,024 |
//! | low | `adaptive`, `low` | 2,048 |
//! | medium | `adaptive`, `medium` | 8,192 |
//! | high | `adaptive`, `high` | 16,384 |
//! | hardest | `adaptive`, `xhigh` or `max` | 32,768 |
//! | n tokens | `adaptive`; to 2,048 `low`, to 8,192 `medium`, above `high` | n, below `max_tokens` |

use serde::Serialize;

use super::model::{Model, Off};
use super::turns::Message;
use crate::conversation::{Conversation, Dropped, Effort, Reasoning, ToolChoice};

/// The least budget that the API takes.
const BUDGET_MIN_TOKENS: u64 = 1_024;

/// `thinking`
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    /// With at most so many tokens.
    Enabled { budget_tokens: u64 },
    /// As much as the model finds right.
    Adaptive,
    /// Not at all.
    Disabled,
    /// Not before it answers.
    BetweenTools,
}

impl Thinking {
    /// Whether the model may think.
    pub(super) fn is_on(&self) -> bool {
        matches!(self, Self::Enabled { .. } | Self::Adaptive)
    }
}

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// `thinking`
    pub(super) thinking: Option<Thinking>,
    /// `output_config.effort`
    pub(super) effort: Option<&'static str>,
}

/// Finds it.
pub(super) fn planned(
    asked: &Conversation,
    model: Model,
    max_tokens: u64,
    messages: &[Message<'_>],
    dropped: &mut Dropped,
) -> Plan {
    let mut plan = match asked.reasoning {
        Reasoning::Default => return Plan::default(),
        Reasoning::Off => Plan { thinking: off(model), effort: None },
        _ if model.is_adaptive() => {
            Plan { thinking: Some(Thinking::Adaptive), effort: effort(asked.reasoning, model) }
        }
        _ if model.thinks() => Plan { thinking: enabled(asked.reasoning, max_tokens), effort: None },
        _ => Plan::default(),
    };
    // A call that must be made is made at once: the API refuses to think before it.
    let is_forced =
        matches!(asked.tool_choice, ToolChoice::Any | ToolChoice::Named(_)) && !asked.tools.is_empty();
    // With a budget, a turn whose tools have just answered must have begun with thoughts. Another provider's are none.
    let is_interrupted = !model.is_adaptive() && answers_a_turn_without_thoughts(messages);
    if plan.thinking.as_ref().is_some_and(Thinking::is_on) && (is_forced || is_interrupted) {
        plan.thinking = None;
    }
    if plan.thinking.is_none() {
        dropped.add("reasoning");
    }
    plan
}

fn off(model: Model) -> Option<Thinking> {
    match model.off() {
        Off::Disabled => Some(Thinking::Disabled),
        Off::BetweenTools => Some(Thinking::BetweenTools),
        Off::Never => None,
    }
}

fn effort(reasoning: Reasoning, model: Model) -> Option<&'static str> {
    match reasoning {
        Reasoning::Default | Reasoning::Off | Reasoning::Adaptive => None,
        Reasoning::Effort(Effort::Minimal | Effort::Low) | Reasoning::Budget(..=2_048) => Some("low"),
        Reasoning::Effort(Effort::Medium) | Reasoning::Budget(..=8_192) => Some("medium"),
        Reasoning::Effort(Effort::High) | Reasoning::Budget(_) => Some("high"),
        Reasoning::Effort(Effort::Max) => Some(model.hardest()),
    }
}

/// `None` where `max_tokens`, which thoughts count towards, leaves no room.
fn enabled(reasoning: Reasoning, max_tokens: u64) -> Option<Thinking> {
    let most = match reasoning {
        Reasoning::Budget(_) => max_tokens.saturating_sub(1),
        _ => max_tokens / 2,
    };
    let wanted = match reasoning {
        Reasoning::Default | Reasoning::Off => return None,
        Reasoning::Effort(Effort::Minimal) => BUDGET_MIN_TOKENS,
        Reasoning::Effort(Effort::Low) => 2_048,
        Reasoning::Effort(Effort::Medium) | Reasoning::Adaptive => 8_192,
        Reasoning::Effort(Effort::High) => 16_384,
        Reasoning::Effort(Effort::Max) => 32_768,
        Reasoning::Budget(tokens) => tokens.max(BUDGET_MIN_TOKENS),
    };
    let budget_tokens = wanted.min(most);
    (budget_tokens >= BUDGET_MIN_TOKENS).then_some(Thinking::Enabled { budget_tokens })
}

fn answers_a_turn_without_thoughts(messages: &[Message<'_>]) -> bool {
    match messages {
        [.., turn, answer] => answer.has_results() && !turn.begins_with_thoughts(),
        _ => false,
    }
}
