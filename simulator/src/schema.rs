//! The shortest JSON that fits a schema, as far as answers of a fixed form need it.

use serde_json::{Map, Value, json};

/// A value of this schema; types in capitals are Google's.
pub(crate) fn example(schema: &Value) -> Value {
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(first) = schema.get("anyOf").and_then(Value::as_array).and_then(|schemas| schemas.first()) {
        return example(first);
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind.unwrap_or_default().to_ascii_lowercase().as_str() {
        "string" => json!("[simulated]"),
        "integer" => json!(1),
        "number" => json!(1.5),
        "boolean" => json!(true),
        "null" => Value::Null,
        "array" => Value::Array(schema.get("items").map(example).into_iter().collect()),
        _ => match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => properties
                .iter()
                .map(|(name, schema)| (name.clone(), example(schema)))
                .collect::<Map<_, _>>()
                .into(),
            None => json!({ "simulated": true, "text": "[simulated]" }),
        },
    }
}
