//! Policies that object to what guards flagged, known by their shape: they cannot object where nothing is flagged, which
//! is nearly always, and a refusal of theirs can name the guard.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::facts::Facts;
use crate::guard::{GuardFacts, GuardVerdict};
use crate::known::Known;
use crate::vocabulary::{attribute, context as field};

/// What such a policy looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    flagged: Flagged,
    of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flagged {
    Hits,
    Failures,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    These(Vec<String>),
    Principal,
}

impl Finding {
    /// Of a policy's JSON form: `context.guard.hits.containsAny([…])`, or the same of what the principal has. No part of
    /// either can fail to be evaluated, so that leaving them out where nothing is flagged changes no decision.
    pub(crate) fn read(policy: &Value) -> Option<Self> {
        let [clause] = policy.get("conditions")?.as_array()?.as_slice() else { return None };
        if clause.get("kind")? != "when" {
            return None;
        }
        let body = clause.get("body")?;
        match body.get("&&") {
            None => Self::any_of_these(body.get("containsAny")?),
            Some(both) => Self::any_of_principal(both.get("left")?, both.get("right")?.get("containsAny")?),
        }
    }

    fn any_of_these(operands: &Value) -> Option<Self> {
        let texts = operands.get("right")?.get("Set")?.as_array()?.iter();
        let texts: Option<Vec<String>> =
            texts.map(|text| Some(text.get("Value")?.as_str()?.to_owned())).collect();
        Some(Self { flagged: Flagged::read(operands.get("left")?)?, of: Of::These(texts?) })
    }

    fn any_of_principal(has: &Value, operands: &Value) -> Option<Self> {
        let flagged = Flagged::read(operands.get("left")?)?;
        let wanted = match flagged {
            Flagged::Hits => attribute::GUARD_HITS,
            Flagged::Failures => attribute::GUARD_FAILURES,
        };
        let is_it = |access: &Value| {
            access.get("attr").is_some_and(|attr| attr == wanted)
                && access.get("left").and_then(|left| left.get("Var")).is_some_and(|var| var == "principal")
        };
        (is_it(has.get("has")?) && is_it(operands.get("right")?.get(".")?))
            .then_some(Self { flagged, of: Of::Principal })
    }

    /// The flags that it objects to.
    fn flags<'a>(&'a self, principal: Known<'a>) -> &'a [String] {
        match (&self.of, self.flagged, principal) {
            (Of::These(flags), ..) => flags,
            (Of::Principal, Flagged::Hits, Known::Agent(agent)) => &agent.flags.hits,
            (Of::Principal, Flagged::Failures, Known::Agent(agent)) => &agent.flags.failures,
            (Of::Principal, _, Known::AccessKey(_)) => &[],
        }
    }

    fn among<'a>(&self, facts: &'a GuardFacts) -> &'a BTreeSet<String> {
        match self.flagged {
            Flagged::Hits => &facts.hits,
            Flagged::Failures => &facts.failures,
        }
    }
}

impl Flagged {
    /// From `context.guard.hits`.
    fn read(expression: &Value) -> Option<Self> {
        let outer = expression.get(".")?;
        let inner = outer.get("left")?.get(".")?;
        let is_guard = inner.get("attr")? == field::GUARD && inner.get("left")?.get("Var")? == "context";
        match outer.get("attr")?.as_str()? {
            field::GUARD_HITS if is_guard => Some(Self::Hits),
            field::GUARD_FAILURES if is_guard => Some(Self::Failures),
            _ => None,
        }
    }
}

/// What was flagged, in words for a refusal: the surest of what a policy objects to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flag<'a> {
    /// `namespace/binding`.
    pub(crate) guard: &'a str,
    /// What it read.
    pub(crate) target: Target<'a>,
    /// What was found there.
    pub(crate) verdict: &'a GuardVerdict,
}

impl<'a> Flag<'a> {
    /// Of a policy; for policies of authors, which may look for anything, of all that was flagged.
    pub(crate) fn of(finding: Option<&Finding>, facts: &Facts<'a>, principal: Known<'_>) -> Option<Self> {
        let flags = finding.map_or(&facts.guard.hits, |finding| finding.among(facts.guard));
        let wanted = finding.map(|finding| finding.flags(principal));
        let objected = flags.iter().filter(|flag| wanted.is_none_or(|wanted| wanted.contains(flag)));
        // The first of those that are equally sure, in the order of names.
        objected
            .filter_map(|flag| Self::read(flag, facts.guard))
            .reduce(|best, other| if other.verdict.score > best.verdict.score { other } else { best })
    }

