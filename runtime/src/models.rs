//! The model list: exactly the models that the caller may use, as the API that was asked lists them.

use std::collections::HashMap;

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use pai_bundle::catalogue;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::Tokens;
use pai_policies::{Action, Facts, GuardFacts, Used};
use pai_protocol::Family;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::authorize::Circumstances;
use crate::candidate::{self, Candidate};
use crate::snapshot::Snapshot;

/// What Anthropic's API takes (limit from 1 to 1000, 20 without).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    after_id: Option<String>,
    before_id: Option<String>,
}

const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 1000;

/// Models are not dated in manifests; Anthropic's API uses the epoch where a date is unknown.
const UNKNOWN_DATE: &str = "1970-01-01T00:00:00Z";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Model {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    display_name: String,
    created_at: &'static str,
    /// The provider's name, which OpenAI's list shows as the owner.
    #[serde(skip)]
    owner: String,
}

impl Model {
    fn as_openai(&self) -> serde_json::Value {
        json!({ "id": self.id, "object": "model", "created": 0, "owned_by": self.owner })
    }
}

/// A page of the list.
pub(crate) fn list(
    snapshot: &Snapshot,
    circumstances: &Circumstances<'_>,
    page: &Page,
    family: Family,
) -> Response {
    let models = usable(snapshot, circumstances);
    if family == Family::OpenAi {
        // OpenAI's list has no pages.
        let data: Vec<_> = models.iter().map(Model::as_openai).collect();
        return answer(&json!({ "object": "list", "data": data }));
    }
    let limit = page.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let place =
        |id: &Option<String>| id.as_ref().and_then(|id| models.iter().position(|model| model.id == *id));
    let (range, has_more) = match (place(&page.after_id), place(&page.before_id)) {
        (None, Some(before)) => (before.saturating_sub(limit)..before, before > limit),
        (after, _) => {
            let start = after.map_or(0, |after| after + 1);
            let end = models.len().min(start.saturating_add(limit));
            (start..end.max(start), end < models.len())
        }
    };
    let data = models.get(range).unwrap_or_default();
    answer(&json!({
        "data": data,
        "has_more": has_more,
        "first_id": data.first().map(|model| &model.id),
        "last_id": data.last().map(|model| &model.id),
    }))
}

/// One model; `None` where the caller has no such model.
pub(crate) fn show(
    snapshot: &Snapshot,
    circumstances: &Circumstances<'_>,
    id: &str,
    family: Family,
) -> Option<Response> {
    let model = usable(snapshot, circumstances).into_iter().find(|model| model.id == id)?;
    Some(answer(&if family == Family::OpenAi { model.as_openai() } else { json!(model) }))
}

fn answer(body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Bare ids first where they lead to one model only, since that is what clients know; then every reference.
fn usable(snapshot: &Snapshot, circumstances: &Circumstances<'_>) -> Vec<Model> {
    let holder = circumstances.caller.holder();
    let allowed: Vec<Candidate> = candidate::named(snapshot, holder.as_principal())
        .into_iter()
        .filter(|candidate| is_allowed(snapshot, circumstances, candidate))
        .collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for candidate in &allowed {
        *times.entry(candidate.model.as_str()).or_default() += 1;
    }
    let bare = allowed
        .iter()
        .filter(|candidate| times.get(candidate.model.as_str()) == Some(&1))
        .map(|candidate| model(candidate.model.to_string(), candidate));
    let references = allowed
        .iter()
        .map(|candidate| model(format!("{}/{}", candidate.provider.name, candidate.model), candidate));
    bare.chain(references).collect()
}

fn model(id: String, candidate: &Candidate) -> Model {
    let known = catalogue::find(candidate.model.as_str());
    let display_name = known.map_or_else(|| id.clone(), |known| known.display_name.to_owned());
    let owner = candidate.provider.name.to_string();
    Model { kind: "model", id, display_name, created_at: UNKNOWN_DATE, owner }
}

fn is_allowed(snapshot: &Snapshot, circumstances: &Circumstances<'_>, candidate: &Candidate) -> bool {
    let facts = Facts {
        cost: NanoUsd::ZERO,
        principal: circumstances.caller.holder().as_principal(),
        provider: &candidate.provider,
        model: &candidate.model,
        action: Action::List,
        tokens: Tokens::ZERO,
        used: Used::default(),
        address: circumstances.address,
        now: circumstances.now,
        guard: &GuardFacts::NONE,
    };
    snapshot.authorizer.decide(&facts).is_ok()
}
