//! Decision records: one line of JSON per request in an append-only file. Who, what, which policy and manifest line,
//! tokens, balances, outcome; no prompt, no secret.

pub(crate) mod attempted;
pub mod writing;
pub mod reading;

use pai_bundle::limit::Scope;
use pai_ledger::usage::{Settlement, Usage};
use pai_policies::Cause;
use serde::{Serialize, Serializer};

use attempted::Class;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered to the end.
    Served,
    /// Refused here; nothing was sent.
    Refused,
    /// The provider refused, and its answer was passed on.
    UpstreamError,
    /// The provider did not answer.
    UpstreamFailed,
    /// A guard's finding kept the rest of the answer from the client, which had begun to read it.
    Withheld,
    /// The provider broke off in the middle of its answer, with an error event or without.
    Cut,
    /// The client left, or was disconnected at shutdown.
    ClientGone,
    /// The gateway made a mistake and broke off; its standard error says where.
    Panicked,
}

impl Outcome {
    /// Every one, in the order of their declaration.
    pub(crate) const ALL: [Self; 8] = [
        Self::Served,
        Self::Refused,
        Self::UpstreamError,
        Self::UpstreamFailed,
        Self::Withheld,
        Self::Cut,
        Self::ClientGone,
        Self::Panicked,
    ];

    /// Its place in [`Self::ALL`].
    pub(crate) fn place(self) -> usize {
        self as usize
    }

    /// As records have it, for metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Refused => "refused",
            Self::UpstreamError => "upstream_error",
            Self::UpstreamFailed => "upstream_failed",
            Self::Withheld => "withheld",
            Self::Cut => "cut",
            Self::ClientGone => "client_gone",
            Self::Panicked => "panicked",
        }
    }

    /// Of a request that is dropped in the middle: nobody drops one but a client that leaves, or a panic.
    pub(crate) fn of_drop() -> Self {
        if std::thread::panicking() { Self::Panicked } else { Self::ClientGone }
    }
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// When it came in, RFC 3339.
    pub time: String,
    /// The id that the response carries.
    pub id: String,
    /// Digest of the bundle that decided.
    pub bundle: String,
    /// `agent namespace/name` or `access key namespace/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Public id of the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Where it came from.
    pub address: String,
    /// Method and path.
    pub path: String,
    /// The model as asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<String>,
    /// The provider that answered or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that answered or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Status of the answer.
    pub status: u16,
    /// Machine-readable cause of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The policies that decided, with the manifest lines behind them.
    pub policies: Vec<Deciding>,
    /// What each guard said, never of which text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardVerdict>,
    /// Guards that audit, and would have refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audited: Vec<Deciding>,
    /// What guards should have read and cannot: pictures, files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<&'static str>,
    /// Every candidate that was tried or passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Tokens held.
    pub held: u64,
    /// What they may cost.
    pub held_usd: f64,
    /// Tokens settled, of all attempts together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// The UTC day whose accounts it counts in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Every account concerned, as it stood afterwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountAfter>,
    /// From the request's arrival to the answer's first byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// From the request's arrival to its end.
    pub latency_ms: f64,
}

/// What a guard said of one kind of text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardVerdict {
    /// `namespace/name` of its binding.
    pub binding: String,
    /// `prompts`, `system`, `toolResults/TOOL` or `responses`.
    pub target: String,
    /// What it found, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How sure it is, 0 to 1; of an answer that was judged in pieces, the worst.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Ids of the built-in rules that hit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Why it could not judge, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<&'static str>,
    /// How long judging took, all pieces together.
    pub latency_ms: f64,
    /// What that means where it is attached.
    pub action: GuardAction,
}

/// What a verdict means for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardAction {
    /// Nothing was found.
    Pass,
    /// It could not judge, and the request passes all the same.
    Allow,
    /// It found something, and the request passes.
    Audit,
    /// The request is refused.
    Deny,
}

impl GuardAction {
    /// Every one, in the order of their declaration.
    pub(crate) const ALL: [Self; 4] = [Self::Pass, Self::Allow, Self::Audit, Self::Deny];

    /// Its place in [`Self::ALL`].
    pub(crate) fn place(self) -> usize {
        self as usize
    }

    /// As records have it, for metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Allow => "allow",
            Self::Audit => "audit",
            Self::Deny => "deny",
        }
    }
}

/// A policy that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deciding {
    /// Its id.
    pub policy: String,
    /// `file:line:column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl From<Cause> for Deciding {
    fn from(cause: Cause) -> Self {
        Self { policy: cause.policy.to_string(), source: Some(cause.origin.to_string()) }
    }
}

/// A candidate that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// `namespace/provider/model`.
    pub candidate: String,
    /// What came of it.
    pub result: String,
    /// Whether it was charged although nothing of it reached the client.
    #[serde(skip_serializing_if = "is_not")]
    pub charged: bool,
    /// What it was charged in that case.
    #[serde(rename = "settled", skip_serializing_if = "Option::is_none", serialize_with = "as_settled")]
    pub charge: Option<Settlement>,
    /// The same as the result, as one of a few.
    #[serde(skip)]
    pub(crate) came: Class,
}

#[expect(clippy::ref_option, reason = "serde hands over a reference")]
fn as_settled<S: Serializer>(charge: &Option<Settlement>, to: S) -> Result<S::Ok, S::Error> {
    charge.map(Settled::from).serialize(to)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_not(flag: &bool) -> bool {
    !flag
}

/// What a request used.
#[derive(Debug, Clone, Serialize)]
pub struct Settled {
    /// By class.
    #[serde(flatten)]
    pub usage: Usage,
    /// The sum.
    pub total: u64,
    /// What they cost, by the price table.
    pub cost_usd: f64,
    /// Whether part of it is an upper estimate, since the answer was cut.
    pub estimated: bool,
}

impl From<Settlement> for Settled {
    fn from(settlement: Settlement) -> Self {
        Self {
            usage: settlement.usage,
            total: settlement.usage.total().0,
            cost_usd: settlement.cost.in_dollars(),
            estimated: settlement.estimated,
        }
    }
}

/// An account after a request.
#[derive(Debug, Clone, Serialize)]
pub struct AccountAfter {
    /// Whose tokens.
    pub scope: Scope,
    /// Which provider, agent or key.
    pub name: String,
    /// Tokens settled that day.
    pub settled: u64,
    /// Tokens held by requests under way.
    pub held: u64,
    /// The cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The same in money, where that is capped.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub money: Option<MoneyAfter>,
}

/// What an account has cost after a request. Dollars for people; the ledger counts in integers.
#[derive(Debug, Clone, Serialize)]
pub struct MoneyAfter {
    /// Spent that day.
    pub settled_usd: f64,
    /// Held by requests under way.
    pub held_usd: f64,
    /// The cap.
    pub limit_usd: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_actions_stand_at_their_places_and_metrics_say_them_as_records_do() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.place(), place);
            assert_eq!(serde_json::json!(outcome), outcome.word());
        }
        for (place, action) in GuardAction::ALL.into_iter().enumerate() {
            assert_eq!(action.place(), place);
            assert_eq!(serde_json::json!(action), action.word());
        }
    }
}
