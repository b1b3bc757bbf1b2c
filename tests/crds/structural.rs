//! The rules that make a schema structural, from Kubernetes' documentation of custom resource definitions: a type
//! everywhere, nothing described only within a junction, metadata left to the server, defaults that fit and are pruned.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::admission::Admission;

/// What kinds of value a keyword takes.
type Form = (&'static str, fn(&Value) -> bool);

/// Every keyword that a schema may have anywhere.
const KEYWORDS: [Form; 34] = [
    ("additionalProperties", |value| value.is_object() || value == true),
    ("allOf", Value::is_array),
    ("anyOf", Value::is_array),
    ("default", |value| !value.is_null()),
    ("description", Value::is_string),
    ("enum", |value| value.as_array().is_some_and(|values| !values.is_empty())),
    ("example", |_| true),
    ("exclusiveMaximum", Value::is_boolean),
    ("exclusiveMinimum", Value::is_boolean),
    ("externalDocs", Value::is_object),
    ("format", Value::is_string),
    ("items", Value::is_object),
    ("maxItems", Value::is_u64),
    ("maxLength", Value::is_u64),
    ("maxProperties", Value::is_u64),
    ("maximum", Value::is_number),
    ("minItems", Value::is_u64),
    ("minLength", Value::is_u64),
    ("minProperties", Value::is_u64),
    ("minimum", Value::is_number),
    ("multipleOf", Value::is_number),
    ("not", Value::is_object),
    ("nullable", Value::is_boolean),
    ("oneOf", Value::is_array),
    ("pattern", |value| value.as_str().is_some_and(|text| Regex::new(text).is_ok())),
    ("properties", Value::is_object),
    ("required", Value::is_array),
    ("title", Value::is_string),
    ("type", |value| value.as_str().is_some_and(|name| TYPES.contains(&name))),
    ("uniqueItems", |value| value == false),
    ("x-kubernetes-int-or-string", |value| value == true),
    ("x-kubernetes-list-map-keys", Value::is_array),
    ("x-kubernetes-list-type", |value| value.as_str().is_some_and(|name| LIST_TYPES.contains(&name))),
    ("x-kubernetes-validations", Value::is_array),
];

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const LIST_TYPES: [&str; 3] = ["atomic", "map", "set"];

/// A field that a rule names.
static FIELD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\bself\.([A-Za-z_][A-Za-z0-9_]*)").expect("a pattern"));

/// What a junction may not say, because pruning and defaulting do not look there.
const OUTSIDE_ONLY: [&str; 7] = [
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-validations",
];

pub(super) fn problems(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if schema["type"] != "object" {
        found.push("root: the type must be object".to_owned());
    }
    if schema.get("default").is_some() {
        found.push("root: there can be no default".to_owned());
    }
    envelope(&schema["properties"], &mut found);
    node(schema, "root", &mut found);
    match Admission::of(schema) {
        Ok(admission) => found.extend(admission.unreadable()),
        Err(error) => found.push(format!("root: {error}")),
    }
    found
}

/// The fields that the server handles by itself.
fn envelope(properties: &Value, found: &mut Vec<String>) {
    for field in ["apiVersion", "kind"] {
        if properties.get(field).is_some_and(|schema| schema["type"] != "string") {
            found.push(format!("root.{field}: must be a string"));
        }
    }
    let Some(metadata) = properties.get("metadata").and_then(Value::as_object) else { return };
    let only_type = metadata.keys().all(|keyword| ["type", "properties"].contains(&keyword.as_str()));
    let fields = metadata.get("properties").and_then(Value::as_object);
    let only_names =
        fields.into_iter().flatten().all(|(name, _)| ["name", "generateName"].contains(&name.as_str()));
    if !only_type || !only_names || metadata.get("type").is_none_or(|name| name != "object") {
        found.push("root.metadata: only the name may be restricted".to_owned());
    }
}

/// A schema that describes a value, and those below it.
fn node(schema: &Value, path: &str, found: &mut Vec<String>) {
    let Some(fields) = schema.as_object() else {
        found.push(format!("{path}: is no schema"));
        return;
    };
    keywords(schema, path, found);
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true
        || schema["x-kubernetes-int-or-string"] == true;
    if !fields.contains_key("type") && !open {
        found.push(format!("{path}: has no type"));
    }
    if schema["type"] == "array" && !fields.contains_key("items") {
        found.push(format!("{path}: has no items"));
    }
    if fields.contains_key("properties") && fields.contains_key("additionalProperties") {
        found.push(format!("{path}: properties and additionalProperties exclude each other"));
    }
    list(schema, path, found);
    values(schema, path, found);
    rules(schema, path, found);
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for branch in schema[keyword].as_array().into_iter().flatten() {
            junction(branch, schema, &format!("{path}.{keyword}"), found);
        }
    }
    if let Some(branch) = fields.get("not") {
        junction(branch, schema, &format!("{path}.not"), found);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        node(inner, &format!("{path}.{name}"), found);
    }
    if let Some(items) = fields.get("items").filter(|items| items.is_object()) {
        node(items, &format!("{path}[]"), found);
    }
    if let Some(values) = fields.get("additionalProperties").filter(|values| values.is_object()) {
        node(values, &format!("{path}.*"), found);
    }
}

