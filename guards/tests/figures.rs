//! How well the built-in rules do on labelled texts, held so that a change that costs recall or harmless texts is seen.
//! `docs/guards-rules.md` has the same figures.

use std::convert::Infallible;
use std::fmt::Write;
use std::path::Path;

use pai_guards::{Mutation, Place, Rate, Report, Row, Rules, measure, read_rows};

/// The default of a binding's thresholds.
const DENY: u16 = 900;
/// What is suspicious and no more.
const NOTICE: u16 = 550;

fn rows(name: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/guards/data").join(name);
    read_rows(&std::fs::read_to_string(path).expect("data")).expect("rows")
}

fn rules() -> Rules {
    Rules::builtin().unwrap_or_else(|error| panic!("{error}"))
}

fn report(rules: &Rules, rows: &[Row], threshold: u16) -> Report {
    measure(rows, |row| Ok::<_, Infallible>(rules.scan(row.place, &row.text).score.get() >= threshold))
        .unwrap_or_default()
}

fn shown(rate: Rate) -> String {
    let (low, high) = rate.interval().unwrap_or_default();
    format!("{}/{} = {:.3} ({low:.3} to {high:.3})", rate.hits, rate.of, rate.value().unwrap_or_default())
}

#[test]
fn user_turns_are_told_apart() {
    let rows = rows("dev.jsonl");
    let report = report(&rules(), &rows, DENY);
    let user = report.place(Place::User);
    println!("recall {}", shown(user.recall()));
    println!("precision {}", shown(user.precision()));
    println!("false alarms {}", shown(user.false_alarm_rate()));
    println!("NotInject false alarms {}", shown(report.source("NotInject").false_alarm_rate()));
    assert!(user.recall().value() > Some(0.85));
    assert!(user.false_alarm_rate().value() < Some(0.01));
    assert!(report.source("NotInject").false_alarm_rate().value() < Some(0.02));
}

#[test]
fn tool_results_are_told_apart_as_far_as_words_go() {
    let (dev, own) = (rows("dev.jsonl"), rows("own-tool-results.jsonl"));
    let rules = rules();
    for (threshold, recall, alarms, own_alarms) in [(DENY, 0.30, 0.01, 0.01), (NOTICE, 0.90, 0.06, 0.14)] {
        let tool = report(&rules, &dev, threshold).place(Place::Tool);
        let harmless = report(&rules, &own, threshold).place(Place::Tool);
        println!("at {threshold}: recall {}", shown(tool.recall()));
        println!("at {threshold}: false alarms in mail {}", shown(tool.false_alarm_rate()));
        println!("at {threshold}: false alarms in our own {}", shown(harmless.false_alarm_rate()));
        assert!(tool.recall().value() >= Some(recall));
        assert!(tool.false_alarm_rate().value() <= Some(alarms));
        assert!(harmless.false_alarm_rate().value() <= Some(own_alarms));
    }
}

#[test]
fn disguises_hide_little() {
    let rules = rules();
    let attacks: Vec<Row> =
        rows("dev.jsonl").into_iter().filter(|row| row.attack && row.place == Place::User).collect();
    let plain = report(&rules, &attacks, DENY).place(Place::User).recall();
    let mut table = String::new();
    let mut weak = Vec::new();
    for mutation in Mutation::ALL {
        let hidden = measure(&attacks, |row| {
            let turns = mutation.apply(&row.text);
            let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
            Ok::<_, Infallible>(rules.scan_turns(row.place, &turns).score.get() >= DENY)
        })
        .unwrap_or_default()
        .place(Place::User)
        .recall();
        let _ = writeln!(table, "{}: {}", mutation.name(), shown(hidden));
        if f64::from(hidden.hits) < 0.9 * f64::from(plain.hits) {
            weak.push(mutation.name());
        }
    }
    println!("plain: {}\n{table}", shown(plain));
    assert!(weak.is_empty(), "{weak:?}\n{table}");
}

#[test]
fn harmless_texts_stay_harmless_in_disguise() {
    // What is taken off a text must not make an attack of it.
    let rules = rules();
    let harmless: Vec<Row> = rows("dev.jsonl").into_iter().filter(|row| !row.attack).collect();
    for mutation in Mutation::ALL {
        // Sixteen characters that nobody sees are a finding by themselves.
        if mutation == Mutation::Tags {
            continue;
        }
        let alarms = measure(&harmless, |row| {
            let turns = mutation.apply(&row.text);
            let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
            Ok::<_, Infallible>(rules.scan_turns(row.place, &turns).score.get() >= DENY)
        })
        .unwrap_or_default()
        .place(Place::User)
        .false_alarm_rate();
        assert!(alarms.value() < Some(0.01), "{}: {}", mutation.name(), shown(alarms));
    }
}
