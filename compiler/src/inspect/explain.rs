//! An answer in words and as JSON: what comes of a request, which policy of which line decides, what would change it.

use std::fmt::Write;

use pai_bundle::origin::Origin;
use pai_policies::candidate::Candidate;
use pai_policies::{Cause, Denial};
use serde::Serialize;

use super::advice::{Advice, advise};
use super::answer::{Answer, Considered, Outcome};
use super::question::Question;
use super::world::World;

/// An answer with its advice, ready to be written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `allowed` or `refused`.
    outcome: &'static str,
    /// The outcome as a sentence.
    summary: String,
    /// In the order in which they are asked.
    candidates: Vec<Line>,
    /// Asked when those before fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fallbacks: Vec<Line>,
    /// What would let the first candidate through, all of it together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advice: Vec<Remedy>,
}

/// One candidate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    model: String,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<Because>,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    /// It is the one that is asked.
    Asked,
    /// The policies let it through, and another comes first.
    InReserve,
    /// The policies refuse it.
    Refused,
}

/// Why not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Because {
    policy: String,
    code: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    field: String,
}

/// One edit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remedy {
    change: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

/// Asks, and finds out what would help where it is refused.
pub fn explain(world: &World, question: &Question) -> Explanation {
    let answer = world.ask(question);
    let advice = match (&answer.outcome, answer.candidates.first()) {
        (Outcome::Refused(_), Some(first)) => remedies(world, question, &first.candidate),
        _ => Vec::new(),
    };
    let asked = |place| matches!(answer.outcome, Outcome::Allowed(served) if served == place);
    Explanation {
        outcome: if answer.is_allowed() { "allowed" } else { "refused" },
        summary: summary(question, &answer),
        candidates: answer
            .candidates
            .iter()
            .enumerate()
            .map(|(place, considered)| line(considered, asked(place)))
            .collect(),
        fallbacks: answer.fallbacks.iter().map(|considered| line(considered, false)).collect(),
        advice,
    }
}

fn remedies(world: &World, question: &Question, candidate: &Candidate) -> Vec<Remedy> {
    let Advice::Change(changes) = advise(world, question, candidate) else { return Vec::new() };
    let remedy = |change: &super::Change| Remedy {
        change: change.to_string(),
        source: change.origin(world.bundle()).as_ref().map(Origin::to_string),
    };
    changes.iter().map(remedy).collect()
}

fn summary(question: &Question, answer: &Answer) -> String {
    let who = &question.who;
    match &answer.outcome {
        Outcome::Allowed(0) => {
            let served = answer.served_by().map(reference).unwrap_or_default();
            format!("allowed: {who} may ask {served}")
        }
        Outcome::Allowed(_) => {
            let served = answer.served_by().map(reference).unwrap_or_default();
            format!("allowed: {who} is sent on to {served}")
        }
        Outcome::Refused(_) => {
            let reason = answer.denial().map(|denial| denial.first.reason.clone()).unwrap_or_default();
            format!("refused: {reason}")
        }
        Outcome::UnknownPrincipal => format!("refused: there is no {who} in the bundle"),
        Outcome::NoProvider(known) => {
            let known: Vec<String> = known.iter().map(reference).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!("refused: no provider of {who} has a model `{}`; it names {known}", question.model)
        }
    }
}

fn line(considered: &Considered, is_asked: bool) -> Line {
    let verdict = match &considered.denial {
        Some(_) => Verdict::Refused,
        None if is_asked => Verdict::Asked,
        None => Verdict::InReserve,
    };
    let causes = considered.denial.as_deref().into_iter().flat_map(Denial::causes).map(reason).collect();
    Line { model: reference(&considered.candidate), verdict, causes }
}

fn reason(cause: &Cause) -> Because {
    Because {
        policy: cause.policy.to_string(),
        code: cause.code.clone(),
        reason: cause.reason.clone(),
        help: cause.help.clone(),
        source: cause.origin.to_string(),
        field: cause.origin.field.clone(),
    }
}

fn reference(candidate: &Candidate) -> String {
    format!("{}/{}", candidate.provider.name, candidate.model)
}

impl Explanation {
    /// Whether a provider would be asked.
    pub fn is_allowed(&self) -> bool {
        self.outcome == "allowed"
    }

    /// For people.
    pub fn human(&self) -> String {
        let mut text = format!("{}\n", self.summary);
        write_lines(&mut text, "\ncandidates, in order", &self.candidates);
        write_lines(&mut text, "\nfallbacks, when those before fail", &self.fallbacks);
        if !self.advice.is_empty() {
            text.push_str("\nto let it through:\n");
            for remedy in &self.advice {
                let at = remedy.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
                let _ = writeln!(text, "  - {}{at}", remedy.change);
            }
        }
        text
    }
}

fn write_lines(text: &mut String, title: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    let width = lines.iter().map(|line| line.model.chars().count()).max().unwrap_or_default();
    for (place, line) in lines.iter().enumerate() {
        let verdict = match line.verdict {
            Verdict::Asked => "asked",
            Verdict::InReserve => "allowed, in reserve",
            Verdict::Refused => "refused",
        };
        let _ = writeln!(text, "  {}. {:width$}  {verdict}", place + 1, line.model);
        for cause in &line.causes {
            let _ = writeln!(text, "       {} [{}]", cause.reason, cause.code);
            let _ = writeln!(text, "         {}, {}", cause.policy, cause.source);
        }
    }
}
