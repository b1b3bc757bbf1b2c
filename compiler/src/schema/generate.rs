//! JSON Schemas (2020-12) from the manifest types, tidied for people who read them and for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::manifest::{API_VERSION, AccessKey, Agent, GuardBinding, Metadata, ModelProvider, Spec};

/// A schema as it is checked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// File name within `schemas/`.
    pub name: &'static str,
    /// Contents, with a newline at the end.
    pub text: String,
}

/// Every kind's schema.
pub fn files() -> Vec<SchemaFile> {
    vec![
        file::<ModelProvider>("model-provider.schema.json"),
        file::<Agent>("agent.schema.json"),
        file::<AccessKey>("access-key.schema.json"),
        file::<GuardBinding>("guard-binding.schema.json"),
    ]
}

fn file<S: Spec>(name: &'static str) -> SchemaFile {
    SchemaFile { name, text: format!("{:#}\n", schema::<S>()) }
}

/// The schema of a whole manifest of one kind.
pub(crate) fn schema<S: Spec>() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let metadata = generator.subschema_for::<Metadata>();
    let spec = generator.subschema_for::<S>();
    let definitions = generator.take_definitions(true);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": S::NAME,
        "description": S::ABOUT,
        "type": "object",
        "properties": {
            "apiVersion": { "const": API_VERSION },
            "kind": { "const": S::NAME },
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "$defs": definitions,
    });
    tidy(&mut schema);
    schema
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// `SNAPSHOTS=overwrite cargo test -p pai-compiler` writes them anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test compares with files of the repository")]
    fn the_checked_in_schemas_are_fresh() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
        let overwrite = std::env::var("SNAPSHOTS").is_ok_and(|word| word == "overwrite");
        for file in files() {
            let path = folder.join(file.name);
            if overwrite {
                std::fs::write(&path, &file.text).unwrap();
            }
            let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(checked_in == file.text, "schemas/{} is stale: run with SNAPSHOTS=overwrite", file.name);
        }
    }

    #[test]
    fn schemas_have_no_null_and_describe_every_field() {
        for file in files() {
            assert!(!file.text.contains("\"null\""), "{}", file.name);
            let schema: Value = serde_json::from_str(&file.text).unwrap();
            for (name, definition) in schema["$defs"].as_object().unwrap() {
                for (field, property) in definition["properties"].as_object().into_iter().flatten() {
                    assert!(property.get("description").is_some(), "{}: {name}.{field}", file.name);
                }
            }
        }
    }
}
