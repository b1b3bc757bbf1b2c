//! Answers, written from events: a stream in the grammar of the Responses API, or its one document.
//!
//! Every event is named twice, in its `event:` line and in its data, and numbered. The last one repeats the whole
//! response, so that the text is kept until then; there is no `[DONE]`.

use pai_bundle::usage::Usage;
use serde::Serialize;
use serde_json::json;

use super::response::{Kind, Output, Response, Status};
use super::seal::On;
use super::wire::{Said, Wire};
use crate::event::{Block, Delta, Event, Failure, Finish};
use crate::failure;
use crate::translate::Question;

/// Writes one answer.
pub(crate) struct Writer {
    /// Seconds since 1970 in UTC.
    created: i64,
    /// What follows the prefix of every id here: the gateway's name of the request.
    name: String,
    id: String,
    model: String,
    wire: Wire,
    has_begun: bool,
    /// Items that are complete.
    output: Vec<Output>,
    /// The item after them.
    open: Option<Output>,
    usage: Option<Usage>,
    finish: Option<Finish>,
}

impl Writer {
    /// An answer to this question.
    pub(crate) fn new(question: Question) -> Self {
        let name = question.id.strip_prefix("req_").unwrap_or(&question.id).to_owned();
        Self {
            id: format!("resp_{name}"),
            name,
            model: question.model,
            created: question.created,
            wire: Wire::default(),
            has_begun: false,
            output: Vec::new(),
            open: None,
            usage: None,
            finish: None,
        }
    }

    /// The next event of a stream.
    pub(crate) fn event(&mut self, event: &Event, text: &mut Vec<u8>) {
        match event {
            Event::Start { model, .. } => {
                if let Some(model) = model {
                    self.model.clone_from(model);
                }
                self.begin(text);
            }
            Event::Open(block) => {
                self.settle(Status::Completed, text);
                self.open(block, text);
            }
            Event::Delta(delta) => self.delta(delta, text),
            // The next event tells whether the item is all there.
            Event::Close => {}
            // They may follow the end of the words, so that the last event waits for `End`.
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Finish(finish) => {
                self.settle(Status::at(finish), text);
                self.finish = Some(finish.clone());
            }
            Event::End => {
                self.settle(Status::Completed, text);
                self.end(text);
            }
            Event::Error(failure) => self.fail(failure, text),
        }
    }

    /// The whole document.
    pub(crate) fn document(&mut self, events: &[Event]) -> Vec<u8> {
        let mut stream = Vec::new();
        for event in events {
            stream.clear();
            self.event(event, &mut stream);
        }
        serde_json::to_vec(&self.response(self.status(), None)).unwrap_or_default()
    }

    fn begin(&mut self, text: &mut Vec<u8>) {
        self.has_begun = true;
        for kind in ["response.created", "response.in_progress"] {
            self.lifecycle(kind, Status::InProgress, None, text);
        }
    }

    fn open(&mut self, block: &Block, text: &mut Vec<u8>) {
        let kind = match block {
            Block::Text => Kind::Message,
            Block::Thinking => Kind::Reasoning(On::Thoughts),
            Block::ToolCall { id, name } => Kind::Call { call_id: self.call_id(id), name: name.clone() },
        };
        let item = self.add(kind, text);
        if matches!(item.kind, Kind::Message) {
            let said = Said::Part { part: item.part("") };
            self.wire.of(&item, self.output.len(), "response.content_part.added", said, text);
        }
        self.open = Some(item);
    }

    /// Clients link calls and results by this alone, so that it must not be empty.
    fn call_id(&self, id: &str) -> String {
        match id {
            "" => format!("call_{}_{}", self.name, self.output.len()),
            id => id.to_owned(),
        }
    }

    /// Announces an item.
    fn add(&mut self, kind: Kind, text: &mut Vec<u8>) -> Output {
        let index = self.output.len();
        let id = format!("{}{}_{index}", kind.prefix(), self.name);
        let item = Output { id, kind, status: Status::InProgress, text: String::new(), seal: None };
        let body = json!({ "output_index": index, "item": item.begun() });
        self.wire.send("response.output_item.added", body, text);
        item
    }

