//! A guard binding as its manifest has it: what listings show, and what is written again of a bundle.

use serde_json::{Map, Value, json};

use crate::guard::{
    Classifier, DEFAULT_MAX_CONCURRENCY, DEFAULT_THRESHOLD, DEFAULT_TIMEOUT_MS, GuardBinding, OnError,
    PerMille,
};

/// The `spec`, without what stands for itself: usual thresholds, times and numbers.
#[must_use]
pub fn of(binding: &GuardBinding) -> Value {
    let mut spec = Map::new();
    spec.insert("classifier".to_owned(), classifier(&binding.classifier));
    let is_usual = |label: &str, threshold: PerMille| {
        ["injection", "jailbreak"].contains(&label) && threshold == DEFAULT_THRESHOLD
    };
    let thresholds: Map<String, Value> = binding
        .thresholds
        .iter()
        .filter(|(label, threshold)| !is_usual(label, **threshold))
        .map(|(label, threshold)| (label.clone(), fraction(*threshold)))
        .collect();
    if !thresholds.is_empty() {
        spec.insert("thresholds".to_owned(), Value::Object(thresholds));
    }
    let on_error = binding.on_error.map(|on_error| match on_error {
        OnError::Allow => "allow",
        OnError::Deny => "deny",
    });
    spec.extend(on_error.map(|word| ("onError".to_owned(), Value::from(word))));
    Value::Object(spec)
}

fn classifier(from: &Classifier) -> Value {
    let mut fields = Map::new();
    fields.insert("type".to_owned(), Value::from(from.type_name()));
    if let Classifier::Rules { rules: Some(own) } = from {
        match serde_json::from_str(own) {
            Ok(Value::Object(own)) => fields.extend(own),
            _ => fields.extend([("rules".to_owned(), Value::from(own.as_str()))]),
        }
    }
    let Some(remote) = from.remote() else { return Value::Object(fields) };
    let mut put = |field: &str, value: Value| fields.insert(field.to_owned(), value);
    put("endpoint", Value::from(remote.endpoint.as_str()));
    if let Some(model) = &remote.model {
        put("model", Value::from(model.as_str()));
    }
    if let Some(secret) = &remote.auth {
        put("auth", json!({ "secretRef": secret }));
    }
    if remote.timeout_ms != DEFAULT_TIMEOUT_MS {
        put("timeoutMs", Value::from(remote.timeout_ms));
    }
    if remote.max_concurrency != DEFAULT_MAX_CONCURRENCY {
        put("maxConcurrency", Value::from(remote.max_concurrency));
    }
    if !remote.endpoint_networks.is_empty() {
        put("endpointNetworks", json!(remote.endpoint_networks));
    }
    Value::Object(fields)
}

/// Thousandths as manifests write them. Three digits are exact enough to be read back as the same.
fn fraction(threshold: PerMille) -> Value {
    json!(f64::from(threshold.0) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_read_back_as_it_was() {
        for thousandths in 0..=1000 {
            let written = fraction(PerMille(thousandths)).as_f64().expect("a number");
            assert_eq!(PerMille::of_fraction(written), Some(PerMille(thousandths)));
        }
    }

    #[test]
    fn only_what_is_not_usual_is_written() {
        let text = r#"{"name":"default/g","classifier":{"type":"custom","endpoint":"http://g","timeoutMs":2000,
            "maxConcurrency":8},"thresholds":{"injection":900,"jailbreak":850,"toxic":900},"onError":"deny",
            "places":{"file":"a.yaml","document":[1,1],"fields":{}}}"#;
        let binding: GuardBinding = serde_json::from_str(text).expect("a binding");
        let expected = json!({
            "classifier": { "type": "custom", "endpoint": "http://g", "maxConcurrency": 8 },
            "thresholds": { "jailbreak": 0.85, "toxic": 0.9 },
            "onError": "deny",
        });
        assert_eq!(of(&binding), expected);
    }
}
