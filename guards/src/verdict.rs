//! What a scan says: a label, a score and the ids of the rules that hit, never the text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a text stood in a request. Some rules only mean something in one place: an order to "write a poem" is
/// what users are for, and out of place in a tool's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// What a person wrote.
    User,
    /// What a tool gave back, or a document that was looked up.
    Tool,
}

/// What kind of attack a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// Text that wants to replace, read or get around the instructions the model was given.
    Injection,
    /// Text that wants the model to drop its own restraint: personas without rules, no refusals.
    Jailbreak,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Label::Injection => "injection",
            Label::Jailbreak => "jailbreak",
        })
    }
}

/// A score in thousandths, 0 to 1000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerMille(u16);

impl PerMille {
    /// Nothing found.
    pub const ZERO: PerMille = PerMille(0);

    /// `None` above 1000.
    pub fn new(thousandths: u16) -> Option<PerMille> {
        (thousandths <= 1000).then_some(PerMille(thousandths))
    }

    /// In thousandths, 0 to 1000.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PerMille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// The weights of independent findings as one score: 1 minus the product of what each leaves open ("noisy or").
///
/// In integers of a millionth and rounded up at each step, so that more findings never give less and nothing
/// short of a weight of 1000 gives 1000.
pub(crate) fn combine(weights: impl IntoIterator<Item = PerMille>) -> PerMille {
    let open = weights
        .into_iter()
        .fold(1_000_000_u64, |open, weight| (open * u64::from(1000 - weight.0)).div_ceil(1000));
    let closed = (1_000_000 - open) / 1000;
    PerMille(u16::try_from(closed).unwrap_or(1000))
}

/// What the rules say about a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The label whose own rules weigh most; `None` where no rule hit.
    pub label: Option<Label>,
    /// All that was found, combined. A threshold is compared with this.
    pub score: PerMille,
    /// The score by rules of `injection` alone.
    pub injection: PerMille,
    /// The score by rules of `jailbreak` alone.
    pub jailbreak: PerMille,
    /// Ids of the rules that hit, in the order in which they are defined.
    pub hits: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn combined(weights: &[u16]) -> u16 {
        combine(weights.iter().map(|weight| PerMille(*weight))).get()
    }

    #[test]
    fn a_score_is_what_its_findings_leave_open() {
        for (weights, score) in [
            (&[][..], 0),
            (&[900], 900),
            (&[700, 700], 910),
            (&[500, 500, 500], 875),
            (&[1000, 10], 1000),
            (&[999, 999, 999], 999),
        ] {
            assert_eq!(combined(weights), score, "{weights:?}");
        }
    }

    #[test]
    fn one_more_finding_never_lowers_a_score() {
        for first in (0..=1000).step_by(37) {
            for second in (0..=1000).step_by(41) {
                assert!(combined(&[first, second]) >= combined(&[first]));
            }
        }
    }
}
