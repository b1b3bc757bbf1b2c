//! The schemas as files: what is checked in under `schemas/`, and what `pai schema` prints.

use serde_json::Value;

use super::subject::Subject;
use super::{combined, generate, portable};
use crate::manifest::{API_VERSION, AccessKey, Agent, GuardBinding, Kind, ModelProvider};

/// The file that modelines name.
pub const COMBINED: &str = "pai.schema.json";

/// The file that modelines of policy tests name.
pub const CASES: &str = "test.schema.json";

/// A schema as it is checked in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// File name within `schemas/`.
    pub name: String,
    /// Contents, with a newline at the end.
    pub text: String,
}

/// The schema for every kind, each kind's own, and the one of policy tests.
pub fn files() -> Vec<SchemaFile> {
    Subject::every().map(file).collect()
}

/// The schema of a kind, the one for all, or the one of policy tests.
pub fn file(subject: Subject) -> SchemaFile {
    let (name, schema) = match subject {
        Subject::All => (COMBINED.to_owned(), combined::schema()),
        Subject::One(kind) => (format!("{}.schema.json", kind.slug()), of(kind)),
        Subject::Cases => (CASES.to_owned(), generate::cases()),
    };
    let schema = portable::portable(schema, &format!("https://{API_VERSION}/{name}"));
    SchemaFile { text: format!("{schema:#}\n"), name }
}

