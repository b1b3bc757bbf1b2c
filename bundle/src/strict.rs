//! A bundle with something in every place, for tests: what a reader does not know it must refuse, in all of them.

use serde_json::{Value, json};

use crate::contents::Bundle;
use crate::{codec, listing};

/// Every field that contents have, each set.
fn everything() -> Value {
    let places = json!({ "file": "a.yaml", "document": [1, 1], "fields": { "/spec": [5, 3] } });
    let origin = json!({ "file": "a.yaml", "line": 7, "column": 3, "field": "/spec/models" });
    let policy = |id: &str| json!({ "id": id, "origin": origin, "text": format!("@id(\"{id}\")\nforbid (principal, action, resource);") });
    let credential = json!({ "id": "abcd", "digest": "hmac-sha256:p:00", "expires": 1 });
    let rates = json!({ "maxRequestsPerMinute": 1, "maxConcurrentRequests": 2, "maxCostPerDayMicroUsd": 3 });
    let guard = json!({ "binding": "g", "enforcement": "audit",
        "scan": { "prompts": true, "responses": true, "system": true, "toolResults": ["*"] } });
    let remote = json!({ "type": "custom", "endpoint": "http://g", "model": "m", "auth": { "name": "k", "key": "token" },
        "timeoutMs": 1, "maxConcurrency": 2, "endpointNetworks": ["10.0.0.0/8"] });
    let model = json!("a/m");
    let price = json!({ "input": 1, "cacheWrite5m": 2, "cacheWrite1h": 3, "cacheRead": 4, "output": 5 });
    json!({
        "providers": [{
            "name": "default/a", "kind": "vllm", "endpoint": "http://a", "apiVersion": "1",
            "apiKey": { "name": "k", "key": "api-key" }, "allowedModels": ["m*"], "deniedModels": ["x*"],
            "models": ["m"], "maxTokensPerDay": 1, "maxTokensPerRequest": 2,
            "externalAccess": { "enabled": true, "maxTokensPerDay": 3 },
            "retry": { "maxAttempts": 1, "initialBackoffMs": 2, "maxBackoffMs": 3 },
            "fallbacks": [model], "guards": [guard], "places": places,
            "unboundedRequests": "allow", "responses": "native", "endpointNetworks": ["10.0.0.0/8"], "modelInfo": [{ "model": "m*", "contextTokens": 1, "maxOutputTokens": 2, "price": price }]
        }],
        "agents": [{
            "name": "default/b", "credentials": [credential], "models": [model], "maxTokensPerDay": 1,
            "maxTokensPerRequest": 2, "rateLimits": rates, "guards": [guard], "places": places
        }],
        "accessKeys": [{
            "name": "default/c", "credentials": [credential], "providers": ["a"], "allowedModels": ["m"],
            "allowedCidrs": ["10.0.0.0/8"], "expires": 1, "maxTokensPerDay": 1, "rateLimits": rates,
            "places": places
        }],
        "guards": [{ "name": "default/g", "classifier": remote, "thresholds": { "injection": 900, "jailbreak": 900, "other": 1 },
            "onError": "deny", "places": places }, { "name": "default/h", "classifier": { "type": "rules", "rules": "{\"rules\":[]}" },
            "thresholds": {}, "places": places }],
        "limits": [{ "scope": "agent", "name": "default/b", "tokensPerDay": 1, "policy": "base/p", "origin": origin }],
        "costLimits": [{ "scope": "agent", "name": "default/b", "nanoUsdPerDay": 1, "policy": "base/p", "origin": origin }],
        "cedarSchema": "entity A;",
        "basePolicies": [policy("base/p")],
        "slices": [{ "provider": "default/a", "policies": [policy("a/q")] }],
        "authoredPolicies": [policy("house/r")],
        "audits": [policy("a/s")]
    })
}

/// The pointer of every object within, except where keys are labels or pointers.
fn objects(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !pointer.ends_with("/thresholds") && !pointer.ends_with("/fields") => {
            found.push(pointer.to_owned());
            for (name, inner) in fields {
                objects(inner, &format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (number, inner) in items.iter().enumerate() {
                objects(inner, &format!("{pointer}/{number}"), found);
            }
        }
        _ => {}
    }
}

/// The file of contents that nothing has checked.
fn file(contents: &Value) -> Vec<u8> {
    let mut body = serde_json::to_vec_pretty(contents).expect("text");
    body.push(b'\n');
    let digest = crate::digest::Digest::of(&body);
    let header = format!(
        "{{\"paiBundle\":{},\"needsPai\":\"{}\",\"digest\":\"{digest}\",\"bytes\":{}}}\n",
        codec::FORMAT,
        codec::NEEDS_PAI,
        body.len()
    );
    [header.into_bytes(), body].concat()
}

#[test]
fn a_field_that_this_version_does_not_know_is_refused_wherever_it_is() {
    let contents = everything();
    let (_, digest) = codec::decode(&file(&contents)).expect("a bundle without it");
    assert!(digest.as_str().starts_with("sha256:"));
    let mut pointers = Vec::new();
    objects(&contents, "", &mut pointers);
    assert!(pointers.len() > 25, "{pointers:?}");
    for pointer in pointers {
        let mut altered = contents.clone();
        let object = altered.pointer_mut(&pointer).and_then(Value::as_object_mut).expect("an object");
        object.insert("unheardOf".to_owned(), json!(1));
        let error = codec::decode(&file(&altered)).expect_err(&pointer).to_string();
        assert!(error.contains("unheardOf"), "{pointer}: {error}");
    }
}

/// The names of an object's fields, and of those within it.
fn names(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let pointer = if pointer.is_empty() { name.clone() } else { format!("{pointer}.{name}") };
                names(inner, &pointer, found);
            }
        }
        Value::Array(items) => {
            for inner in items {
                names(inner, &format!("{pointer}[]"), found);
            }
        }
        _ => found.push(pointer.to_owned()),
    }
}

