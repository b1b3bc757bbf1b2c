//! What the gateway would do, candidate by candidate.

use pai_policies::candidate::Candidate;
use pai_policies::{Cause, Denial};

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What comes of it.
    pub outcome: Outcome,
    /// Every candidate in the order in which it would be asked, those too that the outcome leaves unasked.
    pub candidates: Vec<Considered>,
    /// Candidates that would be asked in addition if those before failed: fallbacks of their providers.
    pub fallbacks: Vec<Considered>,
}

/// What comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The candidate at this place is asked.
    Allowed(usize),
    /// The refusal of the candidate at this place is the answer.
    Refused(usize),
    /// The bundle has no such principal, so no credential can be its.
    UnknownPrincipal,
    /// No provider of the principal's can be meant by the model; these are the models that its manifests name.
    NoProvider(Vec<Candidate>),
}

/// One candidate and what the policies say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// Which.
    pub candidate: Candidate,
    /// Why not, if not.
    pub denial: Option<Box<Denial>>,
}

impl Answer {
    /// Whether a provider is asked.
    pub fn is_allowed(&self) -> bool {
        matches!(self.outcome, Outcome::Allowed(_))
    }

    /// The candidate that would serve it.
    pub fn served_by(&self) -> Option<&Candidate> {
        match self.outcome {
            Outcome::Allowed(place) => self.candidates.get(place).map(|considered| &considered.candidate),
            _ => None,
        }
    }

    /// The refusal, where policies refuse.
    pub fn denial(&self) -> Option<&Denial> {
        match self.outcome {
            Outcome::Refused(place) => self.candidates.get(place)?.denial.as_deref(),
            _ => None,
        }
    }

    /// Every cause of the refusal, the most telling first.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        self.denial().into_iter().flat_map(Denial::causes)
    }
}
