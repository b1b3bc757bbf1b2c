//! A case held against what the gateway would do.

use pai_policies::Cause;

use super::cases::{Case, Expect};
use crate::inspect::answer::{Answer, Outcome};
use crate::inspect::world::World;

/// The code with which gateways answer where no provider is meant.
const UNKNOWN_MODEL: &str = "unknown_model";

/// What came of a case.
#[derive(Debug)]
pub struct Trial<'a> {
    /// The case.
    pub case: &'a Case,
    /// The gateway's answer.
    pub answer: Answer,
    /// What is not as expected: pairs of expected and found, none where all is.
    pub differences: Vec<Difference>,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What is compared.
    pub what: &'static str,
    /// What the case says.
    pub expected: String,
    /// What is so.
    pub found: String,
}

impl Trial<'_> {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Asks every case.
pub fn run<'a>(world: &World, cases: &'a [Case]) -> Vec<Trial<'a>> {
    cases.iter().map(|case| try_one(world, case)).collect()
}

/// Asks one case.
pub fn try_one<'a>(world: &World, case: &'a Case) -> Trial<'a> {
    let answer = world.ask(&case.question);
    let mut differences = Vec::new();
    let expected = match case.expect {
        Expect::Allowed => "allowed",
        Expect::Refused => "refused",
    };
    let found = if answer.is_allowed() { "allowed" } else { "refused" };
    if expected != found {
        let found = match answer.denial() {
            Some(denial) => {
                format!("refused: {} ({}, {})", denial.first.reason, denial.first.policy, denial.first.origin)
            }
            None => match answer.served_by() {
                Some(served) => format!("allowed, by {}/{}", served.provider.name, served.model),
                None => format!("refused: {UNKNOWN_MODEL}: no provider of theirs is meant by that model"),
            },
        };
        differences.push(Difference { what: "outcome", expected: expected.to_owned(), found });
    } else if let Some(by) = &case.by {
        let found = match (&answer.outcome, answer.denial()) {
            (_, Some(denial)) if is_meant(&denial.first, by) => None,
            (_, Some(denial)) => {
                let first = &denial.first;
                Some(format!("{} [{}], {}", first.policy, first.code, first.origin))
            }
            (Outcome::NoProvider(_), None) if by == UNKNOWN_MODEL => None,
            _ => Some(format!("{UNKNOWN_MODEL}: no provider of theirs is meant by that model")),
        };
        if let Some(found) = found {
            differences.push(Difference { what: "by", expected: by.clone(), found });
        }
    } else if let (Some(served_by), Some(served)) = (&case.served_by, answer.served_by()) {
        let found = format!("{}/{}", served.provider.name, served.model);
        if *served_by != found {
            differences.push(Difference { what: "servedBy", expected: served_by.clone(), found });
        }
    }
    Trial { case, answer, differences }
}

/// Whether `by` names what refused: the policy, its code, the field or one that holds it, or its place.
fn is_meant(cause: &Cause, by: &str) -> bool {
    let field = cause.origin.field.trim_start_matches('/').replace('/', ".");
    let within = field.strip_prefix(by).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    within || [cause.policy.as_str(), cause.code.as_str(), cause.origin.to_string().as_str()].contains(&by)
}
