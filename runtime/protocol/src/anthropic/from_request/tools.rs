//! Tools, and whether one must be called.

use serde_json::value::RawValue;

use super::super::object::{Object, list};
use crate::conversation::{Conversation, Tool, ToolChoice, Untranslatable};

/// Tools that the client runs and whose arguments Anthropic's models know by heart, so that no schema says them
/// (<https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference>). Every other dated type runs at
/// Anthropic's.
const WITHOUT_SCHEMA: [&str; 5] = ["bash_", "text_editor_", "computer_", "memory_", "browser_toolset_"];

/// Reads both.
pub(super) fn read(body: &mut Object<'_>, conversation: &mut Conversation) -> Result<(), Untranslatable> {
    if let Some(tools) = body.take("tools") {
        for tool in list("tools", tools)? {
            match read_tool(tool, conversation)? {
                Some(tool) => conversation.tools.push(tool),
                None => conversation.dropped.add("tools with defer_loading"),
            }
        }
    }
    let Some(choice) = body.take("tool_choice") else { return Ok(()) };
    let mut choice = Object::within("tool_choice", choice)?;
    let kind: String = choice.required("type")?;
    conversation.tool_choice = match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Any,
        "none" => ToolChoice::Never,
        "tool" => ToolChoice::Named(choice.required("name")?),
        _ => return Err(Untranslatable::new(format!("the tool choice `{kind}`"))),
    };
    conversation.parallel_tool_calls =
        choice.optional::<bool>("disable_parallel_tool_use")?.map(|disabled| !disabled);
    choice.drop_rest("tool_choice.", &mut conversation.dropped);
    Ok(())
}

/// `None` for one that the model may not call before it has searched for it, which only Anthropic's models can.
fn read_tool(tool: &RawValue, conversation: &mut Conversation) -> Result<Option<Tool>, Untranslatable> {
    let mut tool = Object::within("tool", tool)?;
    let kind: Option<String> = tool.optional("type")?;
    let schema = tool.take("input_schema").map(RawValue::to_owned);
    if let Some(kind) = kind
        && kind != "custom"
    {
        if !WITHOUT_SCHEMA.iter().any(|known| kind.starts_with(known)) {
            return Err(Untranslatable::new(format!("the server tool `{kind}`")));
        }
        if schema.is_none() {
            return Err(Untranslatable::new(format!("the tool `{kind}`, which has no schema,")));
        }
    }
    if tool.optional::<bool>("defer_loading")?.unwrap_or(false) {
        return Ok(None);
    }
    let read = Tool {
        name: tool.required("name")?,
        description: tool.optional("description")?,
        schema,
        strict: tool.optional("strict")?,
    };
    tool.drop_rest("", &mut conversation.dropped);
    Ok(Some(read))
}
