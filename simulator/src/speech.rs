//! What is said, before an API has given it a form: words, or calls of tools, with thoughts before them.

use serde_json::{Value, json};

use crate::scenario::Scenario;
use crate::schema;

/// Every text begins with it.
const MARK: &str = "[simulated]";
const WORDS: [&str; 12] =
    ["This", " is", " not", " a", " model", " speaking", ",", " only", " its", " simulator", " 🙂", "."];
/// Characters of JSON that count as a token.
const JSON_TOKEN: usize = 4;
/// Characters of arguments in one event.
const ARGUMENTS_PART: usize = 7;

/// What a request wants said.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// The text of the last user message.
    pub(crate) prompt: String,
    /// Names of the tools that may be called, the one to prefer first.
    pub(crate) tools: Vec<String>,
    /// Whether one must be.
    pub(crate) must_call: bool,
    /// Whether several may be called at once.
    pub(crate) may_call_twice: bool,
    /// Whether a tool's result is what is answered.
    pub(crate) has_tool_result: bool,
    /// The most tokens of output.
    pub(crate) max_output: Option<u64>,
    /// The answer is JSON, of this schema.
    pub(crate) schema: Option<Value>,
}

/// An answer without a form.
#[derive(Debug)]
pub(crate) struct Speech {
    /// Thoughts; a word is a token.
    pub(crate) thoughts: Vec<String>,
    /// What comes after them.
    pub(crate) content: Content,
    /// Tokens of all of it.
    pub(crate) output: u64,
    /// Whether it breaks off because no more was allowed.
    pub(crate) is_cut: bool,
}

/// What is said aloud.
#[derive(Debug)]
pub(crate) enum Content {
    /// Words; one is a token.
    Text(Vec<String>),
    /// Calls of tools.
    Calls(Vec<Call>),
}

/// A call of a tool.
#[derive(Debug)]
pub(crate) struct Call {
    /// The tool.
    pub(crate) name: String,
    /// Its arguments.
    pub(crate) arguments: Value,
}

impl Call {
    /// The arguments as text, in parts as streams send them.
    pub(crate) fn arguments_in_parts(&self) -> impl Iterator<Item = String> {
        let arguments: Vec<char> = self.arguments.to_string().chars().collect();
        let parts: Vec<String> = arguments.chunks(ARGUMENTS_PART).map(|part| part.iter().collect()).collect();
        parts.into_iter()
    }
}

impl Speech {
    pub(crate) fn thinking_tokens(&self) -> u64 {
        self.thoughts.len() as u64
    }

    pub(crate) fn has_calls(&self) -> bool {
        matches!(self.content, Content::Calls(_))
    }
}

/// Says what the scenario orders, as far as the request allows it.
///
/// A tool is called when the prompt has the word "tool" in it and no tool has answered yet, and twice at once for "tools
/// twice".
pub(crate) fn speak(wish: &Wish, scenario: &Scenario) -> Speech {
    let output = scenario.output_tokens.min(wish.max_output.unwrap_or(u64::MAX));
    let is_cut = output < scenario.output_tokens;
    let thinking = scenario.thinking_tokens.min(output);
    let aloud = usize::try_from(output - thinking).unwrap_or(usize::MAX);
    let wants_call = wish.must_call || (wish.prompt.contains("tool") && !wish.has_tool_result);
    let content = match wish.tools.first() {
        Some(name) if wants_call => Content::Calls(calls(name, wish)),
        _ if aloud == 0 && thinking > 0 => Content::Text(Vec::new()),
        _ => Content::Text(match (&wish.schema, &scenario.say) {
            (Some(schema), _) => document(schema, if is_cut { aloud } else { usize::MAX }),
            (None, Some(said)) => said.split_inclusive(' ').take(aloud).map(str::to_owned).collect(),
            (None, None) => words(aloud).collect(),
        }),
    };
    let thoughts = words(usize::try_from(thinking).unwrap_or(usize::MAX));
    Speech { thoughts: if thinking > 0 { thoughts.collect() } else { Vec::new() }, content, output, is_cut }
}

fn calls(name: &str, wish: &Wish) -> Vec<Call> {
    let call = |arguments| Call { name: name.to_owned(), arguments };
    let mut calls = vec![call(json!({ "simulated": true, "query": "wörld" }))];
    if wish.may_call_twice && wish.prompt.contains("tools twice") {
        calls.push(call(json!({ "simulated": true, "query": "wörld", "again": 2 })));
    }
    calls
}

/// The mark, and what follows it.
fn words(count: usize) -> impl Iterator<Item = String> {
    let words = WORDS.iter().cycle().take(count.saturating_sub(1));
    std::iter::once(format!("{MARK} ")).chain(words.map(|word| (*word).to_owned()))
}

/// JSON that fits a schema, cut off where no more is allowed, as models do it.
fn document(schema: &Value, most: usize) -> Vec<String> {
    let text: Vec<char> = schema::example(schema).to_string().chars().collect();
    text.chunks(JSON_TOKEN).take(most).map(|part| part.iter().collect()).collect()
}
