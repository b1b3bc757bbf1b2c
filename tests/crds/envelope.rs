//! What an API server asks of a definition around its schema, from the reference of `CustomResourceDefinition` v1.

use serde_json::Value;

/// Types of columns.
const COLUMN_TYPES: [&str; 5] = ["integer", "number", "string", "boolean", "date"];

pub(super) fn problems(definition: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut ask = |holds: bool, problem: &str| {
        if !holds {
            found.push(problem.to_owned());
        }
    };
    let spec = &definition["spec"];
    let names = &spec["names"];
    let group = text(&spec["group"]);
    ask(definition["apiVersion"] == "apiextensions.k8s.io/v1", "apiVersion must be apiextensions.k8s.io/v1");
    ask(definition["kind"] == "CustomResourceDefinition", "kind must be CustomResourceDefinition");
    ask(group.contains('.') && group.split('.').all(is_label), "group must be a domain");
    ask(!group.ends_with("k8s.io") && !group.ends_with("kubernetes.io"), "group is a protected one");
    let wanted = format!("{}.{group}", text(&names["plural"]));
    ask(definition["metadata"]["name"] == wanted, "metadata.name must be PLURAL.GROUP");
    ask(matches!(text(&spec["scope"]), "Namespaced" | "Cluster"), "scope must be Namespaced or Cluster");
    ask(
        spec.get("preserveUnknownFields").is_none_or(|value| value == false),
        "preserveUnknownFields must be false",
    );
    for field in ["plural", "singular"] {
        ask(is_label(text(&names[field])), &format!("{field} must be a lower-case label"));
    }
    for field in ["shortNames", "categories"] {
        let all = names[field].as_array().into_iter().flatten();
        ask(all.map(text).all(is_label), &format!("{field} must be lower-case labels"));
    }
    for field in ["kind", "listKind"] {
        ask(is_label(&text(&names[field]).to_lowercase()), &format!("{field} must be a label"));
    }
    ask(names["kind"] != names["listKind"], "listKind must differ from kind");
    let none = Vec::new();
    let versions = spec["versions"].as_array().unwrap_or(&none);
    ask(
        versions.iter().filter(|version| version["storage"] == true).count() == 1,
        "one version must have storage",
    );
    for version in versions {
        ask(is_label(text(&version["name"])), "a version's name must be a lower-case label");
        ask(version["served"].is_boolean(), "a version must say whether it is served");
        let schema = &version["schema"]["openAPIV3Schema"];
        ask(schema.is_object(), "a version must have a schema");
        for column in version["additionalPrinterColumns"].as_array().into_iter().flatten() {
            ask(!text(&column["name"]).is_empty(), "a column must have a name");
            ask(COLUMN_TYPES.contains(&text(&column["type"])), "a column's type must be one of the five");
            ask(
                leads_somewhere(text(&column["jsonPath"]), schema),
                "a column's jsonPath must lead to a field",
            );
        }
    }
    found
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A label of RFC 1035, as names of resources are.
fn is_label(name: &str) -> bool {
    let inner = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let starts = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    inner && starts && !name.ends_with('-') && name.len() <= 63
}

/// Follows a path of the forms `.a.b` and `.a[0]` through a schema. The server knows `metadata` without one.
fn leads_somewhere(path: &str, schema: &Value) -> bool {
    let Some(path) = path.strip_prefix('.') else { return false };
    if path.starts_with("metadata.") {
        return true;
    }
    let mut at = schema;
    for part in path.split('.') {
        let (name, index) = part.split_once('[').map_or((part, false), |(name, _)| (name, true));
        at = &at["properties"][name];
        if index {
            at = &at["items"];
        }
    }
    at.is_object()
}
