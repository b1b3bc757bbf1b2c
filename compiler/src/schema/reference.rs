//! `docs/manifests.md`: every kind and every field, from the schemas that editors and the validator use.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::file;
use crate::manifest::Kind;

/// What stands above the kinds.
const HEAD: &str = "\
# Manifests

What a manifest may say: every kind, every field. Written by `cargo test` from the types that `pai validate` reads, the
same that give the schemas for editors and for Kubernetes; [editors.md](editors.md) says how to use those.

A manifest is a YAML document with the four fields `apiVersion: pai.io/v1`, `kind`, `metadata` and `spec`. A file may hold
several, separated by `---`. A field that is not listed here is an error, and so is a field without a value: leave it out.
An integer may be written in groups, as `5_000_000`. [yaml.md](yaml.md) says which YAML is read and which is refused.
";

/// The page.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let schemas = Kind::ALL.map(file::of);
    if let Some(metadata) = schemas.first().and_then(|schema| schema.pointer("/$defs/Metadata")) {
        page += "\n## `metadata`, in every kind\n\n";
        table(metadata, "metadata", &Map::new(), &mut page);
    }
    for schema in &schemas {
        kind(schema, &mut page);
    }
    page
}

fn kind(schema: &Value, page: &mut String) {
    let none = Map::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    let _ = write!(page, "\n## {}\n\n{}\n", text(schema, "title"), text(schema, "description"));
    if let Some(example) =
        schema.pointer("/examples/0").and_then(|example| serde_yaml::to_string(example).ok())
    {
        let _ = write!(page, "\n```yaml\n{example}```\n");
    }
    let Some(spec) = schema.pointer("/properties/spec").map(|spec| in_place(spec, definitions)) else {
        return;
    };
    page.push('\n');
    table(&spec, "spec", definitions, page);
}

/// A table of the fields of an object, then a table for each object within it.
fn table(object: &Value, path: &str, definitions: &Map<String, Value>, page: &mut String) {
    let required: Vec<&str> = object
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let fields = object.get("properties").and_then(Value::as_object);
    page.push_str("| field | type | default | what it means | example |\n| --- | --- | --- | --- | --- |\n");
    let mut within = Vec::new();
    for (name, field) in fields.into_iter().flatten() {
        let field = in_place(field, definitions);
        let default = match field.get("default") {
            _ if required.contains(&name.as_str()) => "required".to_owned(),
            Some(value) => code(value),
            None => "–".to_owned(),
        };
        let example = field.pointer("/examples/0").map(code).unwrap_or_default();
        let _ = writeln!(
            page,
            "| `{name}` | {} | {default} | {} | {example} |",
            kind_of_value(&field, definitions),
            cell(&meaning(&field))
        );
        let inner = match field.get("items").map(|items| in_place(items, definitions)) {
            Some(item) => (format!("{path}.{name}[]"), item),
            None => (format!("{path}.{name}"), field),
        };
        if inner.1.get("properties").is_some() {
            within.push(inner);
        }
    }
    for (path, object) in within {
        let _ = write!(page, "\n### `{path}`\n\n");
        table(&object, &path, definitions, page);
    }
}

/// A schema with the one that it refers to in place.
fn in_place(schema: &Value, definitions: &Map<String, Value>) -> Value {
    let target =
        schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix("#/$defs/"));
    let Some(Value::Object(found)) = target.and_then(|name| definitions.get(name)) else {
        return schema.clone();
    };
    let mut fields = found.clone();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        fields.insert(keyword.clone(), value.clone());
    }
    fields.shift_remove("$ref");
    Value::Object(fields)
}

fn kind_of_value(field: &Value, definitions: &Map<String, Value>) -> String {
    match field.get("type").and_then(Value::as_str) {
        Some("string") if field.get("enum").is_some() => "one of".to_owned(),
        Some("string") => "text".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => range("integer", field),
        Some("number") => range("number", field),
        Some("array") => {
            let item = field.get("items").map(|items| in_place(items, definitions)).unwrap_or_default();
            format!("list of {}", kind_of_value(&item, definitions))
        }
        Some("object") => "mapping".to_owned(),
        _ => "any".to_owned(),
    }
}

/// The range where it is one that people meet: bounds of the machine are none.
fn range(name: &str, field: &Value) -> String {
    const LARGE: f64 = 1e9;
    let bound = |keyword: &str| field.get(keyword).and_then(Value::as_f64);
    let least = field.get("minimum").map(|least| format!(" from {least}"));
    let most = field.get("maximum").filter(|_| bound("maximum").is_some_and(|most| most < LARGE));
    let above = field.get("exclusiveMinimum").map(|above| format!(" above {above}"));
    let most = most.map(|most| format!(" to {most}"));
    [Some(name.to_owned()), above, least, most].into_iter().flatten().collect()
}

/// The description, with each value that is allowed.
fn meaning(field: &Value) -> String {
    let mut said = text(field, "description").to_owned();
    let values = field.get("enum").and_then(Value::as_array).into_iter().flatten();
    let about = field.get("enumDescriptions").and_then(Value::as_array);
    for (at, value) in values.enumerate() {
        let about = about.and_then(|texts| texts.get(at)).and_then(Value::as_str).unwrap_or_default();
        let _ = write!(said, "<br>{}: {about}", code(value));
    }
    said
}

fn text<'a>(schema: &'a Value, keyword: &str) -> &'a str {
    schema.get(keyword).and_then(Value::as_str).unwrap_or_default()
}

fn code(value: &Value) -> String {
    let shown = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    format!("`{}`", cell(&shown))
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
