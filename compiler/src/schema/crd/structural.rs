//! A kind's schema as Kubernetes wants it: structural, so that the API server can prune, default and explain it.
//!
//! What structural schemas do not have is written in what they do have: references are put in place, `if` becomes CEL
//! (`manifest/cel.rs`), constants become lists of one. What the API server does by itself is left out: it knows
//! `metadata`, and drops or refuses unknown fields (`kubectl --validate=strict`, its default).

use serde_json::{Map, Value, json};

use crate::manifest::Spec;
use crate::schema::{generate, portable};

/// Keywords of JSON Schema that structural schemas do not know, or that the API server refuses beside `properties`.
const DROPPED: [&str; 12] = [
    "$schema",
    "$defs",
    "additionalProperties",
    "allOf",
    "const",
    "else",
    "enumDescriptions",
    "examples",
    "if",
    "patternErrorMessage",
    "then",
    "exclusiveMinimum",
];

/// The `openAPIV3Schema` of a kind.
pub(super) fn schema<S: Spec>() -> Value {
    let source = generate::with_cel::<S>();
    let definitions = source.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut spec = source.pointer("/properties/spec").cloned().unwrap_or_default();
    spec = structural(&spec, &definitions);
    let name = source.pointer("/$defs/Metadata/properties/name").cloned().unwrap_or_default();
    json!({
        "description": S::ABOUT,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            // Of metadata a schema may restrict the name only.
            "metadata": {
                "type": "object",
                "properties": {
                    "name": {
                        "type": "string",
                        "pattern": name.get("pattern"),
                        "maxLength": name.get("maxLength"),
                    },
                },
            },
            "spec": spec,
        },
    })
}

fn structural(schema: &Value, definitions: &Map<String, Value>) -> Value {
    let Value::Object(written) = schema else { return anything(&Map::new()) };
    let fields = in_place(written, definitions);
    let mut result = Map::new();
    for (keyword, value) in &fields {
        match keyword.as_str() {
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties =
                    properties.map(|(name, field)| (name.clone(), structural(field, definitions)));
                result.insert(keyword.clone(), Value::Object(properties.collect()));
            }
            "items" => {
                result.insert(keyword.clone(), structural(value, definitions));
            }
            "default" if is_empty(value) => {}
            "format" => format(value, &mut result),
            _ if DROPPED.contains(&keyword.as_str()) => {}
            _ => {
                result.insert(keyword.clone(), value.clone());
            }
        }
    }
    if let Some(only) = fields.get("const") {
        result.insert("enum".to_owned(), json!([only]));
    }
    if let Some(limit) = fields.get("exclusiveMinimum") {
        result.insert("minimum".to_owned(), limit.clone());
        result.insert("exclusiveMinimum".to_owned(), json!(true));
    }
    if let Some(example) = fields.get("examples").and_then(|examples| examples.get(0)) {
        result.insert("example".to_owned(), example.clone());
    }
    match fields.get("type").and_then(Value::as_str) {
        Some("integer") => {
            result.insert("format".to_owned(), json!("int64"));
        }
        Some("object") if !fields.contains_key("properties") => map(&fields, definitions, &mut result),
        Some(_) => {}
        None => return anything(&result),
    }
    Value::Object(result)
}

/// The schema behind a `$ref`, with what stands beside the `$ref` on top.
fn in_place(written: &Map<String, Value>, definitions: &Map<String, Value>) -> Map<String, Value> {
    let named =
        written.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/$defs/"));
    let Some(Value::Object(definition)) = named.and_then(|name| definitions.get(name)) else {
        return written.clone();
    };
    let mut fields = definition.clone();
    for (keyword, value) in written.iter().filter(|(keyword, _)| *keyword != "$ref") {
        fields.insert(keyword.clone(), value.clone());
    }
    fields
}

/// An object whose fields are not listed: values of one form, or of any.
fn map(fields: &Map<String, Value>, definitions: &Map<String, Value>, result: &mut Map<String, Value>) {
    match fields.get("additionalProperties") {
        Some(values @ Value::Object(_)) => {
            result.insert("additionalProperties".to_owned(), structural(values, definitions));
        }
        _ => {
            result.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
        }
    }
}

/// A value of any form: the one place where a structural schema needs no type.
fn anything(about: &Map<String, Value>) -> Value {
    let mut fields = about.clone();
    fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
    Value::Object(fields)
}

/// What is empty means the same as what is absent; a default of it would stand in every stored resource, and count as
/// a field where a rule counts fields.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The API server knows other formats than ours; patterns say nearly the same.
fn format(value: &Value, result: &mut Map<String, Value>) {
    if let Some(pattern) = value.as_str().and_then(portable::pattern) {
        result.insert("pattern".to_owned(), json!(pattern));
    }
}