    /// Takes a name apart that [`pai_bundle::guard::flag`] put together: neither part before the target has a `/`.
    fn read(flag: &'a str, facts: &'a GuardFacts) -> Option<Self> {
        let (namespace, rest) = flag.split_once('/')?;
        let (binding, target) = rest.split_once('/')?;
        let guard = flag.get(..namespace.len() + 1 + binding.len())?;
        let (target, verdict) = match target.split_once('/') {
            None if target == field::GUARD_PROMPTS => (Target::Prompts, &facts.prompts),
            None if target == field::GUARD_SYSTEM => (Target::System, &facts.system),
            None if target == field::GUARD_RESPONSES => (Target::Responses, &facts.responses),
            Some((field::GUARD_TOOL_RESULTS, tools)) => (Target::ToolResults(tools), &facts.tool_results),
            _ => return None,
        };
        Some(Self { guard, target, verdict })
    }
}

/// What was read, as a sentence has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Prompts,
    System,
    Responses,
    ToolResults(&'a str),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompts => f.write_str("prompts"),
            Self::System => f.write_str("the system prompt"),
            Self::Responses => f.write_str("the answer"),
            Self::ToolResults("*") => f.write_str("results of tools"),
            Self::ToolResults(tools) => write!(f, "results of tools `{tools}`"),
        }
    }
}

/// The verdict that is surest, whatever it is about.
pub(crate) fn worst(facts: &GuardFacts) -> &GuardVerdict {
    let all = [&facts.system, &facts.tool_results, &facts.responses];
    all.into_iter().fold(&facts.prompts, |worst, one| if one.score > worst.score { one } else { worst })
}

/// A score as a sentence has it: 0.93.
pub(crate) fn hundredths(verdict: &GuardVerdict) -> String {
    let text = verdict.score.to_string();
    text.strip_suffix('0').map_or_else(|| text.clone(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use pai_bundle::guard::PerMille;

    use super::*;

    fn read(condition: &str) -> Option<Finding> {
        let text = format!("forbid (principal, action, resource) {condition};");
        let policy: cedar_policy::Policy = text.parse().expect("a policy");
        Finding::read(&policy.to_json().expect("json"))
    }

    #[test]
    fn only_what_cannot_object_without_a_flag_is_known() {
        let these = |flagged| Some(Finding { flagged, of: Of::These(vec!["n/b/prompts".to_owned()]) });
        let of_principal = |flagged| Some(Finding { flagged, of: Of::Principal });
        for (condition, expected) in [
            (r#"when { context.guard.hits.containsAny(["n/b/prompts"]) }"#, these(Flagged::Hits)),
            (r#"when { context.guard.failures.containsAny(["n/b/prompts"]) }"#, these(Flagged::Failures)),
            (
                "when { principal has guardHits && context.guard.hits.containsAny(principal.guardHits) }",
                of_principal(Flagged::Hits),
            ),
            (
                "when { principal has guardFailures && context.guard.failures.containsAny(principal.guardFailures) }",
                of_principal(Flagged::Failures),
            ),
            (r#"unless { context.guard.hits.containsAny(["n/b/prompts"]) }"#, None),
            (r#"when { !context.guard.hits.containsAny(["n/b/prompts"]) }"#, None),
            ("when { context.guard.hits.containsAll([]) }", None),
            ("when { context.guard.hits.containsAny([principal.name]) }", None),
            (r#"when { context.other.hits.containsAny(["n/b/prompts"]) }"#, None),
            (
                r#"when { context.guard.hits.containsAny(["n/b/prompts"]) } when { principal.name == "a" }"#,
                None,
            ),
            ("when { principal has name && context.guard.hits.containsAny(principal.guardHits) }", None),
            ("when { principal has name || context.guard.hits.containsAny(principal.guardHits) }", None),
            (
                "when { principal has guardHits && context.guard.failures.containsAny(principal.guardHits) }",
                None,
            ),
        ] {
            assert_eq!(read(condition), expected, "{condition}");
        }
    }

    #[test]
    fn a_flag_is_taken_apart_as_it_was_put_together() {
        use pai_bundle::guard;
        let binding = "team/in.jection".parse().expect("a name");
        let mut facts = GuardFacts::NONE;
        facts.tool_results.raise("Injection", PerMille(930));
        for (target, expected) in [
            (guard::Target::Prompts, "prompts"),
            (guard::Target::System, "the system prompt"),
            (guard::Target::Responses, "the answer"),
            (guard::Target::ToolResults("*"), "results of tools"),
            (guard::Target::ToolResults("mcp__a/b*"), "results of tools `mcp__a/b*`"),
        ] {
            let flag = guard::flag(&binding, target);
            let flag = Flag::read(&flag, &facts).expect("a flag");
            assert_eq!((flag.guard, flag.target.to_string().as_str()), ("team/in.jection", expected));
        }
        assert_eq!(hundredths(&facts.tool_results), "0.93");
        facts.prompts.raise("x", PerMille(935));
        assert_eq!([hundredths(&facts.prompts), hundredths(&GuardVerdict::NONE)], ["0.935", "0.00"]);
        assert_eq!(worst(&facts).label, "x");
    }
}
