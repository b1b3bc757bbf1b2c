//! One request as a story: identify, read, find candidates, decide, hold, forward, meter, settle, record.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use ipnet::IpNet;
use pai_bundle::unit::{UnixSeconds, UtcDay};
use pai_ledger::calendar::Sight;
use pai_ledger::{Calendar, Caps, Ledger};
use pai_policies::Action;
use pai_protocol::event::Failure;
use pai_protocol::{Asked, Family, failure};

use crate::address;
use crate::admit::Counted;
use crate::authorize::Circumstances;
use crate::begin::Begun;
use crate::body::Limits;
use crate::candidate;
use crate::count::Counts;
use crate::delivery::Delivery;
use crate::forward::{self, Answerer, Forwarded, Outgoing};
use crate::guard::Conversations;
use crate::identify;
use crate::intake;
use crate::meter::Form;
use crate::metrics::Metrics;
use crate::models;
use crate::rate::Rates;
use crate::record::Outcome;
use crate::record::writing::Records;
use crate::refusal::Refusal;
use crate::settle::{Arrival, Note};
use crate::snapshot::Snapshot;
use crate::surface::{Operation, Route};
use crate::unique::Ids;
use crate::upstream::breaker::Breakers;
use crate::upstream::{Client, Received, headers};

/// Most bytes of a provider's refusal that are read to be translated.
const ERROR_MAX_BYTES: usize = 256 * 1024;

/// What requests share. Each field has one owner and is handed out as a clone or a snapshot.
pub(crate) struct Shared {
    /// The bundle in force; swapped whole.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) ledger: Ledger,
    pub(crate) client: Client,
    pub(crate) breakers: Breakers,
    pub(crate) counts: Counts,
    pub(crate) conversations: Conversations,
    pub(crate) hold_wait: Duration,
    pub(crate) limits: Limits,
    /// How long a body may take, besides what its size allows.
    pub(crate) body_time: Duration,
    pub(crate) budget_headers: bool,
    pub(crate) calendar: Arc<Calendar>,
    pub(crate) rates: Rates,
    pub(crate) ids: Ids,
    pub(crate) records: Records,
    pub(crate) metrics: Arc<Metrics>,
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
    /// Of budgets alone, as is the day: a clock that has jumped opens none before it was looked at twice.
    believed: UnixSeconds,
    day: UtcDay,
    route: &'static Route,
    /// Whose errors the client reads.
    family: Family,
}

