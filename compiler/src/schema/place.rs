//! What a schema wants at a place of a document.

use serde_json::Value;

static ANYTHING: Value = Value::Bool(true);

/// The schema of the value at a JSON pointer; `None` where there is no such field.
pub(super) fn at<'s>(schema: &'s Value, pointer: &str) -> Option<&'s Value> {
    let mut found = resolved(schema, schema);
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let below = match (found.get("properties"), found.get("additionalProperties"), found.get("items")) {
            (None, None, None) => return Some(&ANYTHING),
            (Some(fields), _, _) if fields.get(&part).is_some() => fields.get(&part)?,
            (_, Some(Value::Bool(false)), _) => return None,
            (_, Some(others), _) => others,
            (_, _, Some(items)) => items,
            _ => return None,
        };
        found = resolved(schema, below);
    }
    Some(found)
}

fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
    reference.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// Whether a schema wants a value of this type, as in `"type": "integer"`.
pub(super) fn wants(schema: &Value, name: &str) -> bool {
    schema.get("type").is_some_and(|wanted| wanted == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{AccessKey, Agent, ModelProvider};
    use crate::schema::generate;

    #[test]
    fn places_are_found_through_references_lists_and_open_mappings() {
        let provider = generate::schema::<ModelProvider>();
        let kind = |schema: &Value, pointer: &str| at(schema, pointer).map(|found| found["type"].clone());
        assert_eq!(kind(&provider, "/spec/maxTokensPerDay"), Some("integer".into()));
        assert_eq!(kind(&provider, "/spec/externalAccess/maxTokensPerDay"), Some("integer".into()));
        assert_eq!(kind(&provider, "/spec/allowedModels/3"), Some("string".into()));
        assert_eq!(kind(&provider, "/metadata/labels/a~1b"), Some("string".into()));
        assert_eq!(kind(&provider, "/spec/maxTokenPerDay"), None);
        let key = generate::schema::<AccessKey>();
        assert_eq!(at(&key, "/spec/credentials/0/expires").unwrap()["format"], "moment");
        let agent = generate::schema::<Agent>();
        assert_eq!(kind(&agent, "/spec/rateLimits/maxCostPerDayUSD"), Some("number".into()));
        assert_eq!(at(&agent, "/spec/autoscaling/max/here"), Some(&ANYTHING));
        assert_eq!(at(&agent, "/spec/triggers/0/cron"), Some(&ANYTHING));
    }
}
