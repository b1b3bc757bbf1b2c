//! Scratch.
use pai_guards::*;

#[test]
#[ignore]
fn look() {
    let file = std::env::var("DATA").unwrap();
    let show = std::env::var("SHOW").unwrap_or_default();
    let limit: u16 = std::env::var("LIMIT").ok().and_then(|l| l.parse().ok()).unwrap_or(900);
    let rows = read_rows(&std::fs::read_to_string(file).unwrap()).unwrap();
    let rules = Rules::builtin().unwrap_or_else(|e| panic!("{e}"));
    let report = measure(&rows, |row| {
        let v = rules.scan(row.place, &row.text);
        let yes = v.score.get() >= limit;
        if (row.attack, yes) == (true, false) && show.contains('m') || (row.attack, yes) == (false, true) && show.contains('f') {
            println!("{} {} {:?} {}\n   {:.600}", if row.attack { "MISS" } else { "FALSE" }, v.score, v.hits, row.source, row.text.replace('\n', " "));
        }
        Ok::<_, ()>(yes)
    }).unwrap();
    for (k, t) in &report.sources {
        println!("{k:?} {t:?} recall {:?} fa {:?}", t.recall().value(), t.false_alarm_rate().value());
    }
    for m in Mutation::ALL {
        if !show.contains('u') { break; }
        for place in [Place::User, Place::Tool] {
        let of: Vec<_> = rows.iter().filter(|r| r.attack && r.place == place).cloned().collect();
        let t = measure(&of, |row| {
            let turns = m.apply(&row.text);
            let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
            Ok::<_, ()>(rules.scan_turns(row.place, &turns).score.get() >= limit)
        }).unwrap().place(place);
        println!("{place:?} {} {:?}", m.name(), t.recall().value());
        }
    }
}
