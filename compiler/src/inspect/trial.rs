//! A case held against what the gateway would do.

use super::answer::Answer;
use super::cases::{Case, Expect};
use super::world::World;

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
                None => "refused: no such principal, or no provider for that model".to_owned(),
            },
        };
        differences.push(Difference { what: "outcome", expected: expected.to_owned(), found });
    } else if let Some(by) = &case.by {
        let first = answer.denial().map(|denial| &denial.first);
        let is_it = first.is_some_and(|cause| {
            let field = cause.origin.field.trim_start_matches('/').replace('/', ".");
            [cause.policy.as_str(), cause.code.as_str(), field.as_str(), cause.origin.to_string().as_str()]
                .contains(&by.as_str())
        });
        if !is_it {
            let found = first.map_or_else(
                || "no policy: there is no such principal or no provider for that model".to_owned(),
                |cause| format!("{} [{}], {}", cause.policy, cause.code, cause.origin),
            );
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
