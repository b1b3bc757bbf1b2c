//! What a classifier answers, `{label, score, labels}`, read strictly: an answer that can be understood in two ways is no
//! verdict.

use std::fmt;
use std::sync::Arc;

use pai_bundle::guard::PerMille;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::unavailable::Unavailable;

/// Labels that say that nothing was found, in small letters. Every other label is held to its threshold, so a word that is
/// missing here makes a false alarm and not a hole.
const BENIGN: [&str; 9] = ["benign", "safe", "none", "ok", "clean", "harmless", "legit", "normal", "label_0"];

/// Labels of one answer. Llama Guard has 14 categories.
const LABELS: usize = 64;
/// Bytes of a label.
const LABEL_BYTES: usize = 64;
/// Scores of one label that differ by more than this differ.
const ROUNDING: f64 = 0.001;

/// A label that is none of the benign ones, in small letters, and its score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) label: Box<str>,
    pub(crate) score: PerMille,
}

/// What was found in a piece of a text; what stood under `label` first.
pub(crate) type Findings = Arc<[Finding]>;

#[derive(Deserialize)]
struct Reply {
    label: String,
    score: f64,
    #[serde(default)]
    labels: Option<Labels>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    /// Names without scores of their own.
    Names(Vec<String>),
    Scored(Vec<Scored>),
    Map(Pairs),
}

#[derive(Deserialize)]
struct Scored {
    label: String,
    score: f64,
}

/// A map with all that was written into it; a map of the standard library would keep the last of two.
struct Pairs(Vec<(String, f64)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("scores by label")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Reads an answer.
pub(crate) fn read(body: &[u8]) -> Result<Findings, Unavailable> {
    let reply: Reply = serde_json::from_slice(body).map_err(|error| {
        Unavailable::Garbage(if error.is_data() {
            "it is not {label, score, labels}"
        } else {
            "it is not JSON"
        })
    })?;
    let mut all = vec![(named(&reply.label)?, scored(reply.score)?)];
    match reply.labels {
        None => {}
        Some(Labels::Names(names)) => {
            for name in names {
                all.push((named(&name)?, reply.score));
            }
            // They have no score but that of the label, so they cannot mean the opposite of it.
            if all.iter().any(|(label, _)| is_benign(label) != is_benign(&all[0].0)) {
                return Err(Unavailable::Garbage("its label and its labels contradict each other"));
            }
        }
        Some(Labels::Scored(list)) => {
            for Scored { label, score } in list {
                all.push((named(&label)?, scored(score)?));
            }
        }
        Some(Labels::Map(Pairs(pairs))) => {
            for (label, score) in pairs {
                all.push((named(&label)?, scored(score)?));
            }
        }
    }
    if all.len() > LABELS {
        return Err(Unavailable::Garbage("it has too many labels"));
    }
    let mut findings: Vec<Finding> = Vec::new();
    for (at, (label, score)) in all.iter().enumerate() {
        match all.iter().take(at).find(|(known, _)| known == label) {
            Some((_, known)) if (known - score).abs() > ROUNDING => {
                return Err(Unavailable::Garbage("it has two scores for one label"));
            }
            None if !is_benign(label) => {
                let score = PerMille::of_fraction(*score).ok_or(NO_SCORE)?;
                findings.push(Finding { label: label.as_str().into(), score });
            }
            Some(_) | None => {}
        }
    }
    Ok(findings.into())
}

const NO_SCORE: Unavailable = Unavailable::Garbage("its score is not a number from 0 to 1");

fn scored(score: f64) -> Result<f64, Unavailable> {
    if (0.0..=1.0).contains(&score) { Ok(score) } else { Err(NO_SCORE) }
}

/// A label stands in records, so it must be a word or a few and not a text.
fn named(label: &str) -> Result<String, Unavailable> {
    let label = label.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ':' | '/');
    if label.is_empty() || label.len() > LABEL_BYTES || !label.chars().all(plain) {
        return Err(Unavailable::Garbage("its label is not a word"));
    }
    Ok(label.to_ascii_lowercase())
}

