//! Conditions between fields in the second language that they are needed in: CEL, for Kubernetes, whose structural
//! schemas know no `if`. They stand beside the JSON Schema conditions that say the same; `tests/crds.rs` holds the two
//! together.

use schemars::Schema;
use serde_json::{Value, json};

/// The keyword of Kubernetes. JSON Schemas for editors and the validator go without.
pub(crate) const KEYWORD: &str = "x-kubernetes-validations";

/// Adds rules to a type, each with the message that the API server answers.
pub(super) fn rules(schema: &mut Schema, rules: &[(&str, &str)]) {
    let rules = rules.iter().map(|(rule, message)| json!({ "rule": rule, "message": message }));
    schema.insert(KEYWORD.to_owned(), Value::Array(rules.collect()));
}
