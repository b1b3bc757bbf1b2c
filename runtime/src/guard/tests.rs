//! Classifiers over real sockets, and what happens when they fail: each fault has its word, within its time.

mod conversations;
mod faults;
mod rules;
mod upkeep;

use std::path::Path;
use std::time::Duration;

use pai_bundle::guard::GuardBinding;
use pai_simulator::classifier::{Classifier as Fake, Fault, Scenario};
use serde_json::{Value, json};

use super::{Classifier, Place};
use crate::secret::Secrets;

/// More than any fault takes on a busy machine, and less than a request would wait for ever.
const PATIENCE: Duration = Duration::from_secs(20);

fn binding(classifier: &Value) -> GuardBinding {
    serde_json::from_value(json!({
        "name": "default/g", "classifier": classifier, "thresholds": { "injection": 900, "jailbreak": 900 },
        "places": { "file": "g.yaml", "document": [1, 1], "fields": {} },
    }))
    .expect("a binding")
}

/// A binding of this type to that endpoint.
fn remote(kind: &str, endpoint: &str, timeout_ms: u64, max_concurrency: u32) -> GuardBinding {
    binding(&json!({
        "type": kind, "endpoint": endpoint, "timeoutMs": timeout_ms, "maxConcurrency": max_concurrency,
    }))
}

fn no_secrets() -> Secrets {
    Secrets::new(None, Path::new("/nonexistent"))
}

fn single(binding: &GuardBinding) -> Classifier {
    Classifier::single(binding, &no_secrets()).expect("a classifier")
}

async fn fake(scenario: Scenario) -> Fake {
    let fake = Fake::start().await.expect("a classifier");
    fake.scenario(scenario);
    fake
}

/// One word, for tables: what was found, `-` for nothing, or why it was not judged.
async fn judged(classifier: &Classifier, texts: &[&str]) -> String {
    let judging = classifier.judge(Place::User, texts);
    match tokio::time::timeout(PATIENCE, judging).await.expect("no request waits for ever") {
        Ok(judgement) if judgement.hit => format!("hit {}", judgement.label.unwrap_or_default()),
        Ok(judgement) => judgement.label.unwrap_or_else(|| "-".to_owned()),
        Err(unavailable) => unavailable.reason().to_owned(),
    }
}
