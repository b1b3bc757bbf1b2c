//! A comparison as text: for a terminal, and as Markdown for a review.

use pai_bundle::origin::Origin;

use super::report::{Effect, Finding, Replay, Report, WorstCase};
use super::wording;
use crate::inspect::replay;

/// Where a request is asked again: on the new side. Somebody who is gone can only be asked about on the old one, and what a
/// guard found only where the guard is attached, which it is where it refuses.
fn side<'a>(request: &Replay, old: &'a str, new: &'a str) -> &'a str {
    let is_gone = request.after.policy.as_deref() == Some("base/known-principal");
    let is_flagged = request.question.guard.is_flagged();
    if is_gone || (is_flagged && request.after.allowed) { old } else { new }
}

fn heading(effect: Effect) -> &'static str {
    match effect {
        Effect::Widens => "widens",
        Effect::Narrows => "narrows",
        Effect::Neither => "neither",
    }
}

fn summary(report: &Report) -> String {
    if report.findings.is_empty() && report.not_enumerated.is_empty() {
        return "nothing changed".to_owned();
    }
    let count = |effect| report.findings.iter().filter(|finding| finding.effect == effect).count();
    let parts =
        [(Effect::Widens, "widen access"), (Effect::Narrows, "narrow it"), (Effect::Neither, "do neither")];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(effect, _)| count(*effect) > 0)
        .map(|(effect, does)| match count(effect) {
            1 => format!(
                "1 change {}",
                does.replacen("widen", "widens", 1)
                    .replacen("narrow", "narrows", 1)
                    .replacen("do ", "does ", 1)
            ),
            many => format!("{many} changes {does}"),
        })
        .collect();
    if parts.is_empty() {
        "no change was found, and not everything could be tried".to_owned()
    } else {
        parts.join(", ")
    }
}

fn places(finding: &Finding) -> Option<String> {
    let place = |origin: &Option<Origin>| origin.as_ref().map(ToString::to_string);
    match (place(&finding.old), place(&finding.new)) {
        (None, None) => None,
        (Some(old), None) => Some(old),
        (None, Some(new)) => Some(new),
        (Some(old), Some(new)) => Some(format!("{old} -> {new}")),
    }
}

/// What becomes of the request on each side.
fn outcome(request: &Replay) -> String {
    let says = |verdict: &super::report::Verdict| match &verdict.reason {
        _ if verdict.allowed => "allowed".to_owned(),
        Some(reason) => format!("refused, {reason}"),
        None => "refused".to_owned(),
    };
    format!("before: {}; after: {}", says(&request.before), says(&request.after))
}

fn tokens(bound: Option<u64>) -> String {
    bound.map_or_else(|| "no bound".to_owned(), wording::number)
}

/// For a terminal. `old` and `new` are what the caller named, as `--in` takes them.
pub fn human(report: &Report, old: &str, new: &str) -> String {
    let mut text = String::new();
    let mut line = |content: &str| {
        text.push_str(content.trim_end());
        text.push('\n');
    };
    for finding in &report.findings {
        line(&format!("{:<8} {}", heading(finding.effect), finding.sentence));
        if let Some(places) = places(finding) {
            line(&format!("         {places}"));
        }
        if let Some(request) = &finding.request {
            line(&format!("         {}", replay::command(&request.arguments, side(request, old, new))));
            line(&format!("         {}", outcome(request)));
        }
    }
    for note in &report.not_enumerated {
        line(&format!("unsure   {note}"));
    }
    if !report.worst_case.is_empty() {
        line("");
        let rows: Vec<[String; 3]> =
            std::iter::once(["tokens per day at most".to_owned(), "before".to_owned(), "after".to_owned()])
                .chain(
                    report
                        .worst_case
                        .iter()
                        .map(|WorstCase { of, before, after }| [of.clone(), tokens(*before), tokens(*after)]),
                )
                .collect();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let (first, second, third) = (width(0), width(1), width(2));
        for [of, before, after] in &rows {
            line(&format!("{of:<first$}  {before:>second$}  {after:>third$}"));
        }
    }
    if !report.findings.is_empty() || !report.not_enumerated.is_empty() {
        line("");
    }
    line(&summary(report));
    text
}

/// For a review.
pub fn markdown(report: &Report, old: &str, new: &str) -> String {
    let mut text = format!("**{}**\n", summary(report));
    for effect in [Effect::Widens, Effect::Narrows, Effect::Neither] {
        let findings: Vec<&Finding> =
            report.findings.iter().filter(|finding| finding.effect == effect).collect();
        if findings.is_empty() {
            continue;
        }
        let title = match effect {
            Effect::Widens => "Widens access",
            Effect::Narrows => "Narrows access",
            Effect::Neither => "Does neither",
        };
        text.push_str(&format!("\n### {title}\n\n"));
        for finding in findings {
            text.push_str(&format!("- {}", escaped(&finding.sentence)));
            if let Some(places) = places(finding) {
                text.push_str(&format!(" ({})", escaped(&places)));
            }
            text.push('\n');
            if let Some(request) = &finding.request {
                let side = side(request, old, new);
                text.push_str(&format!(
                    "  - `{}`\n  - {}\n",
                    replay::command(&request.arguments, side),
                    escaped(&outcome(request))
                ));
            }
        }
    }
    if !report.not_enumerated.is_empty() {
        text.push_str("\n### Not everything could be tried\n\n");
        for note in &report.not_enumerated {
            text.push_str(&format!("- {}\n", escaped(note)));
        }
    }
    if !report.worst_case.is_empty() {
        text.push_str("\n| tokens per day at most | before | after |\n| --- | ---: | ---: |\n");
        for WorstCase { of, before, after } in &report.worst_case {
            text.push_str(&format!("| {} | {} | {} |\n", escaped(of), tokens(*before), tokens(*after)));
        }
    }
    text
}

/// What Markdown would take for its own.
fn escaped(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if "*_`|<>[]#\\".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}
