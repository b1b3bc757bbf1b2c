//! What a request for content asks.

use serde_json::{Map, Value};

use crate::count;
use crate::speech::Wish;

/// Tokens of an image.
const IMAGE: u64 = 258;

/// Tokens of contents, instructions and tools.
pub(super) fn input_tokens(asked: &Value) -> u64 {
    count::input_tokens(asked, &["contents", "systemInstruction", "system_instruction", "tools"], picture)
}

fn picture(part: &Map<String, Value>) -> Option<u64> {
    let names = ["inlineData", "inline_data", "fileData", "file_data"];
    names.iter().any(|name| part.contains_key(*name)).then_some(IMAGE)
}

pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// A member by its name in camels; Google takes snakes as well.
pub(super) fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| {
        let snake = name.chars().flat_map(|letter| {
            let mark = letter.is_ascii_uppercase().then_some('_');
            mark.into_iter().chain([letter.to_ascii_lowercase()])
        });
        object.get(snake.collect::<String>())
    })
}

fn path<'a>(object: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().try_fold(object, |object, name| member(object, name))
}

pub(super) fn parts(content: &Value) -> &[Value] {
    list(content.get("parts"))
}

/// Whether a content is the user's and no result of a tool: a turn begins with it.
pub(super) fn begins_turn(content: &Value) -> bool {
    text(content.get("role")) != "model"
        && !parts(content).iter().any(|part| member(part, "functionResponse").is_some())
}

pub(super) fn wish(asked: &Value) -> Wish {
    let contents = list(asked.get("contents"));
    let last_user = contents.iter().rfind(|content| text(content.get("role")) != "model");
    let texts = last_user.map(parts).unwrap_or_default().iter().filter_map(|part| part.get("text")?.as_str());
    let calling = path(asked, &["toolConfig", "functionCallingConfig"]);
    let mode = text(calling.and_then(|calling| calling.get("mode")));
    let allowed = list(calling.and_then(|calling| member(calling, "allowedFunctionNames")));
    let declared =
        list(asked.get("tools")).iter().flat_map(|tool| list(member(tool, "functionDeclarations")));
    let names = declared.map(|function| text(function.get("name")).to_owned());
    let is_allowed = |name: &String| allowed.is_empty() || allowed.iter().any(|known| known == name);
    Wish {
        prompt: texts.collect::<Vec<_>>().join("\n"),
        tools: if mode == "NONE" { Vec::new() } else { names.filter(is_allowed).collect() },
        must_call: mode == "ANY",
        may_call_twice: true,
        has_tool_result: last_user.is_some_and(|content| !begins_turn(content)),
        max_output: path(asked, &["generationConfig", "maxOutputTokens"]).and_then(Value::as_u64),
        schema: schema(asked),
    }
}

fn schema(asked: &Value) -> Option<Value> {
    let config = member(asked, "generationConfig")?;
    let schema = member(config, "responseJsonSchema").or_else(|| member(config, "responseSchema"));
    let is_json = text(member(config, "responseMimeType")) == "application/json";
    is_json.then(|| schema.cloned().unwrap_or_default())
}

/// Whether thoughts are to be shown.
pub(super) fn includes_thoughts(asked: &Value) -> bool {
    path(asked, &["generationConfig", "thinkingConfig", "includeThoughts"]) == Some(&Value::Bool(true))
}
