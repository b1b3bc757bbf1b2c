//! A kind's JSON Schema (2020-12) from its types, tidied for people who read it and for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::titles;
use crate::inspect::suite::cases::CaseFile;
use crate::manifest::{API_VERSION, Kind, Metadata, Spec, cel};

/// The dialect of every schema here.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a whole manifest of one kind, as documents are checked against it.
pub(crate) fn schema<S: Spec>() -> Value {
    let mut schema = with_cel::<S>();
    without(&mut schema, cel::KEYWORD);
    schema
}

/// As [`schema`], with the conditions in CEL beside those of JSON Schema.
pub(super) fn with_cel<S: Spec>() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut metadata = generator.subschema_for::<Metadata>();
    let mut spec = generator.subschema_for::<S>();
    let definitions = generator.take_definitions(true);
    metadata.insert("description".to_owned(), json!("What the resource is called and how people sort it."));
    metadata.insert("examples".to_owned(), json!([{ "name": name::<S>() }]));
    spec.insert("description".to_owned(), json!(S::ABOUT));
    spec.insert("examples".to_owned(), json!([S::example()]));
    let mut schema = json!({
        "$schema": DIALECT,
        "title": S::NAME,
        "description": S::ABOUT,
        "examples": [example::<S>()],
        "type": "object",
        "properties": {
            "apiVersion": api_version(),
            "kind": {
                "description": "Which kind of manifest this is; it decides what `spec` may say.",
                "const": S::NAME,
                "examples": [S::NAME],
            },
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "$defs": definitions,
    });
    tidy(&mut schema);
    titles::add(&mut schema);
    schema
}

/// The schema of files of cases.
pub(super) fn cases() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<CaseFile>().to_value();
    tidy(&mut schema);
    titles::add(&mut schema);
    schema
}

/// A whole manifest to start from.
pub(super) fn example<S: Spec>() -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": S::NAME,
        "metadata": { "name": name::<S>() },
        "spec": S::example(),
    })
}

/// The name in a kind's example.
fn name<S: Spec>() -> &'static str {
    match S::KIND {
        Kind::ModelProvider => "anthropic",
        Kind::Agent => "reviewer",
        Kind::AccessKey => "laptop",
        Kind::GuardBinding => "prompt-guard",
    }
}

/// The field that makes a document one of ours.
pub(super) fn api_version() -> Value {
    json!({
        "description": "The version of the format. Documents with another group are not read.",
        "const": API_VERSION,
        "examples": [API_VERSION],
    })
}

/// Takes a keyword out, wherever it is.
fn without(schema: &mut Value, keyword: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, keyword)),
        Value::Object(fields) => {
            fields.shift_remove(keyword);
            fields.values_mut().for_each(|value| without(value, keyword));
        }
        _ => {}
    }
}

/// Takes out what Rust types bring along and manifests do not have: null for what is left out, integer widths.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            without_null(fields);
            plain_enum(fields);
            one_line(fields);
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            if fields.get("format").and_then(Value::as_str).is_some_and(is_width) {
                fields.remove("format");
            }
            fields.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn is_width(format: &str) -> bool {
    matches!(format, "uint" | "uint8" | "uint16" | "uint32" | "uint64" | "int32" | "int64" | "double")
}

/// Doc comments are wrapped where the source is; editors wrap by themselves.
fn one_line(fields: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = fields.get_mut("description") {
        *text = text.replace('\n', " ");
    }
}

/// A field is there or it is not; written without a value it is a mistake.
fn without_null(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(choices)) = fields.get_mut("anyOf") else { return };
    let before = choices.len();
    choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
    if choices.len() < before
        && let [Value::Object(only)] = choices.as_slice()
    {
        let only = only.clone();
        fields.remove("anyOf");
        for (key, value) in only {
            fields.entry(key).or_insert(value);
        }
    }
}

/// Documented variants come as `oneOf` of constants, which validators report badly; a list with descriptions says the
/// same.
fn plain_enum(fields: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = fields.get("oneOf") else { return };
    let constants: Option<Vec<Value>> = choices.iter().map(|choice| choice.get("const").cloned()).collect();
    let Some(constants) = constants else { return };
    let about = |choice: &Value| {
        let text = choice.get("description").and_then(Value::as_str).unwrap_or_default();
        Value::String(text.replace('\n', " "))
    };
    let descriptions: Vec<Value> = choices.iter().map(about).collect();
    fields.remove("oneOf");
    fields.insert("type".to_owned(), json!("string"));
    fields.insert("enum".to_owned(), Value::Array(constants));
    fields.insert("enumDescriptions".to_owned(), Value::Array(descriptions));
}
