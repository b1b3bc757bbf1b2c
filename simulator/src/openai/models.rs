//! The model list, all on one page.

use serde_json::{Value, json};

use crate::refusal::Refusal;

const MODELS: [&str; 4] = ["gpt-4o", "gpt-4o-mini", "o4-mini", "text-embedding-3-small"];

fn model(id: &str) -> Value {
    json!({ "id": id, "object": "model", "created": super::chat::CREATED, "owned_by": "system" })
}

pub(super) fn list() -> Value {
    json!({ "object": "list", "data": MODELS.map(model) })
}

pub(super) fn show(id: &str) -> Result<Value, Refusal> {
    let found = MODELS.iter().find(|known| **known == id);
    found.map(|id| model(id)).ok_or_else(|| {
        Refusal::new(404, format!("The model '{id}' does not exist")).param("model").code("model_not_found")
    })
}
