//! The checks that the real API makes before it answers.

use serde_json::Value;

use super::answer::{SEAL, signs_strictly};
use super::ask::{begins_turn, list, member, parts, text};
use crate::refusal::Refusal;
use crate::seal;

const REQUEST: [&str; 9] = [
    "model",
    "contents",
    "tools",
    "toolConfig",
    "safetySettings",
    "systemInstruction",
    "generationConfig",
    "cachedContent",
    "labels",
];
const CONFIG: [&str; 21] = [
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "_responseJsonSchema",
    "responseModalities",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "enableEnhancedCivicAnswers",
    "speechConfig",
    "thinkingConfig",
    "imageConfig",
    "mediaResolution",
];
/// What Google tells those to write who carry over calls that others made.
const SKIPS: [&str; 2] = ["context_engineering_is_the_way_to_go", "skip_thought_signature_validator"];

/// A request to count tokens, in either of its forms.
pub(super) fn count(asked: &Value) -> Result<(), Refusal> {
    match member(asked, "generateContentRequest") {
        Some(request) => {
            known(request, &REQUEST, "generate_content_request").and_then(|()| contents(request))
        }
        None => contents(asked),
    }
}

/// A request for content.
pub(super) fn generate(asked: &Value, model: &str) -> Result<(), Refusal> {
    known(asked, &REQUEST, "")?;
    if let Some(config) = member(asked, "generationConfig") {
        known(config, &CONFIG, "generation_config")?;
    }
    no_dollars_in_schemas(asked)?;
    contents(asked)?;
    results_answer_calls(list(asked.get("contents")))?;
    if signs_strictly(model) {
        calls_are_signed(list(asked.get("contents")))?;
    }
    match member(asked, "generationConfig").and_then(|config| member(config, "maxOutputTokens")) {
        Some(most) if most.as_u64().is_none_or(|most| most == 0) => {
            Err(Refusal::new(400, format!("max_output_tokens must be positive, but got {most}")))
        }
        _ => Ok(()),
    }
}

/// A field that nobody knows is refused, in whichever of its two spellings.
fn known(object: &Value, names: &[&str], place: &str) -> Result<(), Refusal> {
    let unknown = object.as_object().into_iter().flatten().find(|(name, _)| {
        let camel = camel(name);
        !names.contains(&name.as_str()) && !names.contains(&camel.as_str())
    });
    match unknown {
        Some((name, _)) => Err(unknown_name(name, place)),
        None => Ok(()),
    }
}

fn unknown_name(name: &str, place: &str) -> Refusal {
    let at = if place.is_empty() { String::new() } else { format!(" at '{place}'") };
    Refusal::new(
        400,
        format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."),
    )
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut all, part| {
        let mut letters = part.chars();
        all.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        all.extend(letters);
        all
    })
}

/// `parameters` is no JSON Schema but Google's own, without `$schema` and `$ref`.
fn no_dollars_in_schemas(asked: &Value) -> Result<(), Refusal> {
    for (tool, functions) in list(asked.get("tools")).iter().enumerate() {
        for (index, function) in list(member(functions, "functionDeclarations")).iter().enumerate() {
            let Some(name) = function.get("parameters").and_then(dollar) else { continue };
            let place = format!("tools[{tool}].function_declarations[{index}].parameters");
            return Err(unknown_name(&name, &place));
        }
    }
    Ok(())
}

fn dollar(schema: &Value) -> Option<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| if name.starts_with('$') { Some(name.clone()) } else { dollar(value) }),
        Value::Array(items) => items.iter().find_map(dollar),
        _ => None,
    }
}

fn contents(asked: &Value) -> Result<(), Refusal> {
    let contents = list(asked.get("contents"));
    if contents.is_empty() {
        let message = "* GenerateContentRequest.contents: contents is not specified\n";
        return Err(Refusal::new(400, message));
    }
    for (index, content) in contents.iter().enumerate() {
        if !matches!(content.get("role"), None | Some(Value::Null))
            && !matches!(text(content.get("role")), "user" | "model" | "function")
        {
            return Err(Refusal::new(400, "Please use a valid role: user, model."));
        }
        if parts(content).is_empty() {
            let place = format!("contents[{index}].parts");
            let message = format!("* GenerateContentRequest.{place}: contents.parts must not be empty.\n");
            return Err(Refusal::new(400, message));
        }
    }
    Ok(())
}

/// As many results follow as there were calls.
fn results_answer_calls(contents: &[Value]) -> Result<(), Refusal> {
    let count = |content: &Value, kind: &str| {
        parts(content).iter().filter(|part| member(part, kind).is_some()).count()
    };
    for pair in contents.windows(2) {
        let (calls, results) = (count(&pair[0], "functionCall"), count(&pair[1], "functionResponse"));
        if calls != results {
            return Err(Refusal::new(
                400,
                "Please ensure that the number of function response parts is equal to the number of function \
                 call parts of the function call turn.",
            ));
        }
    }
    Ok(())
}

/// In the turn under way, the first call of each step has the signature that was made for it. Earlier turns may have
/// lost theirs.
fn calls_are_signed(contents: &[Value]) -> Result<(), Refusal> {
    let turn = contents.iter().rposition(begins_turn).unwrap_or(0);
    for content in contents.iter().skip(turn).filter(|content| text(content.get("role")) == "model") {
        let first = parts(content)
            .iter()
            .enumerate()
            .find_map(|(place, part)| Some((place, part, member(part, "functionCall")?)));
        let Some((place, part, call)) = first else { continue };
        let name = text(call.get("name"));
        let signature = text(member(part, "thoughtSignature"));
        if signature.is_empty() {
            return Err(Refusal::new(
                400,
                format!(
                    "Function call is missing a thought_signature in functionCall parts. This is required for \
                     tools to work correctly, and missing thought_signature may lead to degraded model \
                     performance. Additional data, function call `default_api:{name}` , position {place}. Please \
                     refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
                ),
            ));
        }
        let empty = Value::Object(serde_json::Map::new());
        let made = seal::of_call(SEAL, name, call.get("args").unwrap_or(&empty));
        if signature != made && !SKIPS.contains(&signature) {
            return Err(Refusal::new(400, "Corrupted thought signature."));
        }
    }
    Ok(())
}
