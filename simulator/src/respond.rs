//! Responses: a status, the headers of the API's house, and a body that the log keeps account of.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::deliver::{self, Piece};
use crate::form::Form;
use crate::house::House;
use crate::log::{End, Ticket};
use crate::receive::Received;
use crate::refusal::Refusal;
use crate::scenario::{Fault, Scenario};

/// An answer that costs tokens, as the scenario orders it.
pub(crate) async fn play(
    house: &House,
    received: Received,
    scenario: &Scenario,
    compose: impl FnOnce() -> Form,
) -> Response {
    if !scenario.first_byte_delay.is_zero() {
        // Before the first byte means before the status line.
        tokio::time::sleep(scenario.first_byte_delay).await;
    }
    match &scenario.fault {
        Some(fault) => broken(house, received.ticket, fault).await,
        None => answer(house, received, scenario, compose()),
    }
}

fn answer(house: &House, received: Received, scenario: &Scenario, form: Form) -> Response {
    let packed = scenario.gzip_unasked || (scenario.gzip && received.accepts_gzip());
    let streamed = matches!(form, Form::Stream(_));
    let pieces = match form {
        _ if scenario.verbatim.is_some() => scenario.verbatim.iter().cloned().map(Piece::of).collect(),
        Form::Document(piece) => vec![piece],
        Form::Stream(pieces) => pieces,
    };
    let padding = scenario.huge_event_bytes.unwrap_or_default();
    let length = pieces.iter().map(|piece| piece.bytes.len() as u64).sum::<u64>().checked_add(padding);
    received.ticket.edit(|entry| entry.status = 200);
    let mut response = Response::new(deliver::body(pieces, scenario, received.ticket, packed));
    let headers = response.headers_mut();
    house.dress(headers, if streamed { house.events } else { house.json });
    if packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(length) = length.filter(|_| !streamed && !packed) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(kind) = scenario.content_type.as_deref().and_then(|kind| HeaderValue::try_from(kind).ok()) {
        headers.insert(CONTENT_TYPE, kind);
    }
    response
}

/// An answer that costs nothing.
pub(crate) fn json(house: &House, ticket: Ticket, value: &Value) -> Response {
    whole(house, ticket, 200, house.json, value.to_string().into())
}

/// An error object.
pub(crate) fn refuse(house: &House, ticket: Ticket, refusal: &Refusal) -> Response {
    whole(house, ticket, refusal.status, house.json, (house.error)(refusal).to_string().into())
}

/// The refusal that the scenario orders.
async fn broken(house: &House, mut ticket: Ticket, fault: &Fault) -> Response {
    match fault {
        Fault::Status { status, retry_after } => {
            let mut response = refuse(house, ticket, &Refusal::new(*status, "simulated failure"));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            response
        }
        Fault::Worded { status, kind, message, headers } => {
            let refusal = Refusal::new(*status, message).kind(kind);
            with(refuse(house, ticket, &refusal), headers)
        }
        Fault::Verbatim { status, headers, body } => {
            with(whole(house, ticket, *status, house.json, body.clone()), headers)
        }
        Fault::Html => {
            let page = "<html><head><title>502 Bad Gateway</title></head><body>[simulated]</body></html>";
            whole(house, ticket, 502, "text/html", page.into())
        }
        Fault::Garbage => whole(house, ticket, 200, house.json, "[simulated] \u{1}{{{ not json".into()),
        Fault::Redirect { status, location } => {
            let mut response = whole(house, ticket, *status, "text/html", Bytes::new());
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(LOCATION, location);
            }
            response
        }
        Fault::Silence => {
            // The ticket lives on in here, and notices when the client leaves.
            std::future::pending::<()>().await;
            whole(house, ticket, 500, house.json, Bytes::new())
        }
        Fault::Hangup => {
            ticket.ends(End::CutOnOrder);
            // hyper holds the head back until the body's first bytes, and closes when an error comes instead.
            let broken = Err::<Bytes, _>(std::io::Error::other("hangup on order"));
            Response::new(Body::from_stream(futures_util::stream::iter([broken])))
        }
    }
}

fn with(mut response: Response, headers: &[(String, String)]) -> Response {
    let ordered: HeaderMap = headers
        .iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        })
        .collect();
    // Replaces what the house has of the same names.
    response.headers_mut().extend(ordered);
    response
}

/// An answer that is sent at once.
fn whole(house: &House, mut ticket: Ticket, status: u16, kind: &'static str, bytes: Bytes) -> Response {
    ticket.edit(|entry| {
        entry.status = status;
        entry.sent_bytes = bytes.len();
    });
    ticket.ends(End::Sent);
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    house.dress(response.headers_mut(), kind);
    response
}
