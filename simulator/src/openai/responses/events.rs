//! The streaming form of responses: named and numbered events, the last of them with the whole answer.

use serde_json::{Value, json};

use super::{Answer, Status};
use crate::deliver::Piece;
use crate::form::named;
use crate::openai::chat::add;
use crate::openai::error::in_a_stream;
use crate::scenario::UsageReport;

/// Characters in one delta of text.
const DELTA: usize = 16;
/// Characters in one delta of arguments.
const ARGUMENTS_DELTA: usize = 7;

pub(super) fn events(answer: &Answer<'_>) -> Vec<Piece> {
    let mut events = Events::default();
    for name in ["response.created", "response.in_progress"] {
        events.push(name, json!({ "response": answer.response(&Status::InProgress, Vec::new()) }));
    }
    for (index, item) in answer.output().into_iter().enumerate() {
        events.item(index, &item);
    }
    if answer.scenario.unknown_parts {
        events.push("response.future_event", json!({ "any": ["thing"] }));
    }
    let status = answer.status();
    let tells = answer.scenario.usage != UsageReport::Omitted;
    let times = if answer.scenario.usage == UsageReport::Twice { 2 } else { 1 };
    for _ in 0..times {
        let response = answer.response(&status, answer.output());
        events.push(&format!("response.{}", status.word()), json!({ "response": response }));
        events.reports(tells.then_some(answer.usage));
    }
    events.all
}

/// What a stream breaks off with, after so many events.
pub(super) fn error(number: usize) -> Piece {
    let body = json!({
        "type": "error",
        "code": "server_error",
        "message": in_a_stream().message,
        "param": null,
        "sequence_number": number,
    });
    named("error", &body)
}

/// Events so far.
#[derive(Default)]
struct Events {
    all: Vec<Piece>,
}

impl Events {
    fn push(&mut self, name: &str, members: Value) {
        let mut body = json!({ "type": name, "sequence_number": self.all.len() });
        add(&mut body, members);
        self.all.push(named(name, &body));
    }

    fn reports(&mut self, usage: Option<crate::log::Reported>) {
        if let Some(last) = self.all.last_mut() {
            last.reports = usage;
        }
    }

    fn item(&mut self, index: usize, item: &Value) {
        let mut begun = item.clone();
        match item["type"].as_str() {
            Some("message") => {
                begun["status"] = json!("in_progress");
                begun["content"] = json!([]);
            }
            Some("function_call") => {
                begun["status"] = json!("in_progress");
                begun["arguments"] = json!("");
            }
            _ => {}
        }
        self.push("response.output_item.added", json!({ "output_index": index, "item": begun }));
        match item["type"].as_str() {
            Some("message") => self.content(index, item),
            Some("function_call") => self.arguments(index, item),
            _ => {}
        }
        self.push("response.output_item.done", json!({ "output_index": index, "item": item }));
    }

    fn content(&mut self, index: usize, item: &Value) {
        let part = &item["content"][0];
        let (name, member) = match part["type"].as_str() {
            Some("refusal") => ("response.refusal", "refusal"),
            _ => ("response.output_text", "text"),
        };
        let at = |members: Value| {
            let mut body = json!({ "item_id": item["id"], "output_index": index, "content_index": 0 });
            add(&mut body, members);
            body
        };
        let mut begun = part.clone();
        begun[member] = json!("");
        self.push("response.content_part.added", at(json!({ "part": begun })));
        let extra = if member == "text" { json!({ "logprobs": [] }) } else { json!({}) };
        let with = |members: Value| {
            let mut body = at(members);
            add(&mut body, extra.clone());
            body
        };
        for delta in parts(&part[member], DELTA) {
            self.push(&format!("{name}.delta"), with(json!({ "delta": delta })));
        }
        self.push(&format!("{name}.done"), with(json!({ member: part[member] })));
        self.push("response.content_part.done", at(json!({ "part": part })));
    }

    fn arguments(&mut self, index: usize, item: &Value) {
        const NAME: &str = "response.function_call_arguments";
        for delta in parts(&item["arguments"], ARGUMENTS_DELTA) {
            let body = json!({ "item_id": item["id"], "output_index": index, "delta": delta });
            self.push(&format!("{NAME}.delta"), body);
        }
        let body = json!({ "item_id": item["id"], "output_index": index, "arguments": item["arguments"] });
        self.push(&format!("{NAME}.done"), body);
    }
}

fn parts(text: &Value, size: usize) -> Vec<String> {
    let letters: Vec<char> = text.as_str().unwrap_or_default().chars().collect();
    letters.chunks(size).map(|part| part.iter().collect()).collect()
}
