//! One schema for every kind: what an editor is pointed at, because a file may have documents of several kinds and its
//! modeline names one schema.

use serde_json::{Map, Value, json};

use super::generate::{self, DIALECT};
use crate::manifest::{AccessKey, Agent, GuardBinding, ModelProvider, Spec};

/// The schema. It branches on `kind` by `if` and `then`: with `oneOf`, what is wrong in one kind would be reported as
/// wrong in all of them.
pub(super) fn schema() -> Value {
    let mut all = All::default();
    all.add::<ModelProvider>();
    all.add::<Agent>();
    all.add::<AccessKey>();
    all.add::<GuardBinding>();
    json!({
        "$schema": DIALECT,
        "title": "Manifest",
        "description": "A manifest of pai: a provider, an agent, an access key or a guard, by its `kind`.",
        "examples": all.examples,
        "type": "object",
        "properties": {
            "apiVersion": titled("apiVersion", &generate::api_version()),
            "kind": titled("kind", &json!({
                "description": "Which kind of manifest this is; it decides what `spec` may say.",
                "type": "string",
                "enum": all.kinds,
                "enumDescriptions": all.about,
                "examples": all.kinds,
            })),
            "metadata": all.metadata,
            "spec": titled("spec", &json!({
                "description": "What the manifest says. Its fields depend on `kind`.",
                "type": "object",
                "examples": [ModelProvider::example()],
            })),
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "allOf": all.branches,
        "$defs": all.definitions,
    })
}

#[derive(Default)]
struct All {
    kinds: Vec<&'static str>,
    about: Vec<&'static str>,
    examples: Vec<Value>,
    branches: Vec<Value>,
    metadata: Value,
    definitions: Map<String, Value>,
}

impl All {
    fn add<S: Spec>(&mut self) {
        let mut schema = generate::schema::<S>();
        self.kinds.push(S::NAME);
        self.about.push(S::ABOUT);
        self.examples.push(generate::example::<S>());
        let spec = schema.pointer_mut("/properties/spec").map(Value::take).unwrap_or_default();
        self.branches.push(json!({
            "if": { "properties": { "kind": { "const": S::NAME } }, "required": ["kind"] },
            "then": { "properties": { "spec": spec } },
        }));
        if self.metadata.is_null() {
            self.metadata = schema.pointer_mut("/properties/metadata").map(Value::take).unwrap_or_default();
        }
        // Types that several kinds use are the same in each.
        if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
            self.definitions.append(definitions);
        }
    }
}

fn titled(name: &str, schema: &Value) -> Value {
    let mut properties = json!({ "properties": { name: schema } });
    super::titles::add(&mut properties);
    properties.pointer_mut(&format!("/properties/{name}")).map(Value::take).unwrap_or_default()
}
