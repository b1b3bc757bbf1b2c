//! What is said of one resource, for people and as JSON.

use serde::Serialize;
use serde_json::Value;

/// One resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) source: String,
    pub(super) age: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_used: Option<String>,
    pub(super) spec: Value,
    pub(super) secrets: Vec<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credentials: Option<Vec<Value>>,
    /// `None` where the ledger cannot be asked.
    pub(super) today: Option<Vec<Account>>,
    pub(super) referred_to_by: Vec<Reference>,
    pub(super) findings: Vec<Finding>,
}

/// A secret that it names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Secret {
    pub(super) name: String,
    /// The place that has it; `None` where none has.
    pub(super) found_in: Option<String>,
    pub(super) looked_in: String,
}

/// A budget of today.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    pub(super) what: &'static str,
    pub(super) used_tokens: u64,
    pub(super) held_tokens: u64,
    pub(super) limit_tokens: Option<u64>,
}

/// What names it.
#[derive(Debug, Serialize)]
pub(super) struct Reference {
    pub(super) from: String,
    pub(super) field: String,
    pub(super) place: String,
}

/// What the compiler says of it.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) severity: &'static str,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) place: String,
}

/// Columns before the values.
const LABELS: usize = 16;

impl Page {
    /// As people read it.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            labelled("Kind", self.kind),
            labelled("Name", &self.name),
            labelled("Namespace", &self.namespace),
            labelled("Source", &self.source),
            labelled("Age", &self.age),
        ];
        lines.extend(self.last_used.as_ref().map(|used| labelled("Last used", used)));
        lines.push("Spec:".to_owned());
        lines.extend(pai_compiler::edit::render(&self.spec).lines().map(|line| format!("  {line}")));
        for secret in &self.secrets {
            if let Some(place) = &secret.found_in {
                lines.push(labelled("Secret", &format!("{}, in {place}", secret.name)));
            } else {
                lines.push(labelled("Secret", &format!("{}, not there", secret.name)));
            }
            lines.push(labelled("", &format!("looked for in {}", secret.looked_in)));
        }
        if let Some(credentials) = &self.credentials {
            let all = credentials.iter().map(|one| {
                let id = one["id"].as_str().unwrap_or_default();
                match one["expires"].as_str() {
                    Some(end) => format!("{id}, until {end}"),
                    None => id.to_owned(),
                }
            });
            lines.extend(listed("Credentials", all.collect()));
        }
        match &self.today {
            None => lines.push(labelled("Today", "<unknown>: the ledger cannot be asked")),
            Some(accounts) if accounts.is_empty() => {}
            Some(accounts) => lines.extend(listed("Today", accounts.iter().map(Account::text).collect())),
        }
        let references = self.referred_to_by.iter();
        let references = references.map(|from| format!("{}, {} ({})", from.from, from.field, from.place));
        lines.extend(listed("Referred to by", references.collect()));
        let findings = self.findings.iter();
        let findings = findings.map(|f| format!("{}[{}] {}: {}", f.severity, f.code, f.place, f.message));
        lines.extend(listed("Findings", findings.collect()));
        lines.join("\n") + "\n"
    }
}

impl Account {
    fn text(&self) -> String {
        let held = if self.held_tokens > 0 { format!(", {} held", self.held_tokens) } else { String::new() };
        let limit = self.limit_tokens.map_or_else(
            || " tokens used, no limit of its own".to_owned(),
            |limit| {
                let left = limit.saturating_sub(self.used_tokens).saturating_sub(self.held_tokens);
                format!(" of {limit} tokens used, {left} left")
            },
        );
        format!("{}: {}{limit}{held}", self.what, self.used_tokens)
    }
}

fn labelled(label: &str, value: &str) -> String {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    format!("{label:LABELS$}{value}").trim_end().to_owned()
}

/// One on each line; a word where there is none.
fn listed(label: &str, values: Vec<String>) -> Vec<String> {
    if values.is_empty() {
        return vec![labelled(label, "none")];
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(values).map(|(label, value)| labelled(label, &value)).collect()
}
