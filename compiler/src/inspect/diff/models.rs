//! Models that patterns can tell apart: every one that is named, and of the others one of each sort.

use std::collections::BTreeSet;

use pai_bundle::name::ModelId;
use pai_bundle::pattern::Pattern;
use pai_bundle::pattern::language::{Common, common};

/// Sorts of models tried with one provider: sixteen patterns that overlap in every way have more, and nobody has them.
const SORTS_MAX: usize = 512;

/// A model that stands for all of its sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) model: ModelId,
    /// Whether a manifest or rule names it; others stand for every model that matches the same patterns.
    pub(super) is_named: bool,
    /// Patterns with stars that match it.
    pub(super) within: BTreeSet<Pattern>,
}

/// The classes, and whether they are all there are.
pub(super) struct Classes {
    pub(super) all: Vec<Class>,
    pub(super) are_complete: bool,
}

/// Whether rules may treat a model by itself, and not only by the patterns that its id matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    NameModels,
    MatchIds,
}

/// The classes that these names and patterns make.
pub(super) fn classes(named: &BTreeSet<ModelId>, patterns: &BTreeSet<Pattern>, rules: Rules) -> Classes {
    let (literals, stars): (Vec<&Pattern>, Vec<&Pattern>) =
        patterns.iter().partition(|pattern| pattern.is_literal());
    let stars: Vec<Pattern> = stars.into_iter().filter(|star| star.as_str() != "*").cloned().collect();
    let literals = literals.into_iter().filter_map(|literal| literal.as_str().parse::<ModelId>().ok());
    let literals: BTreeSet<ModelId> = literals.collect();
    let named: BTreeSet<ModelId> = named.union(&literals).cloned().collect();
    let mut split = Split {
        outside: named.iter().map(|name| Pattern::new(name.as_str())).collect(),
        stars: &stars,
        found: Classes { all: Vec::new(), are_complete: true },
    };
    split.from(0, &mut vec![Pattern::new("*")]);
    let mut found = split.found;
    let of_name = |model: ModelId| {
        let within = stars.iter().filter(|star| star.matches(model.as_str())).cloned().collect();
        Class { model, is_named: true, within }
    };
    let mut all: Vec<Class> = named.into_iter().map(of_name).collect();
    if rules == Rules::MatchIds {
        // Those that no pattern sets apart fare as their sort does, and one of them is the best example of it.
        for sort in &mut found.all {
            let is_one = |class: &Class| !literals.contains(&class.model) && class.within == sort.within;
            if let Some(example) = all.iter().find(|class| is_one(class)) {
                sort.model = example.model.clone();
            }
        }
        all.retain(|class| {
            literals.contains(&class.model) || !found.all.iter().any(|sort| sort.within == class.within)
        });
    }
    all.append(&mut found.all);
    found.all = all;
    found
}

struct Split<'a> {
    /// Names, and the stars that do not match.
    outside: Vec<Pattern>,
    stars: &'a [Pattern],
    found: Classes,
}

impl Split<'_> {
    /// Splits what `within` matches by the stars from `at` on.
    fn from(&mut self, at: usize, within: &mut Vec<Pattern>) {
        if self.found.all.len() >= SORTS_MAX {
            self.found.are_complete = false;
            return;
        }
        let lists: Vec<&[Pattern]> = within.iter().map(std::slice::from_ref).collect();
        let sample = match common(&lists, &self.outside) {
            Common::Text(sample) => sample,
            Common::Nothing => return,
            Common::Unknown => {
                self.found.are_complete = false;
                return;
            }
        };
        let Some(star) = self.stars.get(at) else {
            match sample.parse() {
                Ok(model) => self.found.all.push(Class {
                    model,
                    is_named: false,
                    within: within.iter().skip(1).cloned().collect(),
                }),
                Err(_) => self.found.are_complete = false,
            }
            return;
        };
        within.push(star.clone());
        self.from(at + 1, within);
        within.pop();
        self.outside.push(star.clone());
        self.from(at + 1, within);
        self.outside.pop();
    }
}

/// What a class that is not named is called: its narrowest patterns, and what lies within them and is not meant.
pub(super) fn label(provider: &str, class: &Class, stars: &BTreeSet<Pattern>, except: &[&ModelId]) -> String {
    let narrowest = class
        .within
        .iter()
        .filter(|pattern| !class.within.iter().any(|other| other != *pattern && pattern.covers(other)));
    let narrowest: Vec<&Pattern> = narrowest.collect();
    let not = stars.iter().filter(|star| {
        let is_inside = narrowest.is_empty() || narrowest.iter().any(|pattern| pattern.covers(star));
        !class.within.contains(*star) && star.as_str() != "*" && is_inside
    });
    let not: Vec<&Pattern> = not.collect();
    let widest = not.iter().filter(|star| !not.iter().any(|other| other != *star && other.covers(star)));
    let mut exceptions: Vec<String> = widest.map(|star| format!("{provider}/{star}")).collect();
    exceptions.extend(except.iter().map(|model| format!("{provider}/{model}")));
    let mut text = if narrowest.is_empty() {
        format!("every model of {provider}")
    } else {
        let names: Vec<String> = narrowest.iter().map(|pattern| format!("{provider}/{pattern}")).collect();
        names.join(" that is also ")
    };
    if !exceptions.is_empty() {
        text.push_str(" except ");
        text.push_str(&exceptions.join(" and "));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn patterns(texts: &[&str]) -> BTreeSet<Pattern> {
        texts.iter().copied().map(Pattern::new).collect()
    }

    #[test]
    fn every_sort_of_model_has_one_that_stands_for_it() {
        let stars = patterns(&["claude-*", "claude-opus-*", "gpt-4o"]);
        let named = ["claude-haiku-4-5".parse().expect("a model")].into();
        let found = classes(&named, &stars, Rules::MatchIds);
        assert!(found.all.iter().any(|class| !class.is_named && class.model.as_str() == "claude-haiku-4-5"));
        let found = classes(&named, &stars, Rules::NameModels);
        let labels: Vec<String> = found
            .all
            .iter()
            .map(|class| {
                if class.is_named {
                    class.model.to_string()
                } else {
                    label("p", class, &stars.iter().filter(|star| !star.is_literal()).cloned().collect(), &[])
                }
            })
            .collect();
        assert_eq!(
            labels,
            [
                "claude-haiku-4-5",
                "gpt-4o",
                "p/claude-opus-*",
                "p/claude-* except p/claude-opus-*",
                "every model of p except p/claude-*"
            ]
        );
        assert!(found.are_complete);
    }

    proptest! {
        #[test]
        fn no_text_matches_in_a_way_that_no_class_does(texts in btree_set("[ab*]{1,3}", 0..5), text in "[abc]{1,5}") {
            let patterns: BTreeSet<Pattern> = texts.into_iter().map(Pattern::new).collect();
            let found = classes(&BTreeSet::new(), &patterns, Rules::MatchIds);
            prop_assert!(found.are_complete);
            let sort = |text: &str| -> Vec<bool> { patterns.iter().map(|pattern| pattern.matches(text)).collect() };
            prop_assert!(found.all.iter().any(|class| sort(class.model.as_str()) == sort(&text)), "{text}");
        }
    }
}