/// The schema that documents of a kind are checked against.
pub(super) fn of(kind: Kind) -> Value {
    match kind {
        Kind::ModelProvider => generate::schema::<ModelProvider>(),
        Kind::Agent => generate::schema::<Agent>(),
        Kind::AccessKey => generate::schema::<AccessKey>(),
        Kind::GuardBinding => generate::schema::<GuardBinding>(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::schema::{crd, reference};

    /// `SNAPSHOTS=overwrite cargo test -p pai-compiler` writes them anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test compares with files of the repository")]
    fn what_is_checked_in_is_fresh() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let overwrite = std::env::var("SNAPSHOTS").is_ok_and(|word| word == "overwrite");
        let mut wanted: Vec<(String, String)> =
            files().into_iter().map(|file| (format!("schemas/{}", file.name), file.text)).collect();
        wanted.push(("schemas/crds.yaml".to_owned(), crd::definitions(Subject::All).unwrap()));
        wanted.push(("docs/manifests.md".to_owned(), reference()));
        for (name, text) in wanted {
            let path = root.join(&name);
            if overwrite {
                std::fs::write(&path, &text).unwrap();
            }
            let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(checked_in == text, "{name} is stale: run with SNAPSHOTS=overwrite");
        }
    }

    /// Calls `visit` with the pointer and the schema of every field, of the kinds' types and the envelope.
    fn fields(schema: &Value, pointer: &str, visit: &mut impl FnMut(&str, &Value)) {
        match schema {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    fields(item, &format!("{pointer}/{at}"), visit);
                }
            }
            Value::Object(keywords) => {
                for (keyword, value) in keywords {
                    let pointer = format!("{pointer}/{keyword}");
                    match keyword.as_str() {
                        // Conditions name fields and describe none; examples are values.
                        "if" | "then" | "else" | "not" | "default" | "examples" => {}
                        "properties" => {
                            for (name, field) in value.as_object().unwrap() {
                                let pointer = format!("{pointer}/{name}");
                                visit(&pointer, field);
                                fields(field, &pointer, visit);
                            }
                        }
                        _ => fields(value, &pointer, visit),
                    }
                }
            }
            _ => {}
        }
    }

    /// A field's schema with the definitions that it refers to.
    fn alone(field: &Value, whole: &Value) -> Value {
        let mut alone = field.clone();
        alone["$defs"] = whole["$defs"].clone();
        alone
    }

    #[test]
    fn every_field_has_a_title_a_description_and_an_example_that_fits() {
        let mut seen = 0;
        let mut lacking = Vec::new();
        for file in files() {
            let schema: Value = serde_json::from_str(&file.text).unwrap();
            fields(&schema, "", &mut |pointer, field| {
                seen += 1;
                for keyword in ["title", "description"] {
                    if field.get(keyword).and_then(Value::as_str).is_none_or(|text| text.len() < 2) {
                        lacking.push(format!("{}: {pointer} has no {keyword}", file.name));
                    }
                }
                let validator = jsonschema::validator_for(&alone(field, &schema)).unwrap();
                let examples = field.get("examples").and_then(Value::as_array).cloned().unwrap_or_default();
                if examples.is_empty() {
                    lacking.push(format!("{}: {pointer} has no examples", file.name));
                }
                for value in examples.iter().chain(field.get("default")) {
                    if let Err(error) = validator.validate(value) {
                        lacking.push(format!("{}: {pointer}: {value}: {error}", file.name));
                    }
                }
            });
        }
        assert!(seen > 150, "{seen} fields");
        assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    }

    /// What is said in words of a field that is left out stands in `default` as well, where it is a value.
    #[test]
    fn fields_that_may_be_left_out_say_what_then_holds() {
        let without = [
            // No limit, no restriction, no such thing.
            "apiKeySecretRef",
            "endpoint",
            "apiVersion",
            "maxTokensPerDay",
            "maxTokensPerRequest",
            "externalAccess",
            "tokens",
            "rateLimits",
            "maxPerDay",
            "maxPerRequest",
            "maxRequestsPerMinute",
            "maxConcurrentRequests",
            "maxCostPerDayUSD",
            "expires",
            "model",
            "auth",
            "thresholds",
            "value",
            "secretRef",
            "begins",
            // Pai's own table has them, model by model.
            "contextTokens",
            "maxOutputTokens",
            "usdPerMillionTokens",
            // Depends on another field.
            "responsesApi",
            "onError",
            "timeoutMs",
            "maxConcurrency",
            "cacheRead",
            "cacheWrite5m",
            "cacheWrite1h",
            // Nobody here acts on them.
            "type",
            "harness",
            "image",
            "replicas",
            "inbound",
            "resources",
            "autoscaling",
            "filesystem",
            "packages",
        ];
        for kind in Kind::ALL {
            let schema = of(kind);
            for (name, definition) in schema["$defs"].as_object().unwrap() {
                let required: Vec<&Value> = definition["required"].as_array().into_iter().flatten().collect();
                for (field, property) in definition["properties"].as_object().into_iter().flatten() {
                    let optional = !required.iter().any(|known| *known == field);
                    if optional && !without.contains(&field.as_str()) {
                        assert!(property.get("default").is_some(), "{name}.{field}");
                    }
                }
            }
        }
    }

    #[test]
    fn schemas_name_themselves_and_their_dialect() {
        for file in files() {
            let schema: Value = serde_json::from_str(&file.text).unwrap();
            assert_eq!(schema["$schema"], generate::DIALECT);
            assert_eq!(schema["$id"], format!("https://pai.io/v1/{}", file.name));
            assert!(!file.text.contains("\"null\""), "{}", file.name);
            assert!(!file.text.contains("x-kubernetes"), "{}", file.name);
            jsonschema::meta::validate(&schema).unwrap();
        }
    }

    /// The schema for all kinds says of a document what its kind's own says.
    #[test]
    fn the_combined_schema_agrees_with_each_kinds_own() {
        let validator =
            |subject| jsonschema::validator_for(&serde_json::from_str(&file(subject).text).unwrap()).unwrap();
        let combined = validator(Subject::All);
        for kind in Kind::ALL {
            let own = validator(Subject::One(kind));
            let example = of(kind)["examples"][0].clone();
            assert!(own.is_valid(&example) && combined.is_valid(&example), "{kind:?}");
            for pointer in ["/apiVersion", "/kind", "/metadata", "/metadata/name", "/spec"] {
                for wrong in [Value::Null, Value::from(7), Value::from("A b"), serde_json::json!({ "x": 1 })]
                {
                    let mut document = example.clone();
                    *document.pointer_mut(pointer).unwrap() = wrong;
                    assert_eq!(own.is_valid(&document), combined.is_valid(&document), "{document}");
                    assert!(!own.is_valid(&document), "{document}");
                }
            }
            for (field, wrong) in
                [("unknown", Value::from(1)), ("models", Value::from(1)), ("provider", Value::from(1))]
            {
                let mut document = example.clone();
                document["spec"][field] = wrong;
                assert!(!own.is_valid(&document) && !combined.is_valid(&document), "{document}");
            }
        }
    }
}
