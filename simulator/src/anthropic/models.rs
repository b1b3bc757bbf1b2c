//! The model list, in pages as the real API gives it.

use serde_json::{Value, json};

use crate::refusal::Refusal;

const MODELS: [(&str, &str); 3] = [
    ("claude-opus-4-6", "Claude Opus 4.6"),
    ("claude-sonnet-4-6", "Claude Sonnet 4.6"),
    ("claude-haiku-4-5", "Claude Haiku 4.5"),
];

fn model((id, name): (&str, &str)) -> Value {
    json!({ "type": "model", "id": id, "display_name": name, "created_at": "2026-02-04T00:00:00Z" })
}

/// A page: `limit`, `after_id`, `before_id`.
pub(super) fn list(query: &str) -> Value {
    let parameter = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    let place = |name| parameter(name).and_then(|id| MODELS.iter().position(|(known, _)| *known == id));
    let limit = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20).clamp(1, 1000);
    let start = place("after_id").map_or(0, |place| place + 1);
    let end = place("before_id").unwrap_or(MODELS.len());
    let page: Vec<Value> = MODELS.iter().copied().take(end).skip(start).take(limit).map(model).collect();
    json!({
        "has_more": start + page.len() < end,
        "first_id": page.first().map(|model| &model["id"]),
        "last_id": page.last().map(|model| &model["id"]),
        "data": page,
    })
}

pub(super) fn show(id: &str) -> Result<Value, Refusal> {
    let found = MODELS.iter().copied().find(|(known, _)| *known == id);
    found.map(model).ok_or_else(|| Refusal::new(404, format!("model: {id}")))
}
