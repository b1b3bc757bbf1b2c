//! What a binding says of texts: whether they are a hit by its thresholds, and what is recorded. Never the text.

use pai_bundle::guard::{GuardBinding, PerMille};
use pai_guards::{Label, Verdict};
use serde::Serialize;

use super::reply::Finding;

/// Where a text stood. Only rules look at that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Turns of the user.
    User,
    /// Results of tools, and documents.
    Tool,
    /// What the model wrote; for rules as if a person had.
    Answer,
    /// Instructions before the conversation; for rules as if a person had written them.
    System,
}

/// The worst that a binding's classifier said of some texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// In small letters; `None` where nothing was found, and the score is nought.
    pub label: Option<String>,
    /// How sure it is of that label.
    pub score: PerMille,
    /// Whether the score reaches the label's threshold.
    pub hit: bool,
    /// For the record: ids of the rules that matched, or the labels of a service that reached their thresholds.
    pub hits: Vec<String>,
}

impl Judgement {
    /// What rules found. A combined score can hide that the rules of the other label alone reach its lower threshold.
    pub(crate) fn of_rules(binding: &GuardBinding, verdict: Verdict) -> Self {
        let Verdict { label, score, injection, jailbreak, hits } = verdict;
        let Some(label) = label else { return Self { hits, ..Self::default() } };
        let of_each = [(label, score), (Label::Injection, injection), (Label::Jailbreak, jailbreak)];
        let reached = of_each.into_iter().find(|(label, score)| {
            let score = PerMille(score.get());
            score > PerMille(0) && score >= binding.threshold(&label.to_string())
        });
        let (label, score) = reached.unwrap_or((label, score));
        Self { label: Some(label.to_string()), score: PerMille(score.get()), hit: reached.is_some(), hits }
    }

    /// What a service found in one piece.
    pub(crate) fn of_findings(binding: &GuardBinding, findings: &[Finding]) -> Self {
        let mut worst = Self::default();
        for Finding { label, score } in findings {
            let hit = *score >= binding.threshold(label);
            let label = label.to_string();
            let hits = if hit { vec![label.clone()] } else { Vec::new() };
            worst = worst.or_worse(Self { label: Some(label), score: *score, hit, hits });
        }
        worst
    }

    /// The worse of the two, the first where they are alike; with the hits of both.
    #[must_use]
    pub(crate) fn or_worse(mut self, mut other: Self) -> Self {
        let rank = |one: &Self| (one.hit, one.score, one.label.is_some());
        if rank(&other) > rank(&self) {
            std::mem::swap(&mut self, &mut other);
        }
        for hit in other.hits {
            if !self.hits.contains(&hit) {
                self.hits.push(hit);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use pai_guards::{PerMille as Score, Place as At, Rules};

    use super::*;

    /// Findings, and what comes of them: label, score, hits.
    type Row = (&'static [(&'static str, u16)], &'static str, u16, &'static [&'static str]);

    fn binding(thresholds: &[(&str, u16)]) -> GuardBinding {
        serde_json::from_value(serde_json::json!({
            "name": "default/g", "classifier": { "type": "rules" },
            "thresholds": thresholds.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
            "places": { "file": "g.yaml", "document": [1, 1], "fields": {} },
        }))
        .expect("a binding")
    }

    fn findings(list: &[(&str, u16)]) -> Vec<Finding> {
        list.iter()
            .map(|(label, score)| Finding { label: (*label).into(), score: PerMille(*score) })
            .collect()
    }

    #[test]
    fn every_label_is_held_to_its_own_threshold_and_the_worst_counts() {
        let binding = binding(&[("injection", 900), ("jailbreak", 500), ("s1", 950)]);
        let table: [Row; 8] = [
            (&[], "", 0, &[]),
            (&[("injection", 899)], "injection", 899, &[]),
            (&[("injection", 900)], "injection", 900, &["injection"]),
            (&[("injection", 899), ("jailbreak", 500)], "jailbreak", 500, &["jailbreak"]),
            (&[("s1", 949)], "s1", 949, &[]),
            (&[("unsafe", 940), ("s1", 940)], "unsafe", 940, &["unsafe"]),
            (&[("unsafe", 950), ("s1", 950)], "unsafe", 950, &["unsafe", "s1"]),
            (&[("injection", 0)], "injection", 0, &[]),
        ];
        for (list, label, score, hits) in table {
            let judgement = Judgement::of_findings(&binding, &findings(list));
            assert_eq!(judgement.label.as_deref().unwrap_or_default(), label, "{list:?}");
            assert_eq!((judgement.score, judgement.hit), (PerMille(score), !hits.is_empty()), "{list:?}");
            assert_eq!(judgement.hits, hits, "{list:?}");
        }
    }

    #[test]
    fn rules_of_each_label_are_held_to_its_threshold() {
        let score = |thousandths| Score::new(thousandths).expect("a score");
        let verdict = |label, all, injection, jailbreak| Verdict {
            label: Some(label),
            score: score(all),
            injection: score(injection),
            jailbreak: score(jailbreak),
            hits: vec!["a.b".into()],
        };
        let low = binding(&[("injection", 900), ("jailbreak", 500)]);
        let high = binding(&[("injection", 900), ("jailbreak", 950)]);
        let table = [
            (&low, verdict(Label::Injection, 880, 700, 600), "jailbreak", 600, true),
            (&high, verdict(Label::Injection, 880, 700, 600), "injection", 880, false),
            (&high, verdict(Label::Injection, 910, 700, 700), "injection", 910, true),
            (&high, verdict(Label::Jailbreak, 940, 100, 930), "jailbreak", 940, false),
        ];
        for (binding, verdict, label, score, hit) in table {
            let judgement = Judgement::of_rules(binding, verdict.clone());
            assert_eq!(judgement.label.as_deref(), Some(label), "{verdict:?}");
            assert_eq!((judgement.score, judgement.hit), (PerMille(score), hit), "{verdict:?}");
        }
        let nothing = Rules::builtin().expect("rules").scan(At::User, "Good morning!");
        assert_eq!(Judgement::of_rules(&binding(&[("injection", 0)]), nothing), Judgement::default());
    }
}
