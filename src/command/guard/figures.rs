//! Rates and their intervals, as a table for people and as JSON for programs.

use pai_bundle::guard::GuardBinding;
use pai_guards::{Place, Rate, Report, Tally};
use serde_json::{Value, json};

use crate::table;

/// A line for each source, and one for each place as a whole.
pub(super) fn table(report: &Report, with_wrong: bool) -> String {
    let mut rows = Vec::new();
    for place in [Place::User, Place::Tool] {
        let sources: Vec<_> = report.sources.iter().filter(|((of, _), _)| *of == place).collect();
        for ((_, source), tally) in &sources {
            rows.push(row(place, source, **tally));
        }
        if sources.len() > 1 {
            rows.push(row(place, "all", report.place(place)));
        }
    }
    let head = ["PLACE", "SOURCE", "TEXTS", "RECALL", "FALSE ALARMS", "PRECISION"];
    let mut text = table::plain(head, rows, None);
    if with_wrong && !report.wrong.is_empty() {
        text.push_str("\n\njudged wrong:\n");
        text.push_str(&report.wrong.join("\n"));
    }
    text
}

fn row(place: Place, source: &str, tally: Tally) -> Vec<String> {
    let texts = tally.caught + tally.missed + tally.false_alarms + tally.passed;
    let rates = [tally.recall(), tally.false_alarm_rate(), tally.precision()].map(shown);
    let [recall, alarms, precision] = rates;
    vec![word(place).to_owned(), source.to_owned(), texts.to_string(), recall, alarms, precision]
}

fn word(place: Place) -> &'static str {
    match place {
        Place::User => "user",
        Place::Tool => "tool",
    }
}

fn shown(rate: Rate) -> String {
    match (rate.value(), rate.interval()) {
        (Some(value), Some((low, high))) => {
            format!("{value:.3} ({low:.3} to {high:.3}) {}/{}", rate.hits, rate.of)
        }
        _ => "-".to_owned(),
    }
}

/// All figures, and what was measured.
pub(super) fn json(report: &Report, binding: &GuardBinding) -> Value {
    let tally = |tally: Tally| {
        json!({
            "caught": tally.caught, "missed": tally.missed,
            "falseAlarms": tally.false_alarms, "passed": tally.passed,
            "recall": rate(tally.recall()), "falseAlarmRate": rate(tally.false_alarm_rate()),
            "precision": rate(tally.precision()),
        })
    };
    let sources = report.sources.iter().map(|((place, source), of)| {
        let mut row = tally(*of);
        row["place"] = json!(word(*place));
        row["source"] = json!(source);
        row
    });
    json!({
        "guard": binding.name.to_string(),
        "thresholds": binding.thresholds.iter()
            .map(|(label, score)| (label.clone(), json!(f64::from(score.0) / 1000.0)))
            .collect::<serde_json::Map<_, _>>(),
        "places": { "user": tally(report.place(Place::User)), "tool": tally(report.place(Place::Tool)) },
        "sources": sources.collect::<Vec<_>>(),
        "wrong": report.wrong,
    })
}

/// `null` of nothing.
fn rate(rate: Rate) -> Value {
    match (rate.value(), rate.interval()) {
        (Some(value), Some((low, high))) => {
            json!({ "value": value, "low": low, "high": high, "of": rate.of })
        }
        _ => Value::Null,
    }
}