/// A script that reads this form today must be able to read it tomorrow: names may be added below and none taken away.
#[test]
fn the_listing_keeps_the_names_of_its_fields() {
    const NAMES: &str = "\
        format needsPai digest bytes signature.serial signature.key signature.status \
        counts.providers counts.agents counts.accessKeys counts.guards counts.limits counts.policies counts.audits \
        providers[].name providers[].kind providers[].endpoint providers[].apiKey.name providers[].apiKey.key \
        providers[].allowedModels[] providers[].deniedModels[] providers[].maxTokensPerDay \
        providers[].maxTokensPerRequest providers[].externalAccess.enabled \
        providers[].externalAccess.maxTokensPerDay providers[].retry.maxAttempts \
        providers[].retry.initialBackoffMs providers[].retry.maxBackoffMs providers[].fallbacks[] \
        providers[].guards[].binding providers[].guards[].scan[] providers[].guards[].enforcement providers[].unboundedRequests providers[].responses \
        providers[].endpointNetworks[] \
        providers[].modelInfo[].model providers[].modelInfo[].contextTokens \
        providers[].modelInfo[].maxOutputTokens providers[].modelInfo[].price.input \
        providers[].modelInfo[].price.cacheWrite5m providers[].modelInfo[].price.cacheWrite1h \
        providers[].modelInfo[].price.cacheRead providers[].modelInfo[].price.output \
        providers[].origin.file providers[].origin.line providers[].origin.column \
        agents[].name agents[].models[] agents[].maxTokensPerDay agents[].maxTokensPerRequest \
        agents[].rateLimits.maxRequestsPerMinute agents[].rateLimits.maxConcurrentRequests \
        agents[].rateLimits.maxCostPerDayMicroUsd agents[].guards[].binding agents[].guards[].scan[] agents[].guards[].enforcement \
        agents[].credentials[].id agents[].credentials[].expires \
        agents[].origin.file agents[].origin.line agents[].origin.column \
        accessKeys[].name accessKeys[].providers[] accessKeys[].allowedModels[] accessKeys[].allowedCidrs[] \
        accessKeys[].expires accessKeys[].maxTokensPerDay accessKeys[].rateLimits.maxRequestsPerMinute \
        accessKeys[].rateLimits.maxConcurrentRequests accessKeys[].rateLimits.maxCostPerDayMicroUsd \
        accessKeys[].credentials[].id accessKeys[].credentials[].expires \
        accessKeys[].origin.file accessKeys[].origin.line accessKeys[].origin.column \
        guards[].name guards[].spec.classifier.type guards[].spec.classifier.endpoint \
        guards[].spec.classifier.model guards[].spec.classifier.auth.secretRef.name \
        guards[].spec.classifier.auth.secretRef.key guards[].spec.classifier.timeoutMs \
        guards[].spec.classifier.maxConcurrency guards[].spec.classifier.endpointNetworks[] guards[].spec.thresholds.other guards[].spec.onError \
        guards[].origin.file guards[].origin.line guards[].origin.column \
        limits[].scope limits[].name limits[].tokensPerDay limits[].policy \
        limits[].origin.file limits[].origin.line limits[].origin.column limits[].origin.field \
        costLimits[].scope costLimits[].name costLimits[].nanoUsdPerDay costLimits[].policy \
        costLimits[].origin.file costLimits[].origin.line costLimits[].origin.column costLimits[].origin.field \
        policies[].id policies[].layer policies[].provider \
        policies[].origin.file policies[].origin.line policies[].origin.column policies[].origin.field \
        audits[].id audits[].origin.file audits[].origin.line audits[].origin.column audits[].origin.field";
    let bundle: Bundle = serde_json::from_value(everything()).expect("a bundle");
    let (bytes, _) = codec::encode(&bundle).expect("bytes");
    let key = crate::key::SigningKey::generate().expect("a key");
    let bytes = crate::signature::sign(&bytes, &key, crate::signature::Serial(3)).expect("signed");
    let opened = codec::open(&bytes).expect("a bundle");
    let listing = serde_json::to_value(listing::of(&opened, &bundle, &[key.public()])).expect("json");
    assert_eq!(listing["signature"]["status"], "verified");
    let mut found = Vec::new();
    names(&listing, "", &mut found);
    found.sort();
    found.dedup();
    let mut wanted: Vec<_> = NAMES.split_whitespace().collect();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[test]
fn every_policy_stands_below_its_place() {
    let bundle: Bundle = serde_json::from_value(everything()).expect("a bundle");
    let text = listing::cedar(&bundle);
    assert!(text.starts_with("// a.yaml:7:3 /spec/models\n@id(\"base/p\")\nforbid "), "{text}");
    assert_eq!(text.matches("// a.yaml:7:3 /spec/models\n").count(), 3);
}