fn is_benign(label: &str) -> bool {
    BENIGN.contains(&label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<String, &'static str> {
        match read(text.as_bytes()) {
            Ok(found) => {
                let found: Vec<String> =
                    found.iter().map(|finding| format!("{} {}", finding.label, finding.score)).collect();
                Ok(found.join(", "))
            }
            Err(Unavailable::Garbage(what)) => Err(what),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_form_of_an_answer_is_read() {
        let table = [
            (r#"{"label":"INJECTION","score":0.98}"#, "injection 0.980"),
            (r#"{"label":"BENIGN","score":0.99}"#, ""),
            (r#"{"label":" Safe ","score":1}"#, ""),
            (r#"{"label":"LABEL_0","score":0.9}"#, ""),
            (r#"{"label":"LABEL_1","score":0.9996,"labels":null,"took":7}"#, "label_1 1.000"),
            (r#"{"label":"unsafe","score":0.97,"labels":["S1","S10"]}"#, "unsafe 0.970, s1 0.970, s10 0.970"),
            (r#"{"label":"safe","score":0.97,"labels":[]}"#, ""),
            (r#"{"label":"safe","score":0.97,"labels":["safe"]}"#, ""),
            (
                r#"{"label":"BENIGN","score":0.6,"labels":{"BENIGN":0.6,"INJECTION":0.3,"JAILBREAK":0.1}}"#,
                "injection 0.300, jailbreak 0.100",
            ),
            (
                r#"{"labels":[{"label":"a b","score":0},{"label":"INJECTION","score":0.9004}],"score":0.9,"label":"injection"}"#,
                "injection 0.900, a b 0.000",
            ),
            (r#"{"label":"OK","score":0.4,"labels":{"violence":0.6}}"#, "violence 0.600"),
        ];
        for (text, found) in table {
            assert_eq!(read_text(text).as_deref(), Ok(found), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_answer_is_garbage() {
        let form = "it is not {label, score, labels}";
        let (score, label) = ("its score is not a number from 0 to 1", "its label is not a word");
        let table = [
            ("", "it is not JSON"),
            ("<html>", "it is not JSON"),
            (r#"{"label":"a","score":0.5"#, "it is not JSON"),
            (r#"{"label":"a","score":0.5} x"#, "it is not JSON"),
            (r#"{"label":"a","score":NaN}"#, "it is not JSON"),
            (r#"[{"label":"a","score":0.5}]"#, form),
            ("null", form),
            (r#"{"score":0.5}"#, form),
            (r#"{"label":"a"}"#, form),
            (r#"{"label":null,"score":0.5}"#, form),
            (r#"{"label":1,"score":0.5}"#, form),
            (r#"{"label":"a","score":"0.5"}"#, form),
            (r#"{"label":"a","score":null}"#, form),
            (r#"{"label":"a","score":true}"#, form),
            (r#"{"label":"a","score":0.5,"labels":"a"}"#, form),
            (r#"{"label":"a","score":0.5,"labels":{"a":"high"}}"#, form),
            (r#"{"label":"a","score":0.5,"labels":["a",{"label":"b","score":1}]}"#, form),
            (r#"{"label":"BENIGN","label":"INJECTION","score":0.5}"#, form),
            (r#"{"label":"a","score":1.01}"#, score),
            (r#"{"label":"a","score":-0.1}"#, score),
            (r#"{"label":"a","score":0.5,"labels":{"b":2}}"#, score),
            (r#"{"label":"","score":0.5}"#, label),
            (r#"{"label":"Sure! {\"text\"}","score":0.5}"#, label),
            (r#"{"label":"a","score":0.5,"labels":["\n"]}"#, label),
            (
                r#"{"label":"safe","score":0.9,"labels":["S1"]}"#,
                "its label and its labels contradict each other",
            ),
            (
                r#"{"label":"unsafe","score":0.9,"labels":["safe"]}"#,
                "its label and its labels contradict each other",
            ),
            (r#"{"label":"a","score":0.9,"labels":{"A":0.2}}"#, "it has two scores for one label"),
            (r#"{"label":"a","score":0.9,"labels":{"b":0.2,"b":0.95}}"#, "it has two scores for one label"),
            (
                r#"{"label":"safe","score":0.9,"labels":[{"label":"SAFE","score":0.1}]}"#,
                "it has two scores for one label",
            ),
        ];
        for (text, what) in table {
            assert_eq!(read_text(text), Err(what), "{text}");
        }
        let many: Vec<String> = (0..LABELS).map(|number| format!("\"s{number}\"")).collect();
        let many = format!(r#"{{"label":"a","score":0.5,"labels":[{}]}}"#, many.join(","));
        assert_eq!(read_text(&many), Err("it has too many labels"));
        let long = format!(r#"{{"label":"{}","score":0.5}}"#, "a".repeat(65));
        assert_eq!(read_text(&long), Err(label));
    }
}