/// Answers one request.
pub(crate) async fn answer(shared: Arc<Shared>, route: &'static Route, request: Request<Body>) -> Response {
    let started = Instant::now();
    let Sight { wall: now, believed } = shared.calendar.look();
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip());
    let context = Context {
        snapshot: shared.snapshot.load_full(),
        id: shared.ids.request(),
        address: address::of_client(peer, request.headers(), &shared.trusted_proxies),
        now,
        believed,
        day: shared.ledger.today(believed),
        route,
        family: route.family.unwrap_or_else(|| family_of(request.headers())),
        shared: &shared,
    };
    if has_two_lengths(request.headers()) {
        return two_lengths(context.family, &context.id);
    }
    if !route.methods.contains(request.method()) {
        return Refusal::Method.respond(context.family, &context.id, believed);
    }
    if route.operation == Operation::Hello {
        return hello();
    }
    let arrival = Arrival {
        id: &context.id,
        now,
        started,
        address: context.address,
        path: [request.method().as_str(), " ", request.uri().path()].concat(),
        bundle: &context.snapshot.digest,
    };
    let note = Note::new(arrival, shared.records.clone(), shared.ledger.clone());
    let mut response = match story(&context, request, note, started).await {
        Ok(response) => response,
        Err(refused) => {
            let (refusal, note) = *refused;
            note.refused(&refusal);
            refusal.respond(context.family, &context.id, believed)
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

    let caller =
        or_refuse!(identify::identify(&head.headers, context.route.audience, snapshot.as_ref(), context.now));
    note.caller(&caller);
    let circumstances = |action| Circumstances {
        caller: &caller,
        action,
        address: context.address,
        now: context.now,
        day: context.day,
    };

    let (dialect, action) = match context.route.operation {
        Operation::Forward { dialect, action, .. } => (dialect, action),
        Operation::ListModels => {
            let page = axum::extract::Query::try_from_uri(&head.uri).map(|query| query.0);
            let page = or_refuse!(page.map_err(|_| Refusal::Malformed {
                message: "the query takes limit (1 to 1000), after_id and before_id".to_owned()
            }));
            let response = models::list(snapshot, &circumstances(Action::List), &page, context.family);
            note.answered(StatusCode::OK);
            note.ended(Outcome::Served);
            return Ok(response);
        }
        Operation::ShowModel => {
            let id = model_in_path(head.uri.path());
            note.requested(&id);
            let shown = models::show(snapshot, &circumstances(Action::List), &id, context.family);
            let response = or_refuse!(shown.ok_or_else(|| {
                let known = candidate::known(snapshot, caller.holder());
                Refusal::NoProvider { model: id, known }
            }));
            note.answered(StatusCode::OK);
            note.ended(Outcome::Served);
            return Ok(response);
        }
        Operation::Unmetered { what } => return Err(Box::new((Refusal::Unmetered { what }, note))),
        Operation::Hello => return Ok(hello()),
    };

    note.occupy(or_refuse!(context.shared.rates.admit(snapshot, caller.holder(), started)));
    or_refuse!(unpacked(&head.headers));
    let body = or_refuse!(intake::whole(body, context.shared.body_time).await);
    let asked = or_refuse!(
        Asked::read(dialect, &body).map_err(|error| Refusal::Malformed { message: error.to_string() })
    );
    note.requested(&asked.model);
    let candidates = or_refuse!(candidate::candidates(snapshot, caller.holder(), &asked.model));

    let outgoing = Outgoing {
        id: &context.id,
        snapshot,
        ledger: &context.shared.ledger,
        ids: &context.shared.ids,
        client: &context.shared.client,
        breakers: &context.shared.breakers,
        counts: &context.shared.counts,
        conversations: &context.shared.conversations,
        hold_wait: context.shared.hold_wait,
        limits: context.shared.limits,
        caller: &caller,
        action,
        address: context.address,
        now: context.now,
        believed: context.believed,
        day: context.day,
        query: head.uri.query(),
        headers: &head.headers,
        asked: &asked,
        body: &body,
    };
    Ok(match forward::forward(&outgoing, candidates, note).await {
        Forwarded::Answer { begun, from } => answered(context, *begun, &from, &asked),
        Forwarded::Counted { counted, from, mut note } => {
            note.answered(StatusCode::OK);
            note.ended(Outcome::Served);
            count(context, counted, &from)
        }
        Forwarded::Failure { response, from, mut note } => {
            note.answered(response.status());
            note.ended(Outcome::UpstreamError);
            Box::pin(failed(context, response, &from, &asked)).await
        }
        Forwarded::NotBegun { failure, outcome, from, mut note } => {
            let status = failure::status_of(failure.kind);
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            note.answered(status);
            note.ended(outcome);
            not_begun(context, status, &failure, &from)
        }
        Forwarded::Refused(refusal, note) => return Err(Box::new((refusal, note))),
    })
}

/// An answer that has begun, with the provider's status and headers.
fn answered(context: &Context<'_>, begun: Begun<Delivery>, from: &Answerer, asked: &Asked) -> Response {
    let Begun { status, headers, form, mut body } = begun;
    let mut left = None;
    body.edit_note(|note| {
        note.answered(status);
        left = context.shared.budget_headers.then(|| note.budgets_left());
    });
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = if from.dialect == asked.dialect {
        headers::to_client(&headers)
    } else {
        headers::of_translated(&headers, form == Form::Stream)
    };
    sign(context, response.headers_mut(), from);
    if let Some(left) = left {
        put_left(response.headers_mut(), &left);
    }
    response
}

/// A count that the provider was not asked for in the client's own words.
fn count(context: &Context<'_>, counted: Counted, from: &Answerer) -> Response {
    let (Counted::ByProvider(tokens) | Counted::AtMost(tokens)) = counted;
    let mut response = json(StatusCode::OK, &serde_json::json!({ "input_tokens": tokens }));
    if let Counted::AtMost(_) = counted {
        // Whoever reads it should know that it may be above what the provider will count, and never below.
        put(response.headers_mut(), "x-pai-count", "upper-bound");
    }
    sign(context, response.headers_mut(), from);
    response
}

/// The provider's own refusal: as it is, or in the words of the client's protocol.
async fn failed(
    context: &Context<'_>,
    response: http::Response<Received>,
    from: &Answerer,
    asked: &Asked,
) -> Response {
    let (head, body) = response.into_parts();
    if from.dialect == asked.dialect {
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = head.status;
        *response.headers_mut() = headers::to_client(&head.headers);
        sign(context, response.headers_mut(), from);
        return response;
    }
    let said = Limited::new(body, ERROR_MAX_BYTES).collect().await.map(http_body_util::Collected::to_bytes);
    let failure = failure::read(head.status.as_u16(), &said.unwrap_or_default());
    let mut response = json(head.status, &failure::write(context.family, &failure, &context.id));
    for (name, value) in headers::of_translated(&head.headers, false) {
        if let Some(name) = name {
            response.headers_mut().insert(name, value);
        }
    }
    sign(context, response.headers_mut(), from);
    response
}

/// A provider had begun to answer and gave up before any content; no other could answer either.
fn not_begun(context: &Context<'_>, status: StatusCode, failure: &Failure, from: &Answerer) -> Response {
    let mut response = json(status, &failure::write(context.family, failure, &context.id));
    sign(context, response.headers_mut(), from);
    response
}

/// Says who answered, and what of the request was left out on the way.
fn sign(context: &Context<'_>, headers: &mut HeaderMap, from: &Answerer) {
    put(headers, "x-pai-provider", from.candidate.provider.name.as_str());
    put(headers, "x-pai-model", from.candidate.model.as_str());
    if !from.dropped.is_empty() {
        put(headers, "x-pai-dropped", &in_a_header(&from.dropped));
    }
    let id = match context.family {
        Family::OpenAi => "x-request-id",
        Family::Anthropic | Family::Google => "request-id",
    };
    if !headers.contains_key(id) {
        put(headers, id, &context.id);
    }
}

/// Names that may be a client's own, as one header: only what cannot be mistaken, and not more than a line of it.
fn in_a_header(names: &[Cow<'static, str>]) -> String {
    const MOST: usize = 400;
    let text = names.join(", ");
    let plain = |c: char| c.is_ascii_alphanumeric() || " ,._-".contains(c);
    text.chars().map(|c| if plain(c) { c } else { '?' }).take(MOST).collect()
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Anthropic's clients all send the version of its API; nobody else does.
fn family_of(headers: &HeaderMap) -> Family {
    if headers.contains_key("anthropic-version") { Family::Anthropic } else { Family::OpenAi }
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

/// Models have slashes in their names, so the id is whatever follows the list's own path.
fn model_in_path(path: &str) -> String {
    path.split_once("/v1/models/").map_or("", |(_, id)| id).replace("%2F", "/").replace("%2f", "/")
}

/// A head that says its length in two ways, as only those write it who want two readers to find different requests in
/// the same bytes (RFC 9112, 6.1). hyper goes by the chunks, a proxy in front may not.
fn has_two_lengths(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

/// The answer to it, after which nothing more is read from the connection.
fn two_lengths(family: Family, id: &str) -> Response {
    let message = "the request has both content-length and transfer-encoding; send one".to_owned();
    let mut response = Refusal::Malformed { message }.respond(family, id, UnixSeconds(0));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Bodies are read as they stand. One that somebody behind could unpack into another would be decided on unread.
fn unpacked(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    if codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let message = "the request's body is packed (content-encoding); send it as it is".to_owned();
    Err(Refusal::Malformed { message })
}

fn hello() -> Response {
    let mut response = Response::new(Body::from("pai gateway\n"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// Paths that the table does not have.
pub(crate) fn no_route(shared: &Shared, headers: &HeaderMap) -> Response {
    if has_two_lengths(headers) {
        return two_lengths(family_of(headers), &shared.ids.request());
    }
    Refusal::NoRoute.respond(family_of(headers), &shared.ids.request(), UnixSeconds(0))
}
