//! What decision records add up to, by provider: told from the file alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

fn text(record: &Value, field: &str) -> String {
    record[field].as_str().unwrap_or_default().to_owned()
}

/// `namespace/name` of a candidate.
fn provider_of(attempt: &Value) -> String {
    let candidate = text(attempt, "candidate");
    candidate.split('/').take(2).collect::<Vec<_>>().join("/")
}

/// What records add up to, by provider.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) requests: BTreeMap<(String, String), f64>,
    pub(super) refusals: BTreeMap<(String, String), f64>,
    pub(super) attempts: BTreeMap<String, f64>,
    pub(super) tokens: BTreeMap<(String, String), f64>,
    pub(super) estimated: BTreeMap<String, f64>,
    pub(super) cost: BTreeMap<String, f64>,
    pub(super) seconds: BTreeMap<String, f64>,
    pub(super) first_bytes: BTreeMap<String, f64>,
}

impl Sums {
    pub(super) fn of(records: &[Value]) -> Self {
        let mut sums = Self::default();
        for record in records {
            let provider = text(record, "provider");
            *sums.requests.entry((provider.clone(), text(record, "outcome"))).or_default() += 1.0;
            if record["code"].is_string() {
                *sums.refusals.entry((provider.clone(), text(record, "code"))).or_default() += 1.0;
            }
            *sums.seconds.entry(provider.clone()).or_default() +=
                record["latency_ms"].as_f64().expect("ms") / 1e3;
            if let Some(millis) = record["first_byte_ms"].as_f64() {
                *sums.first_bytes.entry(provider.clone()).or_default() += millis / 1e3;
            }
            let attempts = record["attempts"].as_array().cloned().unwrap_or_default();
            let mut rest = record["settled"].clone();
            for attempt in &attempts {
                *sums.attempts.entry(provider_of(attempt)).or_default() += 1.0;
                assert_eq!(attempt["charged"] == true, attempt["settled"].is_object(), "{record}");
                if attempt["settled"].is_object() {
                    sums.charge(&provider_of(attempt), &attempt["settled"]);
                    for field in
                        ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output", "total"]
                    {
                        let left = rest[field].as_u64().expect("all")
                            - attempt["settled"][field].as_u64().expect("part");
                        rest[field] = json!(left);
                    }
                    let left = rest["cost_usd"].as_f64().expect("all")
                        - attempt["settled"]["cost_usd"].as_f64().expect("part");
                    rest["cost_usd"] = json!(left);
                    // In this test only those that came to nothing are estimated, where there are several.
                    rest["estimated"] = json!(false);
                }
            }
            if rest.is_object() {
                sums.charge(&provider, &rest);
            }
        }
        sums
    }

    fn charge(&mut self, provider: &str, settled: &Value) {
        for class in ["input", "cache_write_5m", "cache_write_1h", "cache_read", "output"] {
            let tokens = settled[class].as_f64().expect("tokens");
            if tokens > 0.0 {
                *self.tokens.entry((provider.to_owned(), class.to_owned())).or_default() += tokens;
            }
        }
        *self.cost.entry(provider.to_owned()).or_default() += settled["cost_usd"].as_f64().expect("dollars");
        if settled["estimated"] == true {
            *self.estimated.entry(provider.to_owned()).or_default() +=
                settled["total"].as_f64().expect("tokens");
        }
    }
}
