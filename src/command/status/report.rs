//! What a gateway says of itself, and how people are told.

use serde::Deserialize;

use super::guards::Guard;

/// As `/status` has it (docs/admin.md). Fields that a newer gateway adds are not told.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    version: String,
    draining: bool,
    bundle: Bundle,
    ledger: Ledger,
    breakers: Vec<Breaker>,
    /// A gateway of before there were guards says nothing of them.
    #[serde(default)]
    guards: Vec<Guard>,
    clock: Clock,
    tls: Option<Tls>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    digest: String,
    serial: Option<u64>,
    signed_by: Option<String>,
    loaded_at: String,
    origin: String,
    source: Option<String>,
    up_to_date: bool,
    last_refusal: Option<Refusal>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    at: String,
    reason: String,
    #[serde(default)]
    findings: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ledger {
    failure: Option<String>,
    open_holds: u64,
    bound_breaches: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Breaker {
    provider: String,
    state: String,
    failures: u64,
    probe_in_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Clock {
    ahead_seconds: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tls {
    certificate: String,
    loaded_at: String,
    refused: Option<String>,
}

impl Status {
    /// Whether nobody has to do anything. Providers that fail are the providers' affair.
    pub(super) fn is_well(&self) -> bool {
        self.bundle.up_to_date
            && self.ledger.failure.is_none()
            && self.clock.ahead_seconds.is_none()
            && self.tls.as_ref().is_none_or(|tls| tls.refused.is_none())
            && self.guards.iter().all(Guard::is_well)
    }

    /// For people: one fact a line, what is wrong in words.
    pub(super) fn told(&self, url: &str) -> String {
        let mut lines = vec![self.gateway(url)];
        lines.extend(self.bundle.told());
        lines.push(fact("ledger", &self.ledger.told()));
        lines.extend(self.breakers.iter().map(Breaker::told));
        if self.breakers.is_empty() {
            lines.push(fact("providers", "none is failing"));
        }
        lines.extend(self.guards.iter().flat_map(Guard::told));
        lines.push(fact("clock", &self.clock.told()));
        lines.extend(self.tls.iter().flat_map(Tls::told));
        lines.join("\n")
    }

    fn gateway(&self, url: &str) -> String {
        let draining = if self.draining { ", stopping" } else { "" };
        fact("gateway", &format!("{url}, pai {}{draining}", self.version))
    }
}

impl Bundle {
    fn told(&self) -> Vec<String> {
        let from = match (self.origin.as_str(), &self.source) {
            ("none", _) => {
                "there is none yet; `pai push` sends one, and until then nobody is let in".to_owned()
            }
            ("last-good", _) => "the last good one, from the state folder".to_owned(),
            (_, Some(source)) => format!("from {source}"),
            (_, None) => "from memory".to_owned(),
        };
        let mut lines = vec![fact("bundle", &self.digest)];
        lines.push(more(&format!("in force since {}, {from}", self.loaded_at)));
        if let (Some(serial), Some(key)) = (self.serial, &self.signed_by) {
            lines.push(more(&format!("serial number {serial}, signed by {key}")));
        }
        if let Some(refusal) = &self.last_refusal {
            let what = if self.up_to_date { "last refused" } else { "REFUSED" };
            lines.push(fact(what, &format!("{}: {}", refusal.at, refusal.reason)));
            lines.extend(refusal.findings.iter().map(|finding| more(finding)));
            if !self.up_to_date {
                lines.push(more("the bundle above stays in force until this is mended"));
            }
        }
        lines
    }
}

impl Ledger {
    fn told(&self) -> String {
        let state = match &self.failure {
            None => "ok".to_owned(),
            Some(failure) => format!("FAILED, nothing is granted: {failure}"),
        };
        let plural = |count: u64, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {many}"),
        };
        let under_way = plural(self.open_holds, "request under way", "requests under way");
        let breaches = match self.bound_breaches {
            0 => String::new(),
            count => format!(", {}", plural(count, "answer above its hold", "answers above their holds")),
        };
        format!("{state}, {under_way}{breaches}")
    }
}

impl Breaker {
    fn told(&self) -> String {
        let probe = match self.probe_in_ms {
            Some(millis) => format!(", probed in {} s", millis.div_ceil(1_000)),
            None => String::new(),
        };
        fact(
            "provider",
            &format!("{} failed {} times in a row: {}{probe}", self.provider, self.failures, self.state),
        )
    }
}

impl Clock {
    fn told(&self) -> String {
        match self.ahead_seconds {
            None => "ok".to_owned(),
            Some(seconds) => format!("has jumped {seconds} seconds ahead, which is not believed yet"),
        }
    }
}

impl Tls {
    fn told(&self) -> Vec<String> {
        let mut lines = vec![fact("tls", &format!("{}, read {}", self.certificate, self.loaded_at))];
        if let Some(refused) = &self.refused {
            lines.push(fact("REFUSED", refused));
            lines.push(more("the certificate that was read before stays in use"));
        }
        lines
    }
}

pub(super) fn fact(name: &str, text: &str) -> String {
    format!("{name:<13} {text}")
}

pub(super) fn more(text: &str) -> String {
    fact("", text)
}
