//! An answer: whole, or in parts, each of which has the usage so far.

use serde_json::{Value, json};

use super::ask;
use crate::log::Reported;
use crate::scenario::{Scenario, UsageReport};
use crate::seal;
use crate::speech::{Content, Speech};

/// Whose seal is on thoughts and calls.
pub(super) const SEAL: &str = "gemini";
/// Words in one part of a stream.
const WORDS_PER_PART: usize = 4;

/// Whether a model wants its signatures back: from Gemini 3 on. Earlier ones sign too, and do without.
pub(super) fn signs_strictly(model: &str) -> bool {
    !["gemini-1", "gemini-2"].iter().any(|family| model.starts_with(family))
}

/// The counters of an answer.
#[derive(Debug, Clone, Copy)]
struct Counters {
    prompt: u64,
    cached: u64,
    tools: u64,
    thoughts: u64,
    candidates: u64,
}

impl Counters {
    /// As every provider's are compared: what a cache had is told apart, and thoughts are output.
    fn reported(&self) -> Reported {
        Reported {
            input: self.prompt - self.cached + self.tools,
            cache_read: self.cached,
            output: self.candidates + self.thoughts,
            ..Reported::default()
        }
    }
}

/// An answer, before it has a form.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    model: &'a str,
    speech: Speech,
    shows_thoughts: bool,
    counters: Counters,
    scenario: &'a Scenario,
}

impl<'a> Answer<'a> {
    pub(super) fn new(model: &'a str, asked: &Value, speech: Speech, scenario: &'a Scenario) -> Self {
        let prompt = ask::input_tokens(asked);
        let (thoughts, output) = (speech.thinking_tokens(), speech.output);
        let blocked = scenario.prompt_blocked;
        let counters = Counters {
            prompt,
            cached: scenario.cache_read.min(prompt),
            tools: scenario.input_raised_by,
            thoughts: if blocked { 0 } else { thoughts },
            candidates: if blocked { 0 } else { output - thoughts },
        };
        Self { model, speech, shows_thoughts: ask::includes_thoughts(asked), counters, scenario }
    }

    /// The counters at the end.
    pub(super) fn final_usage(&self) -> Reported {
        self.counters.reported()
    }

    /// The plain form.
    pub(super) fn document(&self) -> Value {
        let parts: Vec<Value> = self.content(usize::MAX).into_iter().map(|(part, _)| part).collect();
        self.response(parts, Some(self.finish_reason()), self.counters)
    }

    /// The parts of a stream.
    pub(super) fn parts(&self) -> Vec<super::Part> {
        let tells = self.scenario.usage != UsageReport::Omitted;
        let part = |response, counters: Counters| (response, tells.then(|| counters.reported()));
        if self.scenario.prompt_blocked {
            return vec![part(self.document(), self.counters)];
        }
        // What server tools add is known at the end.
        let mut so_far = Counters { thoughts: 0, candidates: 0, tools: 0, ..self.counters };
        if !self.shows_thoughts {
            so_far.thoughts = self.counters.thoughts;
        }
        let mut parts = Vec::new();
        for (content, tokens) in self.content(WORDS_PER_PART) {
            if content.get("thought").is_some() {
                so_far.thoughts += tokens;
            } else {
                so_far.candidates += tokens;
            }
            parts.push(part(self.response(vec![content], None, so_far), so_far));
        }
        let last = json!({ "text": "" });
        let last = if self.speech.has_calls() { last } else { self.signed(last) };
        let times = if self.scenario.usage == UsageReport::Twice { 2 } else { 1 };
        for _ in 0..times {
            let response = self.response(vec![last.clone()], Some(self.finish_reason()), self.counters);
            parts.push(part(response, self.counters));
        }
        parts
    }

    fn finish_reason(&self) -> &str {
        match self.scenario.finish.as_deref() {
            Some("refusal") => "SAFETY",
            Some(finish) => finish,
            None if self.speech.is_cut => "MAX_TOKENS",
            None => "STOP",
        }
    }

    /// Thoughts if they are wanted, then words or calls; with each its tokens, at most so many words in one.
    fn content(&self, words_max: usize) -> Vec<(Value, u64)> {
        let text = |words: &[String]| json!({ "text": words.concat() });
        let chunks = |words: &[String]| -> Vec<(Value, u64)> {
            let all = words.chunks(words_max.min(words.len().max(1)));
            all.map(|words| (text(words), words.len() as u64)).collect()
        };
        let mut content = Vec::new();
        if self.shows_thoughts {
            content.extend(chunks(&self.speech.thoughts).into_iter().map(|(mut part, tokens)| {
                part["thought"] = json!(true);
                (part, tokens)
            }));
        }
        match &self.speech.content {
            Content::Text(words) => content.extend(chunks(words)),
            Content::Calls(calls) => {
                for (index, call) in calls.iter().enumerate() {
                    let mut function = json!({ "name": call.name, "args": call.arguments });
                    if signs_strictly(self.model) {
                        function["id"] = json!(format!("call_simulated_{:04}", index + 1));
                    }
                    let mut part = json!({ "functionCall": function });
                    // Of calls that are made at once, the first is signed for all.
                    if index == 0 {
                        part["thoughtSignature"] = json!(seal::of_call(SEAL, &call.name, &call.arguments));
                    }
                    content.push((part, 0));
                }
            }
        }
        content
    }

    /// Puts the signature of the thoughts on a part, if there were any.
    fn signed(&self, mut part: Value) -> Value {
        if !self.speech.thoughts.is_empty() {
            part["thoughtSignature"] = json!(seal::of_text(SEAL, &self.speech.thoughts.concat()));
        }
        part
    }

    fn response(&self, parts: Vec<Value>, finish: Option<&str>, counters: Counters) -> Value {
        let mut response = json!({});
        if self.scenario.prompt_blocked {
            response["promptFeedback"] = json!({ "blockReason": "SAFETY" });
        } else {
            let mut candidate = json!({ "content": { "parts": [], "role": "model" } });
            candidate["content"]["parts"] = parts.into();
            if let Some(finish) = finish {
                candidate["finishReason"] = json!(finish);
            }
            candidate["index"] = json!(0);
            response["candidates"] = json!([candidate]);
        }
        if self.scenario.usage != UsageReport::Omitted {
            response["usageMetadata"] = self.usage(counters);
        }
        response["modelVersion"] = json!(self.model);
        response["responseId"] = json!("simulated0001");
        if self.scenario.unknown_parts {
            response["futureField"] = json!({ "any": ["thing"] });
        }
        response
    }

    /// Zero is left out, as the real one does.
    fn usage(&self, counters: Counters) -> Value {
        let Counters { prompt, cached, tools, thoughts, candidates } = counters;
        let mut usage = json!({ "promptTokenCount": prompt });
        for (name, count) in [("candidatesTokenCount", candidates), ("cachedContentTokenCount", cached)] {
            if count > 0 {
                usage[name] = json!(count);
            }
        }
        usage["totalTokenCount"] = json!(prompt + tools + thoughts + candidates);
        usage["promptTokensDetails"] = json!([{ "modality": "TEXT", "tokenCount": prompt }]);
        for (name, count) in [("thoughtsTokenCount", thoughts), ("toolUsePromptTokenCount", tools)] {
            if count > 0 {
                usage[name] = json!(count);
            }
        }
        if self.scenario.unknown_parts {
            usage["futureTokenCount"] = json!({ "nested": [1, 2.5] });
        }
        usage
    }
}

/// How many tokens a request has.
pub(super) fn count(tokens: u64) -> Value {
    json!({ "totalTokens": tokens, "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": tokens }] })
}
