//! How much to think: `thinking` and `output_config`, which say it together.

use super::super::object::Object;
use crate::conversation::{Conversation, Effort, Reasoning, Untranslatable};

/// Reads both, and the form of the answer, which stands in the second.
pub(super) fn read(body: &mut Object<'_>, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    let mut reasoning = Reasoning::Default;
    if let Some(thinking) = body.take("thinking") {
        let mut thinking = Object::within("thinking", thinking)?;
        let kind: String = thinking.required("type")?;
        reasoning = match kind.as_str() {
            "enabled" => Reasoning::Budget(thinking.required("budget_tokens")?),
            "adaptive" => Reasoning::Adaptive,
            // The second is how Sonnet 5.5 is told not to think before it answers.
            "disabled" | "between_tools" => Reasoning::Off,
            _ => return Err(Untranslatable::new(format!("thinking of the type `{kind}`"))),
        };
        thinking.drop_rest("thinking.", &mut conversation.dropped);
    }
    if let Some(config) = body.take("output_config") {
        let mut config = Object::within("output_config", config)?;
        match (config.optional::<String>("effort")?, reasoning) {
            (None, _) => {}
            (Some(effort), Reasoning::Default | Reasoning::Adaptive) => {
                reasoning = Reasoning::Effort(read_effort(&effort)?);
            }
            // What is said in tokens, or not to be done at all, is said more plainly.
            (Some(_), _) => conversation.dropped.add("output_config.effort"),
        }
        if let Some(format) = config.take("format") {
            conversation.format = super::read_format(format, conversation)?;
        }
        config.drop_rest("output_config.", &mut conversation.dropped);
    }
    conversation.reasoning = reasoning;
    Ok(())
}

fn read_effort(effort: &str) -> Result<Effort, Untranslatable> {
    match effort {
        "low" => Ok(Effort::Low),
        "medium" => Ok(Effort::Medium),
        "high" => Ok(Effort::High),
        "xhigh" | "max" => Ok(Effort::Max),
        _ => Err(Untranslatable::new(format!("the effort `{effort}`"))),
    }
}
