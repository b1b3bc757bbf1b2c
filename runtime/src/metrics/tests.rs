//! What a record adds to the counters.

use http::StatusCode;
use pai_bundle::money::NanoUsd;
use pai_bundle::unit::Tokens;
use pai_ledger::usage::Usage;

use super::*;
use crate::record::attempted::Came;
use crate::record::{Attempt, Outcome};

fn name(text: &str) -> QualifiedName {
    text.parse().expect("a name")
}

fn metrics(names: &[&str]) -> Metrics {
    let metrics = Metrics::default();
    let names: Vec<_> = names.iter().map(|text| name(text)).collect();
    metrics.follow(names.iter());
    metrics
}

fn record(provider: Option<&str>, attempts: Vec<Attempt>) -> Record {
    Record {
        time: String::new(),
        id: "1".to_owned(),
        bundle: String::new(),
        principal: None,
        credential: None,
        address: String::new(),
        path: String::new(),
        requested: None,
        provider: provider.map(ToOwned::to_owned),
        model: None,
        outcome: Outcome::Served,
        status: 200,
        code: None,
        policies: Vec::new(),
        guards: Vec::new(),
        audited: Vec::new(),
        unread: Vec::new(),
        attempts,
        held: 0,
        held_usd: 0.0,
        settled: None,
        day: None,
        accounts: Vec::new(),
        first_byte_ms: Some(20.0),
        latency_ms: 30.0,
    }
}

fn attempt(candidate: &str, came: &Came<'_>, charge: Option<Settlement>) -> Attempt {
    let candidate = candidate.to_owned();
    Attempt { candidate, result: came.words(), charged: charge.is_some(), charge, came: came.class() }
}

fn paid(output: u64, estimated: bool) -> Settlement {
    let usage = Usage { input: Tokens(1), output: Tokens(output), ..Usage::default() };
    Settlement { usage, cost: NanoUsd(output), estimated }
}

fn spent(metrics: &Metrics) -> Vec<(String, [u64; 5], u64, u64)> {
    metrics.read(|name, counts| {
        let spent = counts.spent();
        (name.to_owned(), spent.tokens, spent.estimated, spent.nano_usd)
    })
}

#[test]
fn what_an_attempt_was_charged_counts_with_the_provider_that_was_asked() {
    let metrics = metrics(&["default/a", "default/b"]);
    let first = attempt("default/a/vendor/model", &Came::BrokeOff, Some(paid(100, true)));
    let second = attempt("default/b/model", &Came::Answered, None);
    metrics.count(&record(Some("default/b"), vec![first, second]), Some(&paid(7, false)));
    let expected = [
        (String::new(), [0; 5], 0, 0),
        ("default/a".to_owned(), [1, 0, 0, 0, 100], 101, 100),
        ("default/b".to_owned(), [1, 0, 0, 0, 7], 0, 7),
    ];
    assert_eq!(spent(&metrics), expected);
    let attempts = metrics.read(|_, counts| {
        counts.attempts().filter(|(_, count)| *count > 0).map(|(word, _)| word).collect::<Vec<_>>()
    });
    assert_eq!(attempts, [vec![], vec!["broke_off"], vec!["answered"]]);
    let requests = metrics.read(|_, counts| (counts.duration.read().count, counts.first_byte.read().count));
    assert_eq!(requests, [(0, 0), (0, 0), (1, 1)]);
}

#[test]
fn a_provider_that_comes_back_goes_on_where_it_was() {
    let metrics = metrics(&["default/a"]);
    metrics.count(&record(Some("default/a"), Vec::new()), Some(&paid(5, false)));
    metrics.follow([name("default/b")].iter());
    metrics.count(&record(Some("default/a"), Vec::new()), Some(&paid(5, false)));
    metrics.follow([name("default/a")].iter());
    assert_eq!(spent(&metrics)[1], ("default/a".to_owned(), [2, 0, 0, 0, 10], 0, 10));
}

#[test]
fn a_name_that_no_bundle_has_makes_no_series() {
    let metrics = metrics(&["default/a"]);
    let strange = attempt("x", &Came::Status(StatusCode::BAD_REQUEST), None);
    metrics.count(&record(Some("made/up"), vec![strange]), Some(&paid(5, false)));
    metrics.count(&record(None, Vec::new()), None);
    let names = metrics.read(|name, _| name.to_owned());
    assert_eq!(names, ["", "default/a"]);
    assert_eq!(metrics.read(|_, counts| counts.duration.read().count), [2, 0]);
}
