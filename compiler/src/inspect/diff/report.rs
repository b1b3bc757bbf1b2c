//! What a comparison comes to: findings in sentences, each with a request that shows it, and the worst case per day.

use pai_bundle::origin::Origin;
use serde::Serialize;

use crate::inspect::question::Question;
use crate::inspect::replay;

/// Which way access goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// More is let through, or less is looked at.
    Widens,
    /// Less is let through.
    Narrows,
    /// What is let through stays.
    Neither,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether anything widens.
    pub widens: bool,
    /// In order of effect, then of names; none where the bundles mean the same.
    pub findings: Vec<Finding>,
    /// The most tokens per UTC day; only lines that changed.
    pub worst_case: Vec<WorstCase>,
    /// What could not be enumerated, so that the findings may not be all.
    pub not_enumerated: Vec<String>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Which way it goes.
    pub effect: Effect,
    /// What changed.
    pub sentence: String,
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Origin>,
    /// Where it is written now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Origin>,
    /// A request that is decided otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Replay>,
}

/// A request, and what becomes of it on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// For [`crate::inspect::World::ask`].
    #[serde(skip)]
    pub question: Question,
    /// What `pai explain` takes; `--in` is left to say which side.
    pub arguments: Vec<String>,
    /// What the old bundle says of the model that is asked for.
    pub before: Verdict,
    /// And the new one.
    pub after: Verdict,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether the model may be asked.
    pub allowed: bool,
    /// The policy that refuses first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The most tokens that somebody can use on one UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorstCase {
    /// Whose.
    pub of: String,
    /// Before; `None` without a bound.
    pub before: Option<u64>,
    /// After.
    pub after: Option<u64>,
}

impl Replay {
    pub(super) fn new(question: Question, before: Verdict, after: Verdict) -> Self {
        Self { arguments: replay::arguments(&question), question, before, after }
    }
}
