//! Completions of old: a prompt goes in, text comes out.

use axum::response::Response;
use serde_json::{Value, json};

use super::accent::{Accent, StreamUsage};
use super::ask::{self, model, required, whole_number};
use super::{chat, error, usage};
use crate::count;
use crate::deliver::Piece;
use crate::form::{Form, data};
use crate::log::Reported;
use crate::marker;
use crate::orders::Shared;
use crate::receive::Received;
use crate::refusal::Refusal;
use crate::respond::{play, refuse};
use crate::scenario::{Scenario, UsageReport};
use crate::speech::{Content, Speech, Wish, speak};

/// What is answered at most where nothing is said.
const MAX_TOKENS: u64 = 16;
/// Words in one chunk.
const WORDS_PER_CHUNK: usize = 4;

/// Answers a request; where the path names the model, that one.
pub(crate) async fn answer(
    accent: &Accent,
    shared: &Shared,
    received: Received,
    deployment: Option<String>,
) -> Response {
    let asked = match chat::read(accent, &received, deployment, check) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&accent.house, received.ticket, &refusal),
    };
    let prompts = prompts(&asked);
    let max_output = asked.get("max_tokens").and_then(Value::as_u64).or(Some(MAX_TOKENS));
    let prompt = prompts.last().and_then(|prompt| prompt.as_str()).unwrap_or_default().to_owned();
    let wish = Wish { prompt, max_output, ..Wish::default() };
    let scenario = &marker::apply(&wish.prompt, shared.take());
    play(&accent.house, received, scenario, || {
        let speech = speak(&wish, scenario);
        let choices = ask::choices(&asked) * prompts.len() as u64;
        let input = prompts.iter().map(|prompt| tokens(prompt)).sum();
        let usage = usage::counted(input, speech.output.saturating_mul(choices), scenario);
        let answer = Answer { accent, asked: &asked, speech, choices, usage, scenario };
        if ask::is_true(&asked, "/stream") {
            let error = || data(&(accent.error_chunk)(&error::in_a_stream()));
            Form::stream(answer.events(), scenario, |_| error())
        } else {
            Form::document(&answer.document(), usage, scenario)
        }
    })
    .await
}

fn check(asked: &Value) -> Result<(), Refusal> {
    model(asked)?;
    required(asked, "prompt")?;
    ["max_tokens", "n"].iter().try_for_each(|field| whole_number(asked, field))
}

/// Texts, or lists of tokens; a list of numbers is one of the latter.
fn prompts(asked: &Value) -> Vec<&Value> {
    match asked.get("prompt") {
        Some(Value::Array(prompts)) if !prompts.iter().all(Value::is_number) => prompts.iter().collect(),
        prompt => prompt.into_iter().collect(),
    }
}

fn tokens(prompt: &Value) -> u64 {
    match prompt {
        Value::Array(tokens) => tokens.len() as u64,
        text => count::tokens(text, |_| None).max(1),
    }
}

struct Answer<'a> {
    accent: &'a Accent,
    asked: &'a Value,
    speech: Speech,
    choices: u64,
    usage: Reported,
    scenario: &'a Scenario,
}

impl Answer<'_> {
    fn words(&self) -> &[String] {
        match &self.speech.content {
            Content::Text(words) => words,
            Content::Calls(_) => &[],
        }
    }

    fn finish_reason(&self) -> &str {
        match &self.scenario.finish {
            Some(finish) => finish,
            None if self.speech.is_cut => "length",
            None => "stop",
        }
    }

    fn start(&self, choices: Vec<Value>) -> Value {
        let mut chunk = json!({
            "id": "cmpl-simulated0001",
            "object": "text_completion",
            "created": chat::CREATED,
            "model": self.asked.get("model"),
        });
        chunk["choices"] = choices.into();
        chunk
    }

    fn choice(index: u64, text: &str, finish: Option<&str>) -> Value {
        json!({ "text": text, "index": index, "logprobs": null, "finish_reason": finish })
    }

    fn usage(&self) -> Value {
        usage::of_chat(self.accent, &self.usage, 0, self.scenario)
    }

    fn document(&self) -> Value {
        let text = self.words().concat();
        let choice = |index| Self::choice(index, &text, Some(self.finish_reason()));
        let mut document = self.start((0..self.choices).map(choice).collect());
        if self.scenario.usage != UsageReport::Omitted {
            document["usage"] = self.usage();
        }
        document
    }

    fn events(&self) -> Vec<Piece> {
        let mut events = Vec::new();
        let tells = self.scenario.usage != UsageReport::Omitted;
        let is_asked = ask::is_true(self.asked, "/stream_options/include_usage");
        let says_null = is_asked && tells && self.accent.stream_usage == StreamUsage::OnRequest;
        let mut push = |choice| {
            let mut chunk = self.start(vec![choice]);
            if says_null {
                chunk["usage"] = Value::Null;
            }
            events.push(data(&chunk));
        };
        for words in self.words().chunks(WORDS_PER_CHUNK) {
            (0..self.choices).for_each(|index| push(Self::choice(index, &words.concat(), None)));
        }
        (0..self.choices).for_each(|index| push(Self::choice(index, "", Some(self.finish_reason()))));
        if tells && (is_asked || self.accent.stream_usage == StreamUsage::Always) {
            let mut chunk = self.start(Vec::new());
            chunk["usage"] = self.usage();
            events.push(data(&chunk).reporting(Some(self.usage)));
        }
        events.push(Piece::of("data: [DONE]\n\n"));
        events
    }
}