fn keywords(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match KEYWORDS.iter().find(|(known, _)| known == keyword) {
            Some((_, fits)) if fits(value) => {}
            Some(_) => found.push(format!("{path}: {keyword} must be of another form than {value}")),
            // Beside the table, because it alone is allowed in one form only and has a message of its own.
            None if keyword == "x-kubernetes-preserve-unknown-fields" => {
                if value != true {
                    found.push(format!("{path}: {keyword} must be true"));
                }
            }
            None => found.push(format!("{path}: `{keyword}` is not allowed")),
        }
    }
}

/// A schema within `allOf`, `anyOf`, `oneOf` or `not`: it restricts values that are described outside of it.
fn junction(branch: &Value, outside: &Value, path: &str, found: &mut Vec<String>) {
    keywords(branch, path, found);
    for keyword in branch.as_object().into_iter().flat_map(|fields| fields.keys()) {
        if OUTSIDE_ONLY.contains(&keyword.as_str()) {
            found.push(format!("{path}: `{keyword}` is not allowed within a junction"));
        }
    }
    for (name, inner) in branch["properties"].as_object().into_iter().flatten() {
        let described = &outside["properties"][name];
        if described.is_null() {
            found.push(format!("{path}.{name}: is not described outside of the junction"));
        }
        junction(inner, described, &format!("{path}.{name}"), found);
    }
    if let Some(items) = branch.get("items") {
        junction(items, &outside["items"], &format!("{path}[]"), found);
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for inner in branch[keyword].as_array().into_iter().flatten() {
            junction(inner, outside, path, found);
        }
    }
    if let Some(inner) = branch.get("not") {
        junction(inner, outside, path, found);
    }
}

/// Lists that are merged by key name keys that every entry has.
fn list(schema: &Value, path: &str, found: &mut Vec<String>) {
    let by_key = schema["x-kubernetes-list-type"] == "map";
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if by_key == keys.is_empty() {
        found.push(format!(
            "{path}: x-kubernetes-list-map-keys belong to lists of type map, and those need them"
        ));
    }
    for key in keys {
        let item = &schema["items"];
        let required = item["required"].as_array().is_some_and(|names| names.iter().any(|name| name == key));
        let field = &item["properties"][key];
        if field.is_null() || (!required && field.get("default").is_none()) {
            found.push(format!("{path}: not every entry has the key `{key}`"));
        }
    }
}

/// Listed values and defaults are such as the schema accepts.
fn values(schema: &Value, path: &str, found: &mut Vec<String>) {
    let typed = serde_json::json!({ "type": schema["type"] });
    let validator = schema.get("type").and_then(|_| jsonschema::draft4::new(&typed).ok());
    for value in schema["enum"].as_array().into_iter().flatten() {
        if validator.as_ref().is_some_and(|validator| !validator.is_valid(value)) {
            found.push(format!("{path}: enum has {value}, which is of another type"));
        }
    }
    let Some(default) = schema.get("default") else { return };
    match Admission::of(schema) {
        Err(error) => found.push(format!("{path}: the default cannot be checked: {error}")),
        Ok(admission) => {
            for refusal in admission.refusals(default) {
                let what = if refusal.contains("unknown field") {
                    "has a field that would be pruned"
                } else {
                    "does not fit"
                };
                found.push(format!("{path}: the default {what}: {refusal}"));
            }
        }
    }
}

/// Rules in CEL name fields that exist, and stand once.
fn rules(schema: &Value, path: &str, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        for keyword in rule.as_object().into_iter().flat_map(|fields| fields.keys()) {
            if !["rule", "message", "messageExpression", "reason", "fieldPath", "optionalOldSelf"]
                .contains(&keyword.as_str())
            {
                found.push(format!("{path}: `{keyword}` is not allowed in a rule"));
            }
        }
        let Some(text) = rule["rule"].as_str().filter(|text| !text.trim().is_empty()) else {
            found.push(format!("{path}: an entry of x-kubernetes-validations has no rule"));
            continue;
        };
        if rule["message"].as_str().is_some_and(|message| message.trim().is_empty() || message.contains('\n'))
        {
            found.push(format!("{path}: a message is one line of text"));
        }
        if !seen.insert(text) {
            found.push(format!("{path}: the rule `{text}` stands twice"));
        }
        for name in FIELD.captures_iter(text).filter_map(|captures| captures.get(1)) {
            if schema["properties"][name.as_str()].is_null() {
                found.push(format!("{path}: the rule `{text}`: no such field as {}", name.as_str()));
            }
        }
    }
}
