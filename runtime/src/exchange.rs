//! One request as a story: identify, read, find candidates, decide, hold, forward, meter, settle, record.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use ipnet::IpNet;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::clock::Clock;
use pai_ledger::{Caps, Ledger};
use pai_policies::Action;

use crate::address;
use crate::authorize::Circumstances;
use crate::body::AnswerBody;
use crate::candidate::{self, Candidate};
use crate::count::Counts;
use crate::forward::{self, Forwarded, Outgoing};
use crate::identify;
use crate::meter::{Encoding, Form, Meter};
use crate::models;
use crate::protocol::anthropic::request;
use crate::rate::Rates;
use crate::record::{Outcome, Record};
use crate::refusal::Refusal;
use crate::settle::{Arrival, Note, Settling};
use crate::snapshot::Snapshot;
use crate::surface::{Operation, Route};
use crate::unique::Ids;
use crate::upstream::{Client, headers};

/// Most bytes of a request: Anthropic's own limit, <https://platform.claude.com/docs/en/api/errors>.
pub(crate) const BODY_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What requests share. Each field has one owner and is handed out as a clone or a snapshot.
pub(crate) struct Shared {
    /// The bundle in force; swapped whole.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) ledger: Ledger,
    pub(crate) client: Client,
    pub(crate) counts: Counts,
    pub(crate) hold_wait: Duration,
    pub(crate) budget_headers: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rates: Rates,
    pub(crate) ids: Ids,
    pub(crate) records: Sender<Record>,
    pub(crate) trusted_proxies: Vec<IpNet>,
}

/// The socket that a request came over, put beside it by the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Everything about a request that is fixed when it comes in.
struct Context<'a> {
    shared: &'a Shared,
    snapshot: Arc<Snapshot>,
    id: String,
    address: IpAddr,
    now: UnixSeconds,
    day: UtcDay,
    route: &'static Route,
}

/// Answers one request.
pub(crate) async fn answer(shared: Arc<Shared>, route: &'static Route, request: Request<Body>) -> Response {
    let started = Instant::now();
    let now = shared.clock.now();
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    let context = Context {
        snapshot: shared.snapshot.load_full(),
        id: shared.ids.request(),
        address: address::of_client(peer, request.headers(), &shared.trusted_proxies),
        now,
        day: shared.ledger.today(now),
        route,
        shared: &shared,
    };
    if !route.methods.contains(request.method()) {
        return Refusal::Method.respond(&context.id, now);
    }
    if route.operation == Operation::Hello {
        return hello();
    }
    let arrival = Arrival {
        id: &context.id,
        now,
        started,
        address: context.address,
        path: format!("{} {}", request.method(), request.uri().path()),
        bundle: &context.snapshot.digest,
    };
    let note = Note::new(arrival, shared.records.clone(), shared.ledger.clone());
    let mut response = match story(&context, request, note, started).await {
        Ok(response) => response,
        Err(refused) => {
            let (refusal, note) = *refused;
            note.refused(&refusal);
            refusal.respond(&context.id, now)
        }
    };
    put(response.headers_mut(), "x-pai-request-id", &context.id);
    response
}

type Refused = Box<(Refusal, Note)>;

