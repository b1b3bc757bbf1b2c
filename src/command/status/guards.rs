//! The guards of a gateway: what they said, and whether they can.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::report::{fact, more};

/// One binding.
#[derive(Debug, Deserialize)]
pub(super) struct Guard {
    binding: String,
    #[serde(rename = "type")]
    kind: String,
    breaker: Option<Breaker>,
    #[serde(default)]
    verdicts: Verdicts,
    /// How often it did not judge, by reason.
    #[serde(default)]
    unavailable: BTreeMap<String, u64>,
    secret: Option<Secret>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Breaker {
    state: String,
    failures: u64,
    probe_in_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Verdicts {
    pass: u64,
    allow: u64,
    audit: u64,
    deny: u64,
}

#[derive(Debug, Deserialize)]
struct Secret {
    secret: String,
    state: String,
}

impl Guard {
    /// Whether it judges what it is given. Unlike a provider it has nobody in its place: requests are refused, or pass
    /// unjudged.
    pub(super) fn is_well(&self) -> bool {
        self.trouble().is_empty()
    }

    /// What it said, and what is wrong with it.
    pub(super) fn told(&self) -> Vec<String> {
        let Self { binding, kind, verdicts, .. } = self;
        let said = [
            (verdicts.pass, "passed"),
            (verdicts.deny, "denied"),
            (verdicts.audit, "audited"),
            (verdicts.allow, "allowed unjudged"),
        ];
        let said = listed(said.into_iter(), "nothing judged yet");
        let mut lines = vec![fact("guard", &format!("{binding} ({kind}): {said}"))];
        if !self.unavailable.is_empty() {
            let reasons = self.unavailable.iter().map(|(reason, count)| (*count, reason.as_str()));
            lines.push(more(&format!("could not judge: {}", listed(reasons, "never"))));
        }
        lines.extend(self.trouble().iter().map(|trouble| fact("FAILING", trouble)));
        lines
    }

    fn trouble(&self) -> Vec<String> {
        let failing =
            self.breaker.as_ref().filter(|breaker| breaker.failures > 0 || breaker.state != "closed");
        let missing = self.secret.as_ref().filter(|secret| secret.state == "missing");
        let failing = failing.map(|Breaker { state, failures, probe_in_ms }| {
            let times = if *failures == 1 { "once" } else { &format!("{failures} times in a row") };
            let probe = probe_in_ms
                .map_or_else(String::new, |millis| format!(", probed in {} s", millis.div_ceil(1_000)));
            format!("{} failed {times}: {state}{probe}", self.binding)
        });
        let missing = missing.map(|Secret { secret, .. }| format!("{} has no secret {secret}", self.binding));
        failing.into_iter().chain(missing).collect()
    }
}

/// Those that there are any of.
fn listed<'a>(counts: impl Iterator<Item = (u64, &'a str)>, none: &str) -> String {
    let counts: Vec<_> =
        counts.filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if counts.is_empty() { none.to_owned() } else { counts.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(guard: Value) -> (bool, String) {
        let guard: Guard = serde_json::from_value(guard).expect("a guard");
        (guard.is_well(), guard.told().join("\n"))
    }

    #[test]
    fn a_guard_says_what_it_said_and_what_is_wrong_with_it() {
        let rules = json!({
            "binding": "default/house", "type": "rules", "breaker": null, "secret": null, "unavailable": {},
            "verdicts": { "pass": 120, "allow": 0, "audit": 1, "deny": 3 },
        });
        assert_eq!(
            told(rules),
            (true, "guard         default/house (rules): 120 passed, 3 denied, 1 audited".to_owned())
        );
        let open = json!({
            "binding": "default/g", "type": "custom", "secret": { "secret": "g/token", "state": "current" },
            "breaker": { "state": "open", "failures": 5, "probeInMs": 1_500 },
            "verdicts": { "pass": 0, "allow": 9, "audit": 0, "deny": 0 }, "unavailable": { "open": 4, "timeout": 5 },
        });
        let expected = "\
guard         default/g (custom): 9 allowed unjudged
              could not judge: 4 open, 5 timeout
FAILING       default/g failed 5 times in a row: open, probed in 2 s";
        assert_eq!(told(open), (false, expected.to_owned()));
        let older = json!({
            "binding": "default/g", "type": "custom", "secret": { "secret": "g/token", "state": "missing" },
            "breaker": { "state": "closed", "failures": 0, "probeInMs": null },
        });
        let expected = "\
guard         default/g (custom): nothing judged yet
FAILING       default/g has no secret g/token";
        assert_eq!(told(older), (false, expected.to_owned()));
    }
}
