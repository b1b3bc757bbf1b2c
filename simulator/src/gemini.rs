//! Google's Gemini API: paths, credentials, checks; the answers are in the files beside.

mod answer;
mod ask;
mod check;
mod compatible;
mod error;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use crate::deliver::Piece;
use crate::form::Form;
use crate::house::House;
use crate::log::Reported;
use crate::marker;
use crate::orders::Shared;
use crate::receive::{Received, receive};
use crate::refusal::Refusal;
use crate::respond::{json, play, refuse};
use crate::scenario::Scenario;
use crate::speech::speak;
use answer::Answer;

/// A request with its files; larger ones are uploaded first.
const BODY_MAX_BYTES: usize = 20 * 1024 * 1024;
const NO_JSON: &str = "Invalid JSON payload received. {cause}";

pub(crate) const HOUSE: House = House {
    json: "application/json; charset=UTF-8",
    events: "text/event-stream",
    headers: &[
        ("vary", "Origin, X-Origin, Referer"),
        ("server", "scaffolding on HTTPServer2"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-content-type-options", "nosniff"),
        ("server-timing", "gfet4t7; dur=7"),
    ],
    error: error::body,
};

pub(crate) fn router() -> Router<Shared> {
    // Model and method are one segment of the path, with a colon between them.
    Router::new().route("/v1beta/models/{call}", post(call)).merge(compatible::router())
}

async fn call(State(shared): State<Shared>, Path(call): Path<String>, request: Request) -> Response {
    let received = receive(&shared.log, request).await;
    let (model, method) = call.rsplit_once(':').unwrap_or((&call, ""));
    let asked = match read(&received, model, method) {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&HOUSE, received.ticket, &refusal),
    };
    if method == "countTokens" {
        let count = ask::input_tokens(asked.get("generateContentRequest").unwrap_or(&asked));
        return json(&HOUSE, received.ticket, &answer::count(count));
    }
    let wish = ask::wish(&asked);
    let scenario = &marker::apply(&wish.prompt, shared.take());
    let is_sse = received.parameter("alt") == Some("sse");
    play(&HOUSE, received, scenario, || {
        let answer = Answer::new(model, &asked, speak(&wish, scenario), scenario);
        if method == "generateContent" {
            return Form::document(&answer.document(), answer.final_usage(), scenario);
        }
        let error = error::body(&Refusal::new(503, "The model is overloaded. Please try again later."));
        if is_sse {
            let events = answer.parts().into_iter().map(|part| framed("data: ", &part, "\r\n\r\n")).collect();
            Form::stream(events, scenario, |_| Piece::of(format!("data: {error}\r\n\r\n")))
        } else {
            as_list(&answer.parts(), scenario, &error)
        }
    })
    .await
}

/// A part of an answer, and what it tells of the usage.
type Part = (Value, Option<Reported>);

fn framed(before: &str, (part, usage): &Part, after: &str) -> Piece {
    Piece::of(format!("{before}{part}{after}")).reporting(*usage)
}

/// Without `alt=sse` a stream is one JSON list that grows.
fn as_list(parts: &[Part], scenario: &Scenario, error: &Value) -> Form {
    let before = |number: usize| if number == 0 { "[" } else { ",\r\n" };
    let mut pieces: Vec<Piece> =
        parts.iter().enumerate().map(|(number, part)| framed(before(number), part, "")).collect();
    pieces.push(Piece::of("]"));
    Form::stream(pieces, scenario, |number| Piece::of(format!("{}{error}]", before(number))))
}

/// The key has its own header, or stands in the URL.
fn admits(received: &Received) -> Result<(), Refusal> {
    let has_key = received.header("x-goog-api-key").or(received.parameter("key"));
    if has_key.is_some_and(|key| !key.is_empty()) {
        return Ok(());
    }
    if received.headers.contains_key("authorization") {
        return Err(Refusal::new(
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
             other valid authentication credential.",
        ));
    }
    Err(Refusal::new(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or \
         other form of API consumer identity to call this API.",
    ))
}

fn read(received: &Received, model: &str, method: &str) -> Result<Value, Refusal> {
    if !matches!(method, "generateContent" | "streamGenerateContent" | "countTokens") {
        return Err(error::not_found());
    }
    admits(received)?;
    let asked = received.json(BODY_MAX_BYTES, NO_JSON)?;
    if method == "countTokens" {
        check::count(&asked)?;
    } else {
        check::generate(&asked, model)?;
    }
    Ok(asked)
}

/// The model list.
pub(crate) fn list_models(received: Received) -> Response {
    let models = ["gemini-3-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash"].map(|id| {
        json!({
            "name": format!("models/{id}"),
            "displayName": id,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        })
    });
    match admits(&received) {
        Ok(()) => json(&HOUSE, received.ticket, &json!({ "models": models })),
        Err(refusal) => refuse(&HOUSE, received.ticket, &refusal),
    }
}