/// The way of a request that has a credential to show.
async fn story(
    context: &Context<'_>,
    request: Request<Body>,
    mut note: Note,
    started: Instant,
) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let snapshot = &context.snapshot;
    macro_rules! or_refuse {
        ($step:expr) => {
            match $step {
                Ok(value) => value,
                Err(refusal) => return Err(Box::new((refusal, note))),
            }
        };
    }

    let caller = or_refuse!(identify::identify(&head.headers, context.route.audience, snapshot, context.now));
    note.caller(&caller);
    let circumstances = |action| Circumstances {
        caller: &caller,
        action,
        address: context.address,
        now: context.now,
        day: context.day,
    };

    let (path, action) = match context.route.operation {
        Operation::Forward { upstream, action, .. } => (upstream, action),
        Operation::ListModels => {
            let page = axum::extract::Query::try_from_uri(&head.uri).map(|query| query.0);
            let page = or_refuse!(page.map_err(|_| Refusal::Malformed {
                message: "the query takes limit (1 to 1000), after_id and before_id".to_owned()
            }));
            let response = models::list(snapshot, &circumstances(Action::List), &page);
            note.answered(StatusCode::OK);
            note.ended(Outcome::Served);
            return Ok(response);
        }
        Operation::ShowModel => {
            let id = model_in_path(head.uri.path());
            note.requested(&id);
            let shown = models::show(snapshot, &circumstances(Action::List), &id);
            let known = Vec::new();
            let response = or_refuse!(shown.ok_or(Refusal::NoProvider { model: id, known }));
            note.answered(StatusCode::OK);
            note.ended(Outcome::Served);
            return Ok(response);
        }
        Operation::Hello => return Ok(hello()),
    };

    note.occupy(or_refuse!(context.shared.rates.admit(snapshot, caller.holder(), started)));
    let body = or_refuse!(collect(body).await);
    let asked =
        or_refuse!(request::read(&body).map_err(|error| Refusal::Malformed { message: error.to_string() }));
    note.requested(&asked.model);
    let candidates = or_refuse!(candidate::candidates(snapshot, caller.holder(), &asked.model));

    let outgoing = Outgoing {
        snapshot,
        ledger: &context.shared.ledger,
        ids: &context.shared.ids,
        client: &context.shared.client,
        counts: &context.shared.counts,
        hold_wait: context.shared.hold_wait,
        caller: &caller,
        action,
        address: context.address,
        now: context.now,
        day: context.day,
        path,
        query: head.uri.query(),
        headers: &head.headers,
        asked: &asked,
        body: &body,
    };
    match forward::forward(&outgoing, candidates, &mut note).await {
        Forwarded::Answer { response, hold, terms, from } => {
            note.answered(response.status());
            let left = context.shared.budget_headers.then(|| note.budgets_left());
            let (head, body) = response.into_parts();
            let form = if is_stream(&head.headers) { Form::Stream } else { Form::Plain };
            let meter = Meter::new(form, encoding(&head.headers));
            let body = AnswerBody::new(body, meter, Settling::new(hold, terms, note));
            let mut response = passed_on(context, head.status, &head.headers, &from, Body::new(body));
            if let Some(left) = left {
                put_left(response.headers_mut(), &left);
            }
            Ok(response)
        }
        Forwarded::Failure { response, from } => {
            note.answered(response.status());
            let (head, body) = response.into_parts();
            note.ended(Outcome::UpstreamError);
            Ok(passed_on(context, head.status, &head.headers, &from, Body::new(body)))
        }
        Forwarded::Refused(refusal) => Err(Box::new((refusal, note))),
    }
}

/// The provider's answer with the provider's status and headers, and who answered.
fn passed_on(
    context: &Context<'_>,
    status: StatusCode,
    upstream: &HeaderMap,
    from: &Candidate,
    body: Body,
) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers::to_client(upstream);
    let headers = response.headers_mut();
    put(headers, "x-pai-provider", from.provider.name.as_str());
    put(headers, "x-pai-model", from.model.as_str());
    if !headers.contains_key("request-id") {
        put(headers, "request-id", &context.id);
    }
    response
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// What is left of the tightest budgets that the request counts in, itself included as far as it is held.
fn put_left(headers: &mut HeaderMap, left: &Caps) {
    if let Some(tokens) = left.tokens {
        put(headers, "x-pai-budget-remaining-tokens", &tokens.to_string());
    }
    if let Some(cost) = left.cost {
        put(headers, "x-pai-budget-remaining-usd", &cost.to_string());
    }
}

/// The whole body: its size bounds the request's tokens, so nothing can be sent before its end is known.
async fn collect(body: Body) -> Result<Bytes, Refusal> {
    match Limited::new(body, BODY_MAX_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Refusal::BodyTooLarge { max_bytes: BODY_MAX_BYTES })
        }
        Err(_) => Err(Refusal::BodyUnreadable),
    }
}

/// Models have slashes in their names, so the id is whatever follows the list's own path.
fn model_in_path(path: &str) -> String {
    path.split_once("/v1/models/").map_or("", |(_, id)| id).replace("%2F", "/").replace("%2f", "/")
}

fn is_stream(headers: &HeaderMap) -> bool {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

fn encoding(headers: &HeaderMap) -> Encoding {
    match headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim()) {
        None | Some("" | "identity") => Encoding::Identity,
        Some("gzip" | "x-gzip") => Encoding::Gzip,
        Some(_) => Encoding::Unknown,
    }
}

fn hello() -> Response {
    let mut response = Response::new(Body::from("pai gateway\n"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// Paths that the table does not have.
pub(crate) fn no_route(shared: &Shared) -> Response {
    Refusal::NoRoute.respond(&shared.ids.request(), UnixSeconds(0))
}