    fn delta(&mut self, delta: &Delta, text: &mut Vec<u8>) {
        let Some(item) = &mut self.open else { return };
        let index = self.output.len();
        match (delta, &item.kind) {
            (Delta::Text(more), Kind::Message) => {
                item.text.push_str(more);
                let said = Said::TextDelta { delta: more, logprobs: [] };
                self.wire.of(item, index, "response.output_text.delta", said, text);
            }
            (Delta::Arguments(more), Kind::Call { .. }) => {
                item.text.push_str(more);
                let said = Said::Delta { delta: more };
                self.wire.of(item, index, "response.function_call_arguments.delta", said, text);
            }
            (Delta::Thinking(more), Kind::Reasoning(_)) if !more.is_empty() => {
                if item.text.is_empty() {
                    let said = Said::Part { part: item.part("") };
                    self.wire.of(item, index, "response.reasoning_summary_part.added", said, text);
                }
                item.text.push_str(more);
                let said = Said::Delta { delta: more };
                self.wire.of(item, index, "response.reasoning_summary_text.delta", said, text);
            }
            (Delta::Seal(seal), Kind::Reasoning(_) | Kind::Call { .. }) => item.seal = Some(seal.clone()),
            _ => {}
        }
    }

    /// The item after the complete ones is complete, or as complete as it gets: only what follows a block tells which.
    fn settle(&mut self, status: Status, text: &mut Vec<u8>) {
        if let Some(Output { kind: Kind::Call { .. }, text: arguments, .. }) = &self.open
            && arguments.is_empty()
            && status == Status::Completed
        {
            // Clients parse them, and a model that has nothing to say need not say `{}`.
            self.delta(&Delta::Arguments("{}".to_owned()), text);
        }
        let Some(mut item) = self.open.take() else { return };
        self.say_whole(&item, text);
        let seal_on_call = match item.kind {
            Kind::Call { .. } => item.seal.take(),
            Kind::Message | Kind::Reasoning(_) => None,
        };
        self.done(item, status, text);
        if let Some(seal) = seal_on_call {
            let mut item = self.add(Kind::Reasoning(On::Call), text);
            item.seal = Some(seal);
            self.done(item, status, text);
        }
    }

    fn say_whole(&mut self, item: &Output, text: &mut Vec<u8>) {
        let (index, whole, wire) = (self.output.len(), item.text.as_str(), &mut self.wire);
        let part = Said::Part { part: item.part(whole) };
        match &item.kind {
            Kind::Message => {
                let said = Said::WholeText { text: whole, logprobs: [] };
                wire.of(item, index, "response.output_text.done", said, text);
                wire.of(item, index, "response.content_part.done", part, text);
            }
            Kind::Reasoning(_) if whole.is_empty() => {}
            Kind::Reasoning(_) => {
                let said = Said::Text { text: whole };
                wire.of(item, index, "response.reasoning_summary_text.done", said, text);
                wire.of(item, index, "response.reasoning_summary_part.done", part, text);
            }
            Kind::Call { name, .. } => {
                let said = Said::Arguments { arguments: whole, name };
                wire.of(item, index, "response.function_call_arguments.done", said, text);
            }
        }
    }

    fn done(&mut self, mut item: Output, status: Status, text: &mut Vec<u8>) {
        item.status = status;
        let body = json!({ "output_index": self.output.len(), "item": item.item() });
        self.wire.send("response.output_item.done", body, text);
        self.output.push(item);
    }

    fn end(&mut self, text: &mut Vec<u8>) {
        let status = self.status();
        let kind = match status {
            Status::Incomplete => "response.incomplete",
            _ => "response.completed",
        };
        self.lifecycle(kind, status, None, text);
    }

    /// Says so twice. Clients that follow a response look for one that failed; the SDKs raise an error only for an
    /// event that has an `error`, and without it would take what came so far for the answer.
    fn fail(&mut self, failure: &Failure, text: &mut Vec<u8>) {
        if !self.has_begun {
            self.begin(text);
        }
        if let Some(mut item) = self.open.take() {
            item.status = Status::Incomplete;
            self.output.push(item);
        }
        self.lifecycle("response.failed", Status::Failed, Some(failure), text);
        let error = failure::openai(failure);
        let body = json!({
            "code": error["code"], "message": error["message"], "param": error["param"], "error": error,
        });
        self.wire.send("error", body, text);
    }

    fn lifecycle(
        &mut self,
        kind: &'static str,
        status: Status,
        failure: Option<&Failure>,
        text: &mut Vec<u8>,
    ) {
        let mut wire = std::mem::take(&mut self.wire);
        wire.send(kind, Whole { response: self.response(status, failure) }, text);
        self.wire = wire;
    }

    fn status(&self) -> Status {
        self.finish.as_ref().map_or(Status::Completed, Status::at)
    }

    fn response<'a>(&'a self, status: Status, failure: Option<&'a Failure>) -> Response<'a> {
        Response {
            id: &self.id,
            model: &self.model,
            created: self.created,
            status,
            output: &self.output,
            usage: self.usage,
            finish: self.finish.as_ref(),
            failure,
        }
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    response: Response<'a>,
}

#[cfg(test)]
mod tests;
