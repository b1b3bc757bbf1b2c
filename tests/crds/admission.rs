//! What an API server says of a resource: values against the schema, fields that no schema knows, rules in CEL.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program, Value as CelValue};
use jsonschema::Validator;
use serde_json::Value;

/// Functions and operators of CEL; slow to build.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A schema, made ready to judge.
pub(super) struct Admission<'a> {
    schema: &'a Value,
    validator: Validator,
    /// Rules by their text.
    rules: BTreeMap<String, Result<Program, String>>,
}

impl<'a> Admission<'a> {
    /// Fails where the schema itself cannot be used.
    pub(super) fn of(schema: &'a Value) -> Result<Self, String> {
        // OpenAPI's dialect in definitions is draft 4: `exclusiveMinimum` is a switch beside `minimum`.
        let validator = jsonschema::draft4::new(schema).map_err(|error| error.to_string())?;
        let mut texts = Vec::new();
        rules(schema, &mut texts);
        let rules = texts.into_iter().map(|text| (text.clone(), parse(&text))).collect();
        Ok(Self { schema, validator, rules })
    }

    /// Every reason to refuse a value; none where it would be stored as it is.
    pub(super) fn refusals(&self, value: &Value) -> Vec<String> {
        let errors = self.validator.iter_errors(value);
        let mut found: Vec<String> =
            errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
        self.descend(self.schema, value, "", &mut found);
        found
    }

    /// Rules that cannot be read.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = String> {
        self.rules.iter().filter_map(|(text, rule)| {
            let error = rule.as_ref().err()?;
            Some(format!("the rule `{text}` does not parse: {error}"))
        })
    }

    fn descend(&self, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let text = rule["rule"].as_str().unwrap_or_default();
            match self.holds(text, value) {
                Ok(true) => {}
                Ok(false) => found.push(format!("{path}: {}", rule["message"])),
                Err(error) => found.push(format!("{path}: `{text}` fails: {error}")),
            }
        }
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    let path = format!("{path}/{name}");
                    let known = [&schema["properties"][name.as_str()], &schema["additionalProperties"]];
                    match known.into_iter().find(|schema| schema.is_object()) {
                        // The server knows metadata by itself.
                        Some(_) if path == "/metadata" => {}
                        Some(schema) => self.descend(schema, inner, &path, found),
                        None if schema["x-kubernetes-preserve-unknown-fields"] == true => {}
                        None => found.push(format!("{path}: unknown field")),
                    }
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.descend(&schema["items"], item, &format!("{path}/{at}"), found);
                }
            }
            _ => {}
        }
    }

    fn holds(&self, rule: &str, value: &Value) -> Result<bool, String> {
        let program = self.rules.get(rule).ok_or("no such rule")?.as_ref().map_err(Clone::clone)?;
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable("self", value).map_err(|error| error.to_string())?;
        match program.execute(&context) {
            Ok(CelValue::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("{other:?} is no truth value")),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn parse(rule: &str) -> Result<Program, String> {
    ENVIRONMENT.compile(rule).map_err(|error| error.to_string())
}

/// The texts of all rules in a schema.
fn rules(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| rules(item, found)),
        Value::Object(fields) => {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                found.extend(rule["rule"].as_str().map(ToOwned::to_owned));
            }
            fields.values().for_each(|value| rules(value, found));
        }
        _ => {}
    }
}
