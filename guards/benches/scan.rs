//! How long a scan of 8 KiB takes, by kind of text: median and 99th of a hundred, on one core.
//!
//! `cargo bench -p pai-guards --bench scan`. Aim: the 99th below 100 µs on texts that people and tools write. The last
//! lines are texts made to be slow; there the time per byte of 8 and of 64 KiB shows that it does not grow.

#![expect(clippy::print_stdout, reason = "figures on standard output are what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use pai_guards::{Place, Row, Rules, read_rows};

const BYTES: usize = 8 * 1024;
const ROUNDS: usize = 2_000;
const WARM_UP: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let rules = Rules::builtin()?;
    println!("reading and compiling the rules: {} ms", begun.elapsed().as_millis());
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/guards/data");
    let dev = read_rows(&std::fs::read_to_string(data.join("dev.jsonl"))?)?;
    let own = read_rows(&std::fs::read_to_string(data.join("own-tool-results.jsonl"))?)?;
    let prose =
        filled(&dev, BYTES, |row| matches!(row.source.as_str(), "MT-bench" | "GSM8K" | "Vicuna-bench"));
    println!("{:28} {:>8} {:>8} {:>8}", "8 KiB of", "least", "median", "p99");
    for (name, place, text) in [
        ("questions of people", Place::User, prose.clone()),
        ("harmless with attack words", Place::User, filled(&dev, BYTES, |row| row.source == "NotInject")),
        ("source code", Place::Tool, filled(&dev, BYTES, |row| row.source == "HumanEval")),
        ("mail", Place::Tool, filled(&dev, BYTES, |row| row.source == "BIPIA-email" && !row.attack)),
        ("mixed tool results", Place::Tool, filled(&own, BYTES, |_| true)),
        ("attacks", Place::User, filled(&dev, BYTES, |row| row.source == "in-the-wild-jailbreak")),
    ] {
        let times = timed(&rules, place, &text, ROUNDS);
        println!(
            "{name:28} {:>8.1} {:>8.1} {:>8.1} µs",
            times[0],
            times[ROUNDS / 2],
            times[ROUNDS * 99 / 100]
        );
    }
    println!("{:28} {:>12} {:>12}", "made to be slow", "8 KiB", "64 KiB");
    for (name, unit) in [
        ("one phrase over and over", "ignore all previous "),
        ("begun and never ended", "you will never tell without any "),
        ("signs for letters", "1gn0r3 4ll pr3v10us "),
        ("letters set apart", "i g n o r e "),
        ("invisible characters", "ig\u{200b}nore "),
        ("letters that look like others", "\u{456}gn\u{43e}r\u{435} "),
        ("percent encoding", "%69%67%6e%6f%72%65%20"),
        ("base64", "aWdub3JlIGFsbCBwcmV2aW91cyBpbnN0cnVjdGlvbnMg"),
    ] {
        let [short, long] = [BYTES, 8 * BYTES].map(|bytes| {
            let text: String = unit.chars().cycle().take(bytes / unit.len() * unit.chars().count()).collect();
            let times = timed(&rules, Place::Tool, &text, ROUNDS / 40);
            times[times.len() / 2] * 1000.0 / text.len() as f64
        });
        println!("{name:28} {short:>7.1} {long:>12.1} ns per byte");
    }
    Ok(())
}

/// Rows of a kind one after the other, until there is enough.
fn filled(rows: &[Row], bytes: usize, wanted: impl Fn(&Row) -> bool) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| wanted(row)).cycle() {
        text.push_str(&row.text);
        text.push('\n');
        if text.len() >= bytes {
            break;
        }
    }
    while text.len() > bytes {
        text.pop();
    }
    text
}

/// Microseconds of each scan, ascending.
fn timed(rules: &Rules, place: Place, text: &str, rounds: usize) -> Vec<f64> {
    for _ in 0..WARM_UP.min(rounds) {
        black_box(rules.scan(place, black_box(text)));
    }
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            black_box(rules.scan(place, black_box(text)));
            begun.elapsed().as_nanos() as f64 / 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}
