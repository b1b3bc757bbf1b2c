//! Prometheus's text format, read as strictly as its specification: a line that cannot be read is a mistake of the gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Method;

use crate::support;

/// What a page of metrics says.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// Name, type and help, in the order of the page.
    pub(crate) families: Vec<(String, String, String)>,
    /// Every value by its name and labels.
    samples: BTreeMap<Series, f64>,
}

/// A name, and labels with their values.
pub(crate) type Series = (String, BTreeMap<String, String>);

impl Exposition {
    /// What the gateway with this state folder says.
    pub(crate) async fn ask(state: &Path) -> Self {
        let request = support::operator(state, Method::GET, "/metrics").await;
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self::read(&answer.text().await.expect("text"))
    }

    /// Reads a whole page.
    fn read(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains("\n\n") && !text.contains('\r'), "{text}");
        let mut page = Self::default();
        let mut described: Option<(String, String)> = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help");
                assert!(is_name(name) && !help.is_empty(), "{line}");
                described = Some((name.to_owned(), help.to_owned()));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                let (described, help) = described.take().expect("help comes before the type");
                assert_eq!(described, name);
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(page.families.iter().all(|(known, ..)| known != name), "{name} comes twice");
                page.families.push((name.to_owned(), kind.to_owned(), help));
            } else {
                let (series, value) = sample(line);
                let (family, kind, _) = page.families.last().expect("a type comes before the samples");
                let suffix = series.0.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line}"));
                let suffixes: &[&str] =
                    if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                assert!(suffixes.contains(&suffix), "{line}");
                assert!(page.samples.insert(series, value).is_none(), "twice: {line}");
            }
        }
        assert!(described.is_none(), "a help without a type");
        page.check_histograms();
        page
    }

    /// Buckets hold what the ones before them hold, and the last one everything.
    fn check_histograms(&self) {
        let mut rows: BTreeMap<Series, Vec<(f64, f64)>> = BTreeMap::new();
        for ((name, labels), value) in &self.samples {
            if let Some(name) = name.strip_suffix("_bucket") {
                let mut labels = labels.clone();
                let bound = number(&labels.remove("le").expect("a bound"));
                rows.entry((format!("{name}_count"), labels)).or_default().push((bound, *value));
            }
        }
        for (count, mut row) in rows {
            row.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(row.is_sorted_by(|one, other| one.1 <= other.1), "{count:?}: {row:?}");
            let (bound, all) = *row.last().expect("a bucket");
            assert!(bound.is_infinite(), "{count:?}");
            assert!(same(all, self.samples[&count]), "{count:?}");
        }
    }

    /// The value of one series.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// Every series of that name, with the value of one label.
    pub(crate) fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for ((_, labels), value) in self.samples.iter().filter(|((known, _), _)| known == name) {
            *sums.entry(labels[label].clone()).or_insert(0.0) += value;
        }
        sums
    }

    /// Series that are not nought, with the values of two labels.
    pub(crate) fn by_both(&self, name: &str, labels: [&str; 2]) -> BTreeMap<(String, String), f64> {
        let all = self.samples.iter().filter(|((known, _), value)| known == name && **value != 0.0);
        all.map(|((_, of), value)| (labels.map(|label| of[label].clone()).into(), *value)).collect()
    }

    /// Names of series and all that stands in their labels.
    pub(crate) fn series(&self) -> BTreeSet<&Series> {
        self.samples.keys().collect()
    }
}

/// Equal as far as sums of fractions are.
pub(crate) fn same(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-6
}

fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.chars().all(good) && text.starts_with(|c: char| !c.is_ascii_digit())
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        text => text.parse().unwrap_or_else(|_| panic!("{text} is no number")),
    }
}

/// `name{label="value",…} number`.
fn sample(line: &str) -> (Series, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label) && !label.contains(':'), "{line}");
            let (value, after) = unquoted(quoted);
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    ((name.to_owned(), labels), number(value))
}

/// A value up to its closing quote, and what stands behind that.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match letters.next().map(|(_, escaped)| escaped) {
                Some('n') => '\n',
                Some(escaped @ ('\\' | '"')) => escaped,
                other => panic!("{other:?} is no escape: {text}"),
            }),
            letter => value.push(letter),
        }
    }
    panic!("a value without an end: {text}")
}
